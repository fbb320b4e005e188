import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpRace } from './cp-race.ts'

test('a minute of archives while directories are exchanged for links', async (t) => {
  const { calls, statuses } = await cpRace(60)
  t.diagnostic(`${calls} calls, ${[...statuses].map(([s, n]) => `${s}: ${n}`).join(', ')}`)
  assert.ok((statuses.get(200) ?? 0) > 100)
})
