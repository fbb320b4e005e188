import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noteTransient } from './transient-buffers.ts'

test('buffers that were let go of do not gather', () => {
  const size = 512 * 1024
  let most = 0
  for (let at = 0; at < 400; at++) {
    Buffer.alloc(size, 1)
    noteTransient(size)
    most = Math.max(most, process.memoryUsage().arrayBuffers)
  }
  assert.ok(most < 40 * 1024 * 1024, String(most))
  assert.equal((globalThis as { gc?: unknown }).gc, undefined)
})
