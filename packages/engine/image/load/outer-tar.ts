/** The outer archive as members: any compression, nothing kept but the member at work. */
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { Native } from '@tdocker/kernel'
import { type Header, extract } from 'tar-stream'
import type { SocketBody } from '../../backend-types.ts'
import { EngineError, system } from '../../base/errors.ts'
import { reasonOf } from '../../content/unpack-error.ts'
import { MemberReader } from './member-reader.ts'
import { pump } from './pump.ts'

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
  body: Readable | SocketBody,
  signal: AbortSignal,
  visit: (member: OuterMember) => Promise<void>,
): Promise<void> {
  const parser = extract({})
  const closed = new Promise<void>((resolve) => parser.once('close', resolve))
  let isOpen = false
  const pumped = pump(native, body, {
    signal,
    lend: () => isOpen,
    sink: async (chunk) => {
      if (!parser.write(chunk)) await Promise.race([once(parser, 'drain'), closed])
    },
  }).then(
    () => parser.end(undefined),
    (error: unknown) => parser.destroy(error as Error),
  )
  try {
    for await (const entry of parser) {
      const { header } = entry
      isOpen = true
      const content = new MemberReader(entry as unknown as Readable, header.size ?? 0)
      await visit({ header, content })
      await content.drain()
      isOpen = false
    }
    await pumped
  } catch (error) {
    throw archiveError(error)
  } finally {
    parser.destroy()
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
