import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { cleared, race } from './lifecycle-race.ts'

test('50 clients at the same container for 5 s', async (t) => {
  await using daemon = await TestDaemon.start()
  const report = await race(daemon, {
    clients: 50,
    seconds: 5,
    seed: Number(process.env['RACE_SEED'] ?? 1),
  })
  t.diagnostic(JSON.stringify(report))
  assert.deepEqual(report.illegal, [])
  await cleared(daemon)
})
