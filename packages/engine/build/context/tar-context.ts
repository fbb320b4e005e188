/**
 * The context that a client sends as a tar. It is kept as it comes, its files known by their digests:
 * a build from the cache unpacks nothing, and a copy reads each file once.
 */
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import { TarIndexer } from '../cache/file-index.ts'
import { IndexedTree } from '../cache/indexed-tree.ts'
import { Spool } from '../cache/spool.ts'
import { Tree, type TreeNative } from '../copy/tree.ts'
import { MAX_DOCKERFILE, findFile, readDockerfile } from './dockerfile-text.ts'
import { type IntakeNative, inflateContext, takeContext } from './intake.ts'

export interface BuildContext {
  /** Its text: by name, empty for `Dockerfile`. */
  dockerfile(name: string): Promise<Buffer>
  /** A small regular file's bytes; undefined where there is none of that name. */
  file(name: string): Promise<Buffer | undefined>
  /** With all its files. */
  directory(): Promise<string>
  /** What is known of the files without a directory; undefined where only that can tell. */
  files?: IndexedTree
  /** Nothing is in it that its ignore file names. */
  isFiltered?: true
}

export interface TarContextOptions {
  body: Readable
  signal: AbortSignal
  /** Makes an empty one for the files; called at most once. */
  directory: () => Promise<string>
  /** For what only this build reads. */
  scratch: () => Promise<string>
  taken?: (size: number) => void
}

/** Takes all of `body`. */
export async function takeTarContext(
  native: IntakeNative & TreeNative,
  o: TarContextOptions,
): Promise<BuildContext> {
  const { signal, scratch } = o
  await using spool = new Spool(async () => posix.join(await scratch(), 'context.tar'))
  const indexer = new TarIndexer()
  await inflateContext(native, { ...o, room: scratch }, async (chunk) => {
    indexer.push(chunk)
    await spool.write(chunk)
  })
  await spool.end()
  let unpacking: Promise<string> | undefined
  const unpack = async (): Promise<string> => {
    const directory = await o.directory()
    await takeContext(native, { body: spool.stream(), isTar: true, directory, signal })
    return directory
  }
  const directory = (): Promise<string> => (unpacking ??= unpack())
  const index = indexer.end()
  if (!index) {
    // Also for what is wrong with it.
    await directory()
    return unpacked(native, directory)
  }
  const files = new IndexedTree(index, spool)
  return {
    directory,
    files,
    dockerfile: async (name) => {
      const path = posix.resolve('/', name || 'Dockerfile').slice(1)
      const text = await files.content(path, MAX_DOCKERFILE)
      if (text !== undefined && text.length > 0) return text
      return await unpacked(native, directory).dockerfile(name)
    },
    file: (name) => files.content(posix.resolve('/', name).slice(1), MAX_DOCKERFILE),
  }
}

/** A context whose files are in place. */
export function unpacked(native: TreeNative, directory: () => Promise<string>): BuildContext {
  return {
    directory,
    dockerfile: async (name) => {
      using tree = Tree.ofDirectory(native, await directory())
      return await readDockerfile(tree, name)
    },
    file: async (name) => {
      using tree = Tree.ofDirectory(native, await directory())
      return await findFile(tree, name)
    },
  }
}
