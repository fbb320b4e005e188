import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from './hostile-fuzz.ts'

test('1,000 mutations: nothing outside, no crash, and what is rebuilt is the same', async (t) => {
  const result = await fuzz(1000)
  t.diagnostic(JSON.stringify(result))
  assert.ok(result.taken > 100 && result.refused > 100 && result.rebuilt > 50)
})
