import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRegistryAuth, encodeRegistryAuth } from './registry-auth.ts'

test('credentials survive both ways, padded or not', () => {
  const config = { username: 'user', password: 'pass>?wörd', serveraddress: 'localhost:5000' }
  const header = encodeRegistryAuth(config)
  assert.equal(header.length % 4, 0)
  assert.doesNotMatch(header, /[+/]/)
  assert.deepEqual(decodeRegistryAuth(header), config)
  assert.deepEqual(decodeRegistryAuth(header.replace(/=+$/, '')), config)
})

test('what is empty or unreadable is no credentials', () => {
  for (const header of [undefined, '', '%%%', 'bm90IGpzb24', encodeRegistryAuth({})]) {
    assert.equal(decodeRegistryAuth(header), undefined)
  }
})

test('keys match without regard to case, others are dropped', () => {
  const header = Buffer.from('{"UserName":"u","evil":{"a":1},"password":5}').toString('base64url')
  assert.deepEqual(decodeRegistryAuth(header), { username: 'u' })
})
