/** The outer archive as members: any compression, nothing kept but the member at work. */
import { once } from 'node:events'
import type { Readable } from 'node:stream'
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

async function pump(
  native: Native,
  body: Readable,
  signal: AbortSignal,
  sink: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const inflater = new Inflater(sink, (format) => native.decompressor(format))
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      signal.throwIfAborted()
      await inflater.write(chunk as Uint8Array)
    }
    await inflater.end()
  } finally {
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
