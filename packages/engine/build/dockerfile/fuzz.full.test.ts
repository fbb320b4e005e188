import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from './testing/fuzz.ts'

test('50,000 mutated Dockerfiles', (t) => {
  const seed = Number(process.env['FUZZ_SEED'] ?? 50_000)
  const { parsed, refused, problems, slowestMs } = fuzz(50_000, seed)
  t.diagnostic(`${parsed} parsed, ${refused} refused, slowest ${Math.round(slowestMs)} ms`)
  assert.deepEqual(problems, [])
  assert.equal(parsed + refused, 50_000)
  assert.ok(slowestMs < 1000)
})
