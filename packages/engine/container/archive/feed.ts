/** The ways of a request's body into an unpacker. */
import type { Readable } from 'node:stream'
import type { Progress, SocketBody, TarUnpacker } from '@tdocker/kernel/native.ts'
import type { SocketBody as LentSocket } from '../../backend-types.ts'
import { compressionOf, Inflater, MAGIC_LENGTH } from '../../content/inflate.ts'
import type { Context } from '../context.ts'
import { Batches } from './batches.ts'

/** Up to the end of the body; a plain archive in a socket does not pass through Node. */
export async function feed(
  ctx: Context,
  unpacker: TarUnpacker,
  body: Readable | LentSocket,
  signal: AbortSignal,
): Promise<void> {
  if (!('fd' in body)) return feedStream(ctx, unpacker, body, signal)
  const source = ctx.native.socketBody(body)
  try {
    await feedSocket(ctx, unpacker, source, body.fd, signal)
  } finally {
    await source.close()
  }
}

async function feedSocket(
  ctx: Context,
  unpacker: TarUnpacker,
  source: SocketBody,
  fd: number,
  signal: AbortSignal,
): Promise<void> {
  const first: Buffer[] = []
  let size = 0
  let progress = 'more' as Progress
  const more = async (): Promise<Buffer> => {
    if (progress === 'blocked') await readable(ctx, fd, signal)
    signal.throwIfAborted()
    const read = await source.read()
    progress = read.progress
    return read.data
  }
  while (size < MAGIC_LENGTH && progress !== 'done') {
    const data = await more()
    first.push(data)
    size += data.length
  }
  const head = Buffer.concat(first)
  if (compressionOf(head) === 'none') {
    await unpacker.feed(head)
    while (progress !== 'done') {
      if (progress === 'blocked') await readable(ctx, fd, signal)
      signal.throwIfAborted()
      progress = await unpacker.feedFrom(source)
    }
    return
  }
  const inflating = new Inflating(ctx, unpacker)
  try {
    await inflating.write(head)
    while (progress !== 'done') await inflating.write(await more())
    await inflating.end()
  } catch (error) {
    inflating.abort()
    throw error
  }
}

async function feedStream(
  ctx: Context,
  unpacker: TarUnpacker,
  body: Readable,
  signal: AbortSignal,
): Promise<void> {
  const inflating = new Inflating(ctx, unpacker)
  const stop = (): void => void body.destroy(signal.reason as Error)
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    for await (const chunk of body) await inflating.write(chunk as Buffer)
    await inflating.end()
  } catch (error) {
    inflating.abort()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

class Inflating {
  readonly #batches: Batches
  readonly #inflater: Inflater

  constructor(ctx: Context, unpacker: TarUnpacker) {
    this.#batches = new Batches((chunk) => unpacker.feed(chunk))
    this.#inflater = new Inflater(
      (chunk) => this.#batches.write(chunk),
      (format) => ctx.native.decompressor(format),
    )
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length > 0) await this.#inflater.write(chunk)
  }

  async end(): Promise<void> {
    await this.#inflater.end()
    await this.#batches.end()
  }

  abort(): void {
    this.#inflater.abort()
  }
}

async function readable(ctx: Context, fd: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const wait = ctx.native.waitReadable(fd)
  signal.addEventListener('abort', wait.cancel, { once: true })
  await wait.readable
  signal.removeEventListener('abort', wait.cancel)
}
