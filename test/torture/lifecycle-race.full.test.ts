import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { cleared, race } from './lifecycle-race.ts'

const LIST_LIMIT_MS = 50
/** A list takes turns of both processes, there and back; each turn may be as late as the machine is. */
const TURNS = 4

test('50 clients at the same container for 60 s; lists answer throughout', async (t) => {
  await using daemon = await TestDaemon.start()
  const report = await race(daemon, {
    clients: 50,
    seconds: 60,
    seed: Number(process.env['RACE_SEED'] ?? 60),
  })
  t.diagnostic(JSON.stringify(report))
  assert.deepEqual(report.illegal, [])
  const { list, machineLagMs } = report
  assert.ok(list.max < LIST_LIMIT_MS + TURNS * machineLagMs, JSON.stringify({ list, machineLagMs }))
  await cleared(daemon)
})
