import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wallClockNs } from './wall-clock.ts'

test('never leaves the millisecond that the clock tells, and goes forward', () => {
  let last = 0n
  for (let i = 0; i < 20_000; i++) {
    const before = BigInt(Date.now())
    const now = wallClockNs()
    const after = BigInt(Date.now())
    assert.ok(now / 1_000_000n >= before && now / 1_000_000n <= after)
    assert.ok(now >= last)
    last = now
  }
})
