import { test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { cleared, killAnywhere } from './kill-anywhere.ts'

test('killed at any moment of any verb: a few rounds', async (t) => {
  await using daemon = await TestDaemon.start()
  const seed = Number(process.env['KILL_SEED'] ?? 1)
  const report = await killAnywhere(daemon, { rounds: 5, seed })
  t.diagnostic(JSON.stringify(report))
  await cleared(daemon)
})
