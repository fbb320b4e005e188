import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTarMetadata } from './tar-metadata.ts'

const stream = (flags: number, ...end: number[]): Buffer =>
  Buffer.concat([Buffer.from('TDTM\x01'), Buffer.from([flags]), Buffer.from([0x5a, 5, ...end])])

test('the size stands at the end', () => {
  assert.deepEqual(openTarMetadata(stream(0, 0x45, 0)), { size: 0, incomplete: false })
  assert.deepEqual(openTarMetadata(stream(0, 0x45, 127)), { size: 127, incomplete: false })
  assert.deepEqual(openTarMetadata(stream(0, 0x45, 0x80, 0x01)), { size: 128, incomplete: false })
  // 0x45 as a digit of the size is not the tag.
  assert.equal(openTarMetadata(stream(0, 0x45, 0x80, 0x45)).size, 0x45 * 128)
  // 2^33 + 5
  assert.equal(openTarMetadata(stream(0, 0x45, 0x85, 0x80, 0x80, 0x80, 0x20)).size, 2 ** 33 + 5)
})

test('incomplete metadata says so, and knows the size', () => {
  assert.deepEqual(openTarMetadata(stream(1, 0x45, 7)), { size: 7, incomplete: true })
})

test('what is no metadata is refused', () => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('TDTM'),
    Buffer.from('TDTM\x02\0E\0'),
    stream(0, 0x45, 0x80),
    stream(0, 0x46, 1),
    Buffer.concat([Buffer.from('TDTM\x01\0'), Buffer.alloc(20, 0x80), Buffer.from([1])]),
  ]) {
    assert.throws(() => openTarMetadata(bytes), /damaged/)
  }
})
