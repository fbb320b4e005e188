import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountRace } from './mount-race.ts'

test('starts while mount points are exchanged for links: nothing appears on the host', async (t) => {
  const { started, refused } = await mountRace(40)
  t.diagnostic(`${started} started, ${refused} refused`)
  assert.ok(started > 0)
})
