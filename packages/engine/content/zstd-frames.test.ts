import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { constants, zstdCompressSync } from 'node:zlib'
import { ZstdFrames } from './zstd-frames.ts'

const skippable = (content: Buffer, low = 0): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(0x184d2a50 + low, 0)
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, content])
}

/** Frames of all kinds: of zeros, noise, nothing; with and without checksum and size. */
const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } }
const frames = [
  zstdCompressSync(Buffer.alloc(500_000)),
  zstdCompressSync(randomBytes(300_000), checksum),
  skippable(randomBytes(1000), 15),
  zstdCompressSync(''),
  skippable(Buffer.alloc(0)),
  zstdCompressSync(Buffer.from('small'), {
    params: { [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_checksumFlag]: 1 },
  }),
]

for (const step of [1, 5, 1000, 10_000_000])
  test(`pieces of ${step} bytes are cut where frames end`, () => {
    const stream = Buffer.concat(frames)
    const splitter = new ZstdFrames()
    const ends: number[] = []
    let total = 0
    for (let at = 0; at < stream.length; at += step)
      for (const part of splitter.split(stream.subarray(at, at + step))) {
        total += part.length
        ends.push(total)
      }
    assert.equal(total, stream.length)
    assert.ok(splitter.atEnd)
    let end = 0
    for (const frame of frames) assert.ok(ends.includes((end += frame.length)), `an end at ${end}`)
    if (step === 10_000_000) assert.equal(ends.length, frames.length)
  })

test('a stream that ends within a frame', () => {
  const frame = frames[1]!
  for (const size of [1, 4, 5, 8, 1000, frame.length - 1]) {
    const splitter = new ZstdFrames()
    splitter.split(frame.subarray(0, size))
    assert.ok(!splitter.atEnd, String(size))
  }
})

test('what is no frame is refused', () => {
  assert.throws(() => new ZstdFrames().split(Buffer.from('garbage')), /magic number/)
  const splitter = new ZstdFrames()
  assert.throws(() => splitter.split(Buffer.concat([frames[0]!, Buffer.from('tail')])))
})
