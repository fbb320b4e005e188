import { test } from 'node:test'
import { buildStorm } from './build-storm.ts'

test('killed amid builds: 40 rounds', async (t) => {
  const seed = Number(process.env['KILL_SEED'] ?? 1)
  t.diagnostic(JSON.stringify(await buildStorm({ rounds: 40, seed })))
})
