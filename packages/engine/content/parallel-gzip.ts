/**
 * gzip on all cores, as pigz does it: blocks are deflated each on its own thread with the 32 KiB
 * before it as dictionary, end on a byte boundary (sync flush) and make one gzip member. Equal input
 * gives equal output, however it was cut into pieces.
 */
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { constants, crc32, deflateRaw } from 'node:zlib'

const deflate = promisify(deflateRaw)

const BLOCK = 512 * 1024
/** What deflate can refer back to (RFC 1951). */
const WINDOW = 32 * 1024
/** Largest stored block. */
const STORED = 0xffff
/** Method deflate, no name, no time, "fastest", unknown system (RFC 1952 section 2.3). */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff])
/** An empty last block. */
const LAST_BLOCK = Buffer.from([3, 0])
/** Higher levels take twice the time and more for a tenth less. */
const LEVEL = 1

/** Compresses a stream; memory is a few blocks per core. */
export async function* parallelGzip(
  source: AsyncIterable<Uint8Array>,
  o: { threads?: number } = {},
): AsyncGenerator<Uint8Array> {
  const atOnce = Math.max(1, o.threads ?? availableParallelism()) + 1
  const queue: Array<Promise<Uint8Array>> = []
  let crc = 0
  let size = 0
  let before: Uint8Array | undefined
  yield HEADER
  try {
    for await (const block of blocksOf(source)) {
      const deflated = deflateBlock(block, before?.subarray(-WINDOW))
      // Awaited in its turn, which may be after another one failed.
      deflated.catch(() => {})
      queue.push(deflated)
      crc = crc32(block, crc)
      size += block.length
      before = block
      if (queue.length >= atOnce) yield (await queue.shift()) ?? LAST_BLOCK
    }
    for (const deflated of queue) yield await deflated
  } finally {
    await Promise.allSettled(queue)
  }
  yield LAST_BLOCK
  yield trailer(crc, size)
}

async function deflateBlock(
  block: Uint8Array,
  dictionary: Uint8Array | undefined,
): Promise<Uint8Array> {
  if (isDense(block)) return storedBlocks(block)
  return deflate(block, {
    level: LEVEL,
    memLevel: 9,
    finishFlush: constants.Z_SYNC_FLUSH,
    // All output in one step of the thread.
    chunkSize: block.length + 1024,
    ...(dictionary && { dictionary }),
  })
}

/** Cuts or joins what comes into blocks, each in memory of its own. */
async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let block = Buffer.allocUnsafeSlow(BLOCK)
  let filled = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + BLOCK - filled)
      block.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < BLOCK) continue
      yield block
      block = Buffer.allocUnsafeSlow(BLOCK)
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}

/** Bytes looked at in a block, spread over all of it; a prime step meets every column of a table. */
const SAMPLE_STEP = 31
/** Bits per byte; what was compressed or encrypted before is above, all else well below. */
const DENSE = 7.95

/** Whether a block has next to nothing to gain: deflate takes its longest over just those. */
function isDense(block: Uint8Array): boolean {
  if (block.length < BLOCK / 8) return false
  const counts = new Uint32Array(256)
  let samples = 0
  for (let at = 0; at < block.length; at += SAMPLE_STEP) {
    const byte = block[at] ?? 0
    counts[byte] = (counts[byte] ?? 0) + 1
    samples++
  }
  let bits = 0
  for (const count of counts) if (count > 0) bits -= count * Math.log2(count / samples)
  return bits / samples > DENSE
}

/** The block as it is (RFC 1951 section 3.2.4); begins and ends on a byte boundary. */
function storedBlocks(block: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < block.length; at += STORED) {
    const part = block.subarray(at, at + STORED)
    const head = Buffer.alloc(5)
    head.writeUInt16LE(part.length, 1)
    head.writeUInt16LE(part.length ^ 0xffff, 3)
    parts.push(head, part)
  }
  return Buffer.concat(parts)
}

function trailer(crc: number, size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(crc >>> 0, 0)
  bytes.writeUInt32LE(size % 2 ** 32, 4)
  return bytes
}
