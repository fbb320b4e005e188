import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from './operations.ts'

test('the API has 108 operations, each once', () => {
  assert.equal(operations.length, 108)
  assert.equal(new Set(operations.map((o) => o.id)).size, 108)
  assert.equal(new Set(operations.map((o) => `${o.method} ${o.path}`)).size, 108)
})

test('their groups have the sizes the specification gives them', () => {
  const sizes = new Map<string, number>()
  for (const { tag } of operations) sizes.set(tag, (sizes.get(tag) ?? 0) + 1)
  assert.equal(sizes.get('Container'), 25)
  assert.equal(sizes.get('Exec'), 4)
  assert.equal(sizes.get('Network'), 7)
  assert.equal(sizes.get('Volume'), 6)
  assert.equal(sizes.get('Plugin'), 11)
})
