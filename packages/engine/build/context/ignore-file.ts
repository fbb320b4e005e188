/**
 * The ignore file that came with a context. Clients have left out what it names; what they could not
 * leave out, the file itself and the Dockerfile, goes here, as in moby (builder/remotecontext: detect.go).
 */
import { rm } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { IgnoreMatcher, ignoreFileNames, parseIgnoreFile } from '@tdocker/api/dockerignore.ts'
import { KernelError } from '@tdocker/kernel/native.ts'
import type { TreeNative } from '../copy/tree.ts'
import type { BuildContext } from './tar-context.ts'

export interface IgnoreFile {
  name: string
  rules: IgnoreMatcher
}

/** The Dockerfile's own, else the context's; undefined without one. */
export async function readIgnoreFile(
  context: BuildContext,
  dockerfile: string,
): Promise<IgnoreFile | undefined> {
  for (const name of ignoreFileNames(dockerfile || 'Dockerfile')) {
    const text = await context.file(posix.normalize(name))
    if (text === undefined) continue
    try {
      return { name, rules: new IgnoreMatcher(parseIgnoreFile(text.toString())) }
    } catch {
      // A pattern that cannot be read: the client has said so, or sent all there is.
      return undefined
    }
  }
  return undefined
}

type ContextNative = Pick<TreeNative, 'closeFd' | 'openRoot' | 'resolveIn'>

/** The same, without the files of the build itself where the rules name them. */
export function withoutBuildFiles(
  native: ContextNative,
  context: BuildContext,
  { name, rules }: IgnoreFile,
  dockerfile: string,
): BuildContext {
  if (context.isFiltered) return context
  const names = [name, dockerfile || 'Dockerfile'].filter((each) => rules.matches(each))
  if (names.length === 0) return context
  let filtered: Promise<string> | undefined
  const filter = async (): Promise<string> => {
    const directory = await context.directory()
    for (const each of names) await removeFile(native, directory, each)
    return directory
  }
  const { files, ...rest } = context
  // One that lies behind a link is found by the files alone.
  const isKnown = names.map((each) => files?.remove(posix.resolve('/', each).slice(1)) ?? false)
  return {
    ...rest,
    directory: () => (filtered ??= filter()),
    ...(files && isKnown.every(Boolean) && { files }),
  }
}

/** Links on the way are followed within the directory. Nobody else writes to it. */
async function removeFile(native: ContextNative, directory: string, name: string): Promise<void> {
  const path = posix.resolve('/', name)
  const root = native.openRoot(directory)
  try {
    const parent = await native.resolveIn({ root, path: posix.dirname(path) })
    await rm(join(directory, posix.resolve('/', parent), posix.basename(path)), { force: true })
  } catch (error) {
    if (!(error instanceof KernelError) || error.code !== 'ENOENT') throw error
  } finally {
    native.closeFd(root)
  }
}
