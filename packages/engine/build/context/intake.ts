/** A build context on its way from the client into a directory of its own. */
import { statfs } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { KernelError, type Native } from '@tdocker/kernel/native.ts'
import { cancelled, invalidParameter, isKind, system } from '../../base/errors.ts'
import { Inflater } from '../../content/inflate.ts'

export type IntakeNative = Pick<Native, 'closeFd' | 'decompressor' | 'openRoot' | 'tarUnpacker'>

/** Of what is free on the disk, a context takes no more. */
const SHARE = 0.9
/** So much is taken without a look at the disk. */
const SMALL = 1024 * 1024
/** Pieces that the unpacker is given at a time. */
const BATCH = 1024 * 1024

export interface ContextBody {
  /** A tar, maybe compressed. */
  body: Readable
  /** Whatever its first bytes look like, it is not compressed. */
  isTar?: true
  signal: AbortSignal
  /** Bytes so far, unpacked. */
  taken?: (size: number) => void
}

/**
 * Unpacks a tar, maybe compressed, into `directory`, all of it root's. Throws invalidParameter for a
 * damaged archive or one that leads out of the directory.
 */
export async function takeContext(
  native: IntakeNative,
  o: ContextBody & { directory: string },
): Promise<void> {
  const root = native.openRoot(o.directory)
  const unpacker = native.tarUnpacker({ fd: root, uid: 0, gid: 0 })
  // One for all: fresh ones would keep the collector of garbage busier than the disk.
  const batch = Buffer.allocUnsafeSlow(BATCH)
  let batched = 0
  const flush = async (): Promise<void> => {
    if (batched > 0) await unpacker.feed(batch.subarray(0, batched))
    batched = 0
  }
  try {
    const size = await inflateContext(
      native,
      { ...o, room: async () => o.directory },
      async (chunk) => {
        for (let at = 0; at < chunk.length;) {
          const taken = Math.min(BATCH - batched, chunk.length - at)
          batch.set(chunk.subarray(at, at + taken), batched)
          batched += taken
          at += taken
          if (batched === BATCH) await flush()
        }
      },
    )
    await flush()
    if (size > 0) await unpacker.end()
    else await unpacker.abort()
  } catch (error) {
    await unpacker.abort()
    throw contextError(error, o.signal)
  } finally {
    native.closeFd(root)
  }
}

/**
 * Hands over the tar; a piece is the sink's until it is done with it. `room`: a directory where there
 * must be room for it. Answers the size.
 */
export async function inflateContext(
  native: Pick<Native, 'decompressor'>,
  { body, isTar, room, signal, taken }: ContextBody & { room: () => Promise<string> },
  sink: (chunk: Uint8Array) => Promise<void>,
): Promise<number> {
  let limit: number | undefined
  let size = 0
  const take = async (chunk: Uint8Array): Promise<void> => {
    size += chunk.length
    taken?.(size)
    if (size > SMALL && size > (limit ??= await roomAt(await room())))
      throw system('build context is larger than the room on the disk')
    await sink(chunk)
  }
  const inflater = isTar ? undefined : new Inflater(take, (format) => native.decompressor(format))
  const stop = (): void => void body.destroy(cancelled('context canceled'))
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    for await (const chunk of body as AsyncIterable<Buffer>)
      if (chunk.length > 0) await (inflater ? inflater.write(chunk) : take(chunk))
    await inflater?.end()
    return size
  } catch (error) {
    inflater?.abort()
    throw contextError(error, signal)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Bytes that one build may put there. */
export async function roomAt(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize * SHARE
}

function contextError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || isKind(error, 'cancelled')) return cancelled('Build cancelled', error)
  if (!(error instanceof KernelError)) {
    const { message } = error as Error
    if (isKind(error, 'system') || isKind(error, 'invalidParameter')) return error
    return invalidParameter(`Error processing tar file: ${message}`, error)
  }
  const path = error.path ?? ''
  switch (error.code) {
    case 'EXDEV':
      return invalidParameter(
        `Error processing tar file: invalid entry name ${JSON.stringify(path)}`,
        error,
      )
    case 'EBADMSG':
      return invalidParameter(
        `Error processing tar file: ${path.startsWith('unexpected end') ? 'unexpected EOF' : 'archive/tar: invalid tar header'}`,
        error,
      )
    default:
      return system(`Error processing tar file: ${error.syscall} ${path}: ${error.code}`, error)
  }
}
