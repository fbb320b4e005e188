import { test } from 'node:test'
import { imageStorm } from './image-storm.ts'

test('killed amid verbs on images: a few rounds', async (t) => {
  const seed = Number(process.env['KILL_SEED'] ?? 1)
  t.diagnostic(JSON.stringify(await imageStorm({ rounds: 4, seed })))
})
