import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Hasher, parseChecksum } from './checksum.ts'

test('digests that go-digest knows', () => {
  for (const [algorithm, length] of [
    ['sha256', 64],
    ['sha384', 96],
    ['sha512', 128],
  ] as const) {
    const hex = 'a'.repeat(length)
    assert.deepEqual(parseChecksum(`${algorithm}:${hex}`), { algorithm, hex })
    assert.throws(() => parseChecksum(`${algorithm}:${hex}a`), /invalid checksum digest length/)
    assert.throws(() => parseChecksum(`${algorithm}:${hex.toUpperCase()}`), /digest format/)
  }
  assert.throws(() => parseChecksum('md5:00'), /unsupported digest algorithm/)
  for (const text of ['', 'x', 'sha256:', ':00', 'sha256 :00', 'SHA256:00', '-sha256:00'])
    assert.throws(() => parseChecksum(text), /invalid checksum digest format/, text)
})

test('several digests of one content', () => {
  const hasher = new Hasher(['sha256', 'sha512', 'sha256'])
  for (const part of ['a', 'b']) hasher.update(Buffer.from(part))
  const of = (name: string): string => `${name}:${createHash(name).update('ab').digest('hex')}`
  assert.deepEqual(
    [...hasher.digests()],
    [
      ['sha256', of('sha256')],
      ['sha512', of('sha512')],
    ],
  )
})
