/** A build context on its way from the client into a directory of its own. */
import { statfs } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { KernelError, type Native } from '@tdocker/kernel/native.ts'
import { cancelled, invalidParameter, isKind, system } from '../../base/errors.ts'
import { Inflater } from '../../content/inflate.ts'

export type IntakeNative = Pick<Native, 'closeFd' | 'decompressor' | 'openRoot' | 'tarUnpacker'>

/** Of what is free on the disk, a context takes no more. */
const SHARE = 0.9
/** Pieces that the unpacker is given at a time. */
const BATCH = 1024 * 1024

/**
 * Unpacks a tar, maybe compressed, into `directory`, all of it root's. Throws invalidParameter for a
 * damaged archive or one that leads out of the directory.
 */
export async function takeContext(
  native: IntakeNative,
  o: {
    body: Readable
    directory: string
    signal: AbortSignal
    /** Bytes so far, unpacked. */
    taken?: (size: number) => void
  },
): Promise<void> {
  const root = native.openRoot(o.directory)
  const unpacker = native.tarUnpacker({ fd: root, uid: 0, gid: 0 })
  const limit = await roomAt(o.directory)
  let size = 0
  let batch: Uint8Array[] = []
  let batched = 0
  const flush = async (): Promise<void> => {
    if (batched === 0) return
    const whole = Buffer.concat(batch)
    batch = []
    batched = 0
    await unpacker.feed(whole)
  }
  const inflater = new Inflater(
    async (chunk) => {
      size += chunk.length
      o.taken?.(size)
      if (size > limit) throw system('build context is larger than the room on the disk')
      batch.push(Buffer.from(chunk))
      batched += chunk.length
      if (batched >= BATCH) await flush()
    },
    (format) => native.decompressor(format),
  )
  const stop = (): void => void o.body.destroy(cancelled('context canceled'))
  o.signal.addEventListener('abort', stop, { once: true })
  try {
    o.signal.throwIfAborted()
    for await (const chunk of o.body) if ((chunk as Buffer).length > 0) await inflater.write(chunk as Buffer)
    await inflater.end()
    await flush()
    if (size > 0) await unpacker.end()
    else await unpacker.abort()
  } catch (error) {
    inflater.abort()
    await unpacker.abort()
    throw contextError(error, o.signal)
  } finally {
    o.signal.removeEventListener('abort', stop)
    native.closeFd(root)
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
      return invalidParameter(`Error processing tar file: invalid entry name ${JSON.stringify(path)}`, error)
    case 'EBADMSG':
      return invalidParameter(
        `Error processing tar file: ${path.startsWith('unexpected end') ? 'unexpected EOF' : 'archive/tar: invalid tar header'}`,
        error,
      )
    default:
      return system(`Error processing tar file: ${error.syscall} ${path}: ${error.code}`, error)
  }
}
