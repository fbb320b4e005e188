import { test } from 'node:test'
import { imageStorm } from './image-storm.ts'

test('killed amid verbs on images: 60 rounds', async (t) => {
  const seed = Number(process.env['KILL_SEED'] ?? 1)
  t.diagnostic(JSON.stringify(await imageStorm({ rounds: 60, seed })))
})
