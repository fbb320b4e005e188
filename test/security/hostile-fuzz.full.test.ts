import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from './hostile-fuzz.ts'

test('20,000 mutations', { timeout: 3_600_000 }, async (t) => {
  for (const name of ['one', 'two', 'three', 'four']) {
    const result = await fuzz(5000, name)
    t.diagnostic(`${name}: ${JSON.stringify(result)}`)
    assert.ok(result.taken > 500 && result.refused > 500)
  }
})
