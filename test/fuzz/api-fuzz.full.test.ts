import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from './fuzz.ts'

test('20,000 mutated requests over all operations', async (t) => {
  const { statuses, problems, memory } = await fuzz({
    seed: Number(process.env['FUZZ_SEED'] ?? 20_000),
    count: 20_000,
  })
  t.diagnostic(`answers ${JSON.stringify([...statuses].sort(([a], [b]) => a - b))}`)
  t.diagnostic(`memory ${memory.map(Math.round).join(' → ')} MiB`)
  assert.deepEqual(problems, [])
  // Garbage that is not collected yet is part of it.
  assert.ok(memory[1] < 600, `${memory[0]} → ${memory[1]} MiB`)
})
