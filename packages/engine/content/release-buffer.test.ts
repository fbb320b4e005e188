import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releaseBuffer } from './release-buffer.ts'

test('what is whole is given back, a part of something larger stays', () => {
  const whole = Buffer.allocUnsafeSlow(1024)
  releaseBuffer(whole)
  assert.equal(whole.length, 0)
  const large = Buffer.allocUnsafeSlow(1024)
  releaseBuffer(large.subarray(0, 1000))
  assert.equal(large.length, 1024)
  releaseBuffer(large)
  // Once more does no harm.
  releaseBuffer(large)
})
