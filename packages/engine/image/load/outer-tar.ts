/** The outer archive as members: any compression, nothing kept but the member at work. */
import { once } from 'node:events'
import { type Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Native } from '@tdocker/kernel'
import { type Header, extract } from 'tar-stream'
import { EngineError, system } from '../../base/errors.ts'
import { Inflater } from '../../content/inflate.ts'
import { reasonOf } from '../../content/unpack-error.ts'
import { MemberReader } from './member-reader.ts'

export interface OuterMember {
  header: Header
  content: MemberReader
}

/**
 * Calls `visit` for each member, in order; what that leaves unread is skipped. The body is left open
 * whatever happens: an answer goes out on its connection.
 */
export async function readOuterTar(
  native: Native,
  body: Readable,
  signal: AbortSignal,
  visit: (member: OuterMember) => Promise<void>,
): Promise<void> {
  const parser = extract({})
  const closed = new Promise<void>((resolve) => parser.once('close', resolve))
  const pumped = pump(native, body, signal, async (chunk) => {
    if (!parser.write(chunk)) await Promise.race([once(parser, 'drain'), closed])
  }).then(
    () => parser.end(undefined),
    (error: unknown) => parser.destroy(error as Error),
  )
  try {
    for await (const entry of parser) {
      const { header } = entry
      const content = new MemberReader(entry as unknown as Readable, header.size ?? 0)
      await visit({ header, content })
      await content.drain()
    }
    await pumped
  } catch (error) {
    throw archiveError(error)
  } finally {
    parser.destroy()
  }
}

/** Chunk by chunk: an iterator would join what has gathered, which costs a copy of everything. */
async function pump(
  native: Native,
  body: Readable,
  signal: AbortSignal,
  sink: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const inflater = new Inflater(sink, (format) => native.decompressor(format))
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
    inflater.abort()
  }
}

const TAR_STREAM: ReadonlyArray<[RegExp, string]> = [
  [/unexpected end of data/i, 'unexpected EOF'],
  [/invalid tar header/i, 'archive/tar: invalid tar header'],
]

/** In Go's words; what already has a kind is passed on. */
function archiveError(error: unknown): unknown {
  if (error instanceof EngineError || !(error instanceof Error)) return error
  const found = TAR_STREAM.find(([pattern]) => pattern.test(error.message))
  return system(found?.[1] ?? reasonOf(error), error)
}
