/** Archives on their way out, past Node where that can be. */
import { pipeline } from 'node:stream/promises'
import { constants, createDeflateRaw, createGzip } from 'node:zlib'
import type { TarSource } from './backend.ts'
import type { BulkConnection } from './bulk.ts'
import type { Exchange } from './exchange.ts'

const CHUNK = 256 * 1024

/** What goes wrong under way can only be told by breaking off. */
export async function sendArchive(
  x: Exchange,
  archive: TarSource,
  contentType: string,
  encoding?: 'gzip' | 'deflate',
): Promise<void> {
  if (x.bulk) return sendDirectly(x.bulk, archive, contentType)
  const stream = archive.stream()
  const stop = (): void => void stream.destroy()
  x.signal.addEventListener('abort', stop, { once: true })
  if (x.signal.aborted) stop()
  if (encoding) x.response.setHeader('Content-Encoding', encoding)
  x.open(contentType)
  try {
    if (encoding === undefined) return await pipeline(stream, x.response)
    const options = { chunkSize: CHUNK, level: constants.Z_DEFAULT_COMPRESSION }
    const packed = encoding === 'gzip' ? createGzip(options) : createDeflateRaw(options)
    await pipeline(stream, packed, x.response)
  } catch (error) {
    if (!x.signal.aborted) throw error
  }
}

async function sendDirectly(
  bulk: BulkConnection,
  archive: TarSource,
  contentType: string,
): Promise<void> {
  let begun = false
  try {
    await bulk.send({ 'Content-Type': contentType }, (fd) => {
      begun = true
      return archive.sendTo(fd)
    })
  } finally {
    // The client was gone before its answer's head.
    if (!begun) await archive.close()
  }
}
