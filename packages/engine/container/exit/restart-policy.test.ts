import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideRestart } from './restart-policy.ts'

const BASE = {
  policy: { Name: 'always' },
  cancelled: false,
  manuallyStopped: false,
  exitCode: 1,
  restartCount: 0,
  delayMs: 0,
  durationMs: 0,
}
const restarts = (over: Partial<Parameters<typeof decideRestart>[0]>): boolean =>
  decideRestart({ ...BASE, ...over }).restart

test('policies', () => {
  assert.ok(!restarts({ policy: {} }))
  assert.ok(!restarts({ policy: { Name: 'no' } }))
  assert.ok(restarts({ exitCode: 0 }))
  assert.ok(restarts({ manuallyStopped: true }))
  assert.ok(!restarts({ cancelled: true }))
  assert.ok(restarts({ policy: { Name: 'unless-stopped' } }))
  assert.ok(!restarts({ policy: { Name: 'unless-stopped' }, manuallyStopped: true }))
})

test('on-failure looks at the code and counts', () => {
  const policy = { Name: 'on-failure', MaximumRetryCount: 2 }
  assert.ok(!restarts({ policy, exitCode: 0 }))
  assert.ok(restarts({ policy, restartCount: 1 }))
  assert.ok(!restarts({ policy, restartCount: 2 }))
  assert.ok(restarts({ policy: { Name: 'on-failure' }, restartCount: 1000 }))
})

test('the delay doubles up to a minute, and starts over after ten steady seconds', () => {
  let delayMs = 0
  const delays = Array.from({ length: 12 }, () => {
    delayMs = decideRestart({ ...BASE, delayMs }).delayMs
    return delayMs
  })
  assert.deepEqual(delays.slice(0, 4), [100, 200, 400, 800])
  assert.deepEqual(delays.slice(-2), [60_000, 60_000])
  assert.equal(decideRestart({ ...BASE, delayMs: 60_000, durationMs: 10_000 }).delayMs, 100)
})
