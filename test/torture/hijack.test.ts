import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { play, prepare, settled } from './hijack.ts'

test('60 attached and exec sessions of all kinds leave nothing', async (t) => {
  await using daemon = await TestDaemon.start()
  const stage = await prepare(daemon)
  const load = { sessions: 29, parallel: 8, large: { sessions: 1, bytes: 5 << 20 }, seed: 1 }
  await play(daemon, stage, load)
  const first = await settled(daemon, stage)
  await play(daemon, stage, load)
  const second = await settled(daemon, stage)
  t.diagnostic(JSON.stringify({ first, second }))
  const { daemonMemory: _a, shimMemory: _b, ...before } = first
  const { daemonMemory: _c, shimMemory: _d, ...after } = second
  assert.deepEqual(after, before)
})
