import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountRace } from './mount-race.ts'

test('a thousand starts while mount points are exchanged for links', async (t) => {
  const { started, refused } = await mountRace(1000)
  t.diagnostic(`${started} started, ${refused} refused`)
  assert.ok(started > 100)
})
