import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRecursive, mountSentence, parseMountOptions } from './mount-flags.ts'

test('words are flags, the last of a pair wins, the rest is for the file system', () => {
  assert.deepEqual(parseMountOptions('size=1m,ro,uid=7'), { flags: 1, data: 'size=1m,uid=7' })
  assert.deepEqual(parseMountOptions('ro,rw'), { flags: 0, data: '' })
  assert.deepEqual(parseMountOptions(''), { flags: 0, data: '' })
  assert.deepEqual(parseMountOptions('constructor'), { flags: 0, data: 'constructor' })
  // As moby has it: what says nothing goes to the file system.
  assert.deepEqual(parseMountOptions('defaults'), { flags: 0, data: 'defaults' })
  assert.ok(isRecursive(parseMountOptions('rbind').flags))
  assert.ok(!isRecursive(parseMountOptions('bind').flags))
})

test('a failed mount is told as moby tells it', () => {
  const wish = { device: '/d', target: '/v/_data', flags: 0x1001, data: '', reason: 'busy' }
  assert.equal(
    mountSentence({ ...wish, operation: 'mount' }),
    'mount /d:/v/_data, flags: 0x1001: busy',
  )
  assert.equal(
    mountSentence({ ...wish, operation: 'remount-ro' }),
    'remount-ro /v/_data, flags: 0x1021: busy',
  )
  assert.equal(
    mountSentence({ ...wish, operation: 'mount', flags: 0, data: 'a=b' }),
    'mount /d:/v/_data, data: a=b: busy',
  )
})
