import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { type Held, play, prepare, restingMemory, settled } from './hijack.ts'

test('1,000 attached and exec sessions, 50 MB both ways: nothing leaks', async (t) => {
  await using daemon = await TestDaemon.start()
  const stage = await prepare(daemon)
  const load = { sessions: 332, parallel: 16, large: { sessions: 3, bytes: 50 << 20 }, seed: 1000 }
  const helds: Held[] = []
  for (let run = 0; run < 3; run++) {
    await play(daemon, stage, load)
    const held = await settled(daemon, stage)
    helds.push({ ...held, daemonMemory: await restingMemory(daemon) })
    t.diagnostic(JSON.stringify(helds.at(-1)))
  }
  const [, second, third] = helds as [Held, Held, Held]
  const { daemonMemory: before, shimMemory: shimsBefore, ...heldBefore } = second
  const { daemonMemory: after, shimMemory: shimsAfter, ...heldAfter } = third
  assert.deepEqual(heldAfter, heldBefore)
  assert.ok(after < before * 1.1, `daemon: ${before} → ${after} MiB`)
  for (const [n, memory] of shimsAfter.entries())
    assert.ok(memory < shimsBefore[n]! + 1, `shim: ${shimsBefore[n]} → ${memory} MiB`)
})
