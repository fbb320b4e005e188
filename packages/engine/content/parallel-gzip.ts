/**
 * gzip on all cores, as pigz does it: blocks are deflated each on its own thread with the 32 KiB
 * before it as dictionary, end on a byte boundary (sync flush) and make one gzip member. Equal input
 * gives equal output, however it was cut into pieces.
 */
import { availableParallelism } from 'node:os'
import { crc32 } from 'node:zlib'

const BLOCK = 1024 * 1024
/** What deflate can refer back to (RFC 1951). */
const WINDOW = 32 * 1024
/** Method deflate, no name, no time, "fastest", unknown system (RFC 1952 section 2.3). */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff])
/** An empty last block. */
const LAST_BLOCK = Buffer.from([3, 0])

/** `native.deflateBlock`: from `start` on, with what is before as dictionary, to a byte boundary. */
export type Deflate = (o: Block) => Promise<Uint8Array>

/** Compresses a stream; memory is a few blocks per core. Pieces belong to who takes them. */
export async function* parallelGzip(
  source: AsyncIterable<Uint8Array>,
  o: { deflate: Deflate; threads?: number },
): AsyncGenerator<Uint8Array> {
  const atOnce = Math.max(1, o.threads ?? availableParallelism()) + 1
  const queue: Array<{ deflated: Promise<Uint8Array>; block: Block }> = []
  // Blocks whose memory serves again: pages that are new cost as much as filling them.
  const free: Buffer[] = []
  let crc = 0
  let size = 0
  yield Buffer.from(HEADER)
  try {
    for await (const block of blocksOf(source, free)) {
      const deflated = o.deflate(block)
      // Awaited in its turn, which may be after another one failed.
      deflated.catch(() => {})
      queue.push({ deflated, block })
      const bytes = block.data.subarray(block.start)
      crc = crc32(bytes, crc)
      size += bytes.length
      const first = queue.length < atOnce ? undefined : queue.shift()
      if (!first) continue
      yield await first.deflated
      // The one after it has its window already.
      if (first.block.start === WINDOW) free.push(first.block.data)
    }
    for (const { deflated } of queue) yield await deflated
  } finally {
    await Promise.allSettled(queue.map(({ deflated }) => deflated))
  }
  yield Buffer.from(LAST_BLOCK)
  yield trailer(crc, size)
}

interface Block {
  /** The window before it, then its own bytes from `start` on. */
  data: Buffer
  start: number
}

/** Cuts or joins what comes into blocks, each in memory of its own. */
async function* blocksOf(source: AsyncIterable<Uint8Array>, free: Buffer[]): AsyncGenerator<Block> {
  let data: Buffer = Buffer.allocUnsafeSlow(BLOCK)
  let [start, filled] = [0, 0]
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + data.length - filled)
      data.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < data.length) continue
      yield { data, start }
      const window = data.subarray(-WINDOW)
      data = free.pop() ?? Buffer.allocUnsafeSlow(WINDOW + BLOCK)
      data.set(window)
      start = filled = WINDOW
    }
  }
  if (filled > start) yield { data: data.subarray(0, filled), start }
}

function trailer(crc: number, size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(crc >>> 0, 0)
  bytes.writeUInt32LE(size % 2 ** 32, 4)
  return bytes
}
