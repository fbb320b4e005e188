import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChunkSender, Native } from '@tdocker/kernel/native.ts'
import type { TarSource } from '../../backend-types.ts'
import { releaseBuffer } from '../../content/release-buffer.ts'

/** A slow client is asked again after so long; each time costs a thread. */
const SLOW_CLIENT_MS = { first: 10, longest: 250 }

/**
 * An archive that is made as it goes out, of pieces that are nobody else's; `done` is called once, when
 * nothing is read any more.
 */
export function bytesSource(o: {
  native: Native
  bytes: AsyncGenerator<Buffer>
  done: () => void
}): TarSource {
  let isDone = false
  const finish = (): void => {
    if (isDone) return
    isDone = true
    o.done()
  }
  return {
    stream: () => {
      const stream = Readable.from(o.bytes, { objectMode: false, highWaterMark: 1 })
      // Also when it is destroyed before its first byte, which a generator does not hear of.
      return stream.once('close', finish)
    },
    sendTo: async (fd) => {
      const sender = o.native.chunkSender({ fd })
      try {
        await sendAll(sender, o.bytes)
      } finally {
        await sender.close()
        finish()
      }
    },
    close: async () => finish(),
  }
}

/** The next piece is made ready while one is on its way. */
async function sendAll(sender: ChunkSender, bytes: AsyncGenerator<Buffer>): Promise<void> {
  let ahead = bytes.next()
  try {
    for (let piece = await ahead; !piece.done; piece = await ahead) {
      ahead = bytes.next()
      // It may fail before anybody asks for it.
      ahead.catch(() => {})
      await sendChunk(sender, piece.value)
      releaseBuffer(piece.value)
    }
    await sendChunk(sender, Buffer.alloc(0))
  } finally {
    await ahead.catch(() => {})
    await bytes.return(undefined)
  }
}

async function sendChunk(sender: ChunkSender, chunk: Buffer): Promise<void> {
  let waitMs = SLOW_CLIENT_MS.first
  let progress = await sender.send(chunk)
  while (progress !== 'done') {
    if (progress === 'stalled') waitMs = Math.min(waitMs * 2, SLOW_CLIENT_MS.longest)
    else waitMs = SLOW_CLIENT_MS.first
    await delay(waitMs)
    progress = await sender.resume()
  }
}
