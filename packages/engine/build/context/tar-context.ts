/**
 * The context that a client sends as a tar. A small one stays in memory until a step reads files, so
 * that a build from the cache writes nothing.
 */
import { Readable } from 'node:stream'
import { type Header, extract } from 'tar-stream'
import { compressionOf } from '../../content/inflate.ts'
import { Tree, type TreeNative } from '../copy/tree.ts'
import { readDockerfile } from './dockerfile-text.ts'
import { type IntakeNative, takeContext } from './intake.ts'

/** Bytes of a tar that is kept in memory. */
const SMALL = 256 * 1024

export interface BuildContext {
  /** Its text: by name, empty for `Dockerfile`. */
  dockerfile(name: string): Promise<Buffer>
  /** With all its files. */
  directory(): Promise<string>
}

/** Takes all of `body`. `directory` makes an empty one, and is called at most once. */
export async function takeTarContext(
  native: IntakeNative & TreeNative,
  o: { body: Readable; signal: AbortSignal; directory: () => Promise<string>; taken?: (size: number) => void },
): Promise<BuildContext> {
  const { head, rest } = await readAhead(o.body, SMALL)
  const unpack = async (body: Readable): Promise<string> => {
    const directory = await o.directory()
    await takeContext(native, { body, directory, signal: o.signal, ...(o.taken && { taken: o.taken }) })
    return directory
  }
  const small = rest === undefined ? await plainFiles(head) : undefined
  if (!small) {
    const directory = await unpack(rest ?? oneOf(head))
    return unpacked(native, async () => directory)
  }
  let directory: Promise<string> | undefined
  const whole = (): Promise<string> => (directory ??= unpack(oneOf(head)))
  return {
    directory: whole,
    dockerfile: async (name) => {
      const text = small.get(name || 'Dockerfile')
      if (text !== undefined && text.length > 0) return text
      return await unpacked(native, whole).dockerfile(name)
    },
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
  }
}

function oneOf(bytes: Buffer): Readable {
  return Readable.from([bytes], { objectMode: false })
}

/** The first bytes, and what follows: undefined where they are all. */
async function readAhead(
  body: Readable,
  limit: number,
): Promise<{ head: Buffer; rest: Readable | undefined }> {
  const source = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  const parts: Buffer[] = []
  let size = 0
  while (size <= limit) {
    const { value, done } = await source.next()
    if (done) return { head: Buffer.concat(parts), rest: undefined }
    parts.push(value)
    size += value.length
  }
  const rest = async function* (): AsyncGenerator<Buffer> {
    yield* parts
    yield* { [Symbol.asyncIterator]: () => source }
  }
  return { head: Buffer.alloc(0), rest: Readable.from(rest(), { objectMode: false }) }
}

/** By name; undefined for a tar of which only the unpacker can tell what is in it. */
async function plainFiles(tar: Buffer): Promise<Map<string, Buffer> | undefined> {
  if (tar.length < 1024 || compressionOf(tar) !== 'none') return undefined
  const files = new Map<string, Buffer>()
  const parser = extract({})
  parser.end(tar)
  try {
    for await (const entry of parser) {
      const { header } = entry
      if (!isPlain(header) || files.has(header.name)) return undefined
      const content = await readAll(entry as unknown as AsyncIterable<Buffer>)
      if (header.type === 'file') files.set(header.name.replace(/^\.\//, ''), content)
    }
    return files
  } catch {
    // The unpacker words it.
    return undefined
  } finally {
    parser.destroy()
  }
}

/** Nothing that leads elsewhere. */
function isPlain({ type, name }: Header): boolean {
  const known = type === 'file' || type === 'directory'
  return known && !name.startsWith('/') && !name.split('/').includes('..')
}

async function readAll(entry: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of entry) parts.push(part)
  return Buffer.concat(parts)
}
