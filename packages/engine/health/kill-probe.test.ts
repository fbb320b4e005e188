import assert from 'node:assert/strict'
import { test } from 'node:test'
import { familyOf, parseStat } from './kill-probe.ts'

test('a name may look like the rest of the line', () => {
  const rest = `S 7 ${'0 '.repeat(17)}4711 0 0`
  for (const name of ['sh', 'a b', ') S 1 (x'])
    assert.deepEqual(parseStat(`42 (${name}) ${rest}\n`), { parent: 7, started: '4711' })
})

test('the family: children of children, whatever their group, and nobody else', () => {
  const stats = Object.entries({ 2: 1, 3: 2, 4: 3, 5: 1, 6: 5, 7: 7 }).map(
    ([pid, parent]) => [Number(pid), { parent, started: '0' }] as const,
  )
  assert.deepEqual(
    [...familyOf(2, new Map(stats)).keys()].sort((a, b) => a - b),
    [3, 4],
  )
  assert.deepEqual([...familyOf(7, new Map(stats)).keys()], [7])
  assert.deepEqual([...familyOf(9, new Map(stats)).keys()], [])
})
