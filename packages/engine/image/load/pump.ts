/** A request's body, inflated, into a sink: from Node's stream, or straight from the socket. */
import { type Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Native } from '@tdocker/kernel'
import type { Progress } from '@tdocker/kernel/native.ts'
import type { SocketBody } from '../../backend-types.ts'
import { Inflater, MAGIC_LENGTH, type Sink, compressionOf } from '../../content/inflate.ts'

export interface PumpOptions {
  signal: AbortSignal
  /**
   * Whether a chunk that is read now may be lent: it is copied by whoever takes it, and taken before the
   * next but one is.
   */
  lend: () => boolean
  sink: Sink
}

export async function pump(
  native: Native,
  body: Readable | SocketBody,
  o: PumpOptions,
): Promise<void> {
  const inflater = new Inflater(o.sink, (format) => native.decompressor(format))
  try {
    if ('fd' in body) await pumpSocket(native, body, inflater, o)
    else await pumpStream(body, inflater, o.signal)
  } finally {
    inflater.abort()
  }
}

/** Chunk by chunk: an iterator would join what has gathered, which costs a copy of everything. */
async function pumpStream(body: Readable, inflater: Inflater, signal: AbortSignal): Promise<void> {
  const writable = new Writable({
    write: (chunk: Uint8Array, _encoding, done) =>
      void inflater.write(chunk).then(() => done(), done),
    final: (done) => void inflater.end().then(() => done(), done),
  })
  const stop = (error: Error): void => void writable.destroy(error)
  const onAbort = (): void => stop(signal.reason as Error)
  const onClose = (): void => {
    if (!body.readableEnded) stop(new Error('unexpected EOF'))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  body.on('error', stop).on('close', onClose)
  try {
    signal.throwIfAborted()
    if (body.destroyed) throw new Error('unexpected EOF')
    body.pipe(writable)
    await finished(writable)
  } finally {
    signal.removeEventListener('abort', onAbort)
    body.unpipe(writable)
    body.off('close', onClose)
  }
}

/** Native code fills up to so much at once, and needs room for half of it. */
const CHUNK = 2 * 1024 * 1024
/** Of less than this a stream takes several before it makes the writer wait: they are not lent. */
const SMALL = 64 * 1024
/** One being filled, one with the parser, one being taken; and some to spare. */
const LENT_CHUNKS = 6

async function pumpSocket(
  native: Native,
  body: SocketBody,
  inflater: Inflater,
  o: PumpOptions,
): Promise<void> {
  const source = native.socketBody(body)
  const memory = new ChunkMemory(o.lend)
  let progress = 'more' as Progress
  const read = async (): Promise<Buffer> => {
    if (progress === 'blocked') await readable(native, body.fd, o.signal)
    o.signal.throwIfAborted()
    const chunk = memory.next()
    const done = await source.readInto(chunk)
    progress = done.progress
    return done.size < SMALL
      ? Buffer.from(chunk.subarray(0, done.size))
      : chunk.subarray(0, done.size)
  }
  let ahead: Promise<Buffer> | undefined = read()
  try {
    while (ahead) {
      const chunk: Buffer = await ahead
      memory.look(chunk)
      // Read while this one is being taken.
      ahead = progress === 'done' ? undefined : read()
      ahead?.catch(() => {})
      if (chunk.length > 0) await inflater.write(chunk)
    }
    await inflater.end()
  } finally {
    await ahead?.catch(() => {})
    await source.close()
  }
}

/** Where chunks are read to: the same few again and again, where that can be. */
class ChunkMemory {
  readonly #lend: () => boolean
  readonly #lent: Buffer[] = []
  #at = 0
  /** Nothing is known before the first bytes. What inflates keeps chunks for as long as it likes. */
  #isPlain = false
  #hasLooked = false

  constructor(lend: () => boolean) {
    this.#lend = lend
  }

  look(first: Buffer): void {
    if (this.#hasLooked || first.length === 0) return
    this.#hasLooked = true
    this.#isPlain = first.length >= MAGIC_LENGTH && compressionOf(first) === 'none'
  }

  next(): Buffer {
    if (!this.#isPlain || !this.#lend()) return Buffer.allocUnsafeSlow(CHUNK)
    const at = this.#at++ % LENT_CHUNKS
    return (this.#lent[at] ??= Buffer.allocUnsafeSlow(CHUNK))
  }
}

async function readable(native: Native, fd: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const wait = native.waitReadable(fd)
  signal.addEventListener('abort', wait.cancel, { once: true })
  await wait.readable
  signal.removeEventListener('abort', wait.cancel)
}
