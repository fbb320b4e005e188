import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DigestVerifier,
  chainIds,
  digestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
  shortId,
  verifyBytes,
} from './digest.ts'

const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

test('what is a digest, and what is not', () => {
  assert.equal(parseDigest(EMPTY), EMPTY)
  assert.ok(isDigest(`sha512:${'0'.repeat(128)}`))
  const refused: Array<[string, string]> = [
    ['', 'invalid checksum digest format'],
    ['sha256', 'invalid checksum digest format'],
    ['sha256:', 'invalid checksum digest format'],
    [':abc', 'invalid checksum digest format'],
    ['sha256:../../../etc/passwd', 'invalid checksum digest format'],
    [`sha256:${'0'.repeat(63)}/`, 'invalid checksum digest format'],
    [`sha256:${'0'.repeat(63)}`, 'invalid checksum digest length'],
    [`sha256:${'0'.repeat(65)}`, 'invalid checksum digest length'],
    [`sha256:${'A'.repeat(64)}`, 'invalid checksum digest format'],
    [`sha256:${'0'.repeat(64)}\n`, 'invalid checksum digest format'],
    [`md5:${'0'.repeat(32)}`, 'unsupported digest algorithm'],
    [`__proto__:${'0'.repeat(32)}`, 'invalid checksum digest format'],
    [`constructor:${'0'.repeat(32)}`, 'unsupported digest algorithm'],
  ]
  for (const [text, message] of refused) assert.throws(() => parseDigest(text), { message }, text)
})

test('parts and digests of bytes', () => {
  assert.equal(digestAlgorithm(EMPTY), 'sha256')
  assert.equal(digestHex(EMPTY).length, 64)
  assert.equal(shortId(EMPTY), 'e3b0c44298fc')
  assert.equal(digestOf(Buffer.alloc(0)), EMPTY)
  assert.ok(verifyBytes(digestOf('abc', 'sha512'), Buffer.from('abc')))
  assert.ok(!verifyBytes(EMPTY, Buffer.from('abc')))
})

test('piece by piece', () => {
  const verifier = new DigestVerifier(digestOf('hello world'))
  verifier.update(Buffer.from('hello '))
  verifier.update(Buffer.from('world'))
  assert.ok(verifier.verified())
  assert.ok(verifier.verified())
  assert.ok(!new DigestVerifier(digestOf('x')).verified())
})

test('chain ids are those of the image specification', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((text) => digestOf(text)) as [string, string, string]
  assert.deepEqual(chainIds([]), [])
  assert.deepEqual(chainIds([a, b, c]), [
    a,
    digestOf(`${a} ${b}`),
    digestOf(`${digestOf(`${a} ${b}`)} ${c}`),
  ])
})
