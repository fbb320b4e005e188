import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WallClock, wallClockNs } from './wall-clock.ts'

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

test('a wavering clock does not take it back, one that is set does', () => {
  let monotonicNs = 0n
  const wall = [1000, 1001, 1001, 1002, 1001, 1002, 900]
  const clock = new WallClock({
    wallMs: () => (wall.length > 1 ? wall.shift()! : wall[0]!),
    monotonicNs: () => (monotonicNs += 100_000n),
  })
  const first = clock.now()
  assert.equal(first, 1_002_000_000n)
  assert.equal(clock.now(), first)
  assert.ok(clock.now() >= first)
  assert.ok(clock.now() < 901_000_000n)
})
