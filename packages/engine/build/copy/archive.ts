/** ADD of an archive: what is in it, at its place. Archives are known by their content. */
import { open } from 'node:fs/promises'
import { posix } from 'node:path'
import type { Decompressor } from '@tdocker/kernel/native.ts'
import { system } from '../../base/errors.ts'
import { Inflater } from '../../content/inflate.ts'
import { BLOCK, isZero, readHead } from './tar-entry.ts'
import { type EditEntry, rewriteTar } from './rewrite-tar.ts'
import type { SourceTree } from './source-tree.ts'

export type ArchiveFormats = (format: 'xz' | 'bzip2') => Decompressor

/** Whether a regular file, pinned, is a tar, maybe compressed. */
export async function isArchive(fd: number, formats: ArchiveFormats): Promise<boolean> {
  const chunks = contentOf(fd)
  try {
    for await (const head of inflated(chunks, formats)) {
      if (head.length < BLOCK) return false
      const block = Buffer.from(head.subarray(0, BLOCK))
      if (isZero(block)) return false
      readHead(block)
      return true
    }
    return false
  } catch {
    // No tar, or a damaged one: it is copied as it is.
    return false
  }
}

export interface Archive {
  tree: Pick<SourceTree, 'open'>
  path: string
  /** Where it is unpacked. */
  prefix: string
  formats: ArchiveFormats
  signal: AbortSignal
}

/**
 * Which of its entries, counted from 0, are told again later on: files that were replaced, or
 * directories. Those that hard links were made to stay, as the links need what was there.
 */
export async function toldAgain(o: Archive): Promise<ReadonlySet<number>> {
  const last = new Map<string, number>()
  const again: Array<[name: string, at: number]> = []
  const linked = new Set<string>()
  let count = -1
  const scan = unpackedArchive({
    ...o,
    edit: ({ name, type, linkname }) => {
      count++
      const before = last.get(name)
      if (before !== undefined) again.push([name, before])
      last.set(name, count)
      if (type === '1') linked.add(linkname)
      return undefined
    },
  })
  for await (const _part of scan);
  return new Set(again.filter(([name]) => !linked.has(name)).map(([, at]) => at))
}

export async function* unpackedArchive(
  o: Archive & {
    /** Names, also of hard links' targets, are absolute. */
    edit: EditEntry
  },
): AsyncGenerator<Buffer> {
  using pinned = await o.tree.open(o.path)
  if (!pinned) throw system(`ADD failed: ${o.path} is gone`)
  const prefix = Buffer.from(o.prefix).toString('latin1')
  const at = (name: string): string => `${prefix}/${posix.resolve('/', name)}`
  yield* rewriteTar(inflated(contentOf(pinned.fd), o.formats), (entry) => {
    o.signal.throwIfAborted()
    // The directory that everything is put into stays as it is.
    if (posix.resolve('/', entry.name) === '/') return undefined
    const linkname = entry.type === '1' ? at(entry.linkname) : entry.linkname
    return o.edit({ ...entry, name: at(entry.name), linkname })
  })
}

async function* contentOf(fd: number): AsyncGenerator<Buffer> {
  // A pinned regular file: there is nothing on this way that could lead elsewhere.
  await using file = await open(`/proc/self/fd/${fd}`, 'r')
  const size = 1024 * 1024
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

/** One inflated piece at a time; a consumer that stops ends it all. */
async function* inflated(
  chunks: AsyncIterable<Buffer>,
  formats: ArchiveFormats,
): AsyncGenerator<Uint8Array> {
  const pieces = new Handover()
  const inflater = new Inflater((piece) => pieces.put(piece), formats)
  const work = (async () => {
    for await (const chunk of chunks) {
      if (pieces.closed) return
      await inflater.write(chunk)
    }
    await inflater.end()
  })().then(
    () => pieces.end(),
    (error: unknown) => pieces.end(error),
  )
  try {
    yield* pieces.take()
  } finally {
    pieces.close()
    inflater.abort()
    await work
  }
}

/** From a sink that is awaited to whoever iterates. */
class Handover {
  #piece: Uint8Array | undefined
  #taken: (() => void) | undefined
  #wake: (() => void) | undefined
  #done = false
  #error: unknown
  closed = false

  async put(piece: Uint8Array): Promise<void> {
    if (this.closed) throw new Error('closed')
    this.#piece = piece
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#taken = resolve
    this.#wake?.()
    await promise
  }

  end(error?: unknown): void {
    this.#done = true
    this.#error = error
    this.#wake?.()
  }

  close(): void {
    this.closed = true
    this.#taken?.()
  }

  async *take(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#piece) {
        yield this.#piece
        this.#piece = undefined
        this.#taken?.()
        continue
      }
      if (this.#done) {
        if (this.#error !== undefined) throw this.#error as Error
        return
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }
}
