import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entriesToGo, keptBytes } from './prune-order.ts'
import type { CacheEntry } from './records.ts'

const entry = (
  ID: string,
  parent: string | undefined,
  more: Partial<CacheEntry> = {},
): CacheEntry => ({
  ID,
  key: ID,
  imageId: ID,
  parentImageId: parent,
  Type: 'regular',
  Description: '',
  InUse: false,
  Shared: false,
  Size: 10,
  CreatedAt: `2024-01-01T00:00:0${ID.length}Z`,
  LastUsedAt: null,
  lastUsed: 0,
  UsageCount: 0,
  ...more,
})

const ids = (entries: readonly CacheEntry[]): string[] => entries.map(({ ID }) => ID)

test('bytes that may stay, as BuildKit reckons them', () => {
  const none = { reservedSpace: 0, maxUsedSpace: 0, minFreeSpace: 0 }
  assert.equal(keptBytes(100, 50, none), 0)
  assert.equal(keptBytes(100, 50, { ...none, reservedSpace: 30 }), 30)
  assert.equal(keptBytes(100, 50, { ...none, maxUsedSpace: 40 }), 40)
  assert.equal(keptBytes(100, 50, { reservedSpace: 60, maxUsedSpace: 40, minFreeSpace: 0 }), 60)
  // Enough is free, and there is no other limit.
  assert.equal(keptBytes(100, 50, { ...none, minFreeSpace: 20 }), 100)
  assert.equal(keptBytes(100, 50, { ...none, minFreeSpace: 80 }), 70)
  assert.equal(keptBytes(100, 50, { reservedSpace: 90, maxUsedSpace: 95, minFreeSpace: 80 }), 90)
  assert.equal(keptBytes(100, 50, { ...none, maxUsedSpace: 40, minFreeSpace: 80 }), 40)
})

test('nothing goes before what was made of it', () => {
  const chain = [entry('a', undefined), entry('ab', 'a'), entry('abc', 'ab')]
  assert.deepEqual(ids(entriesToGo(chain, chain, { keep: 0, total: 30 })), ['abc', 'ab', 'a'])
  const some = [chain[0]!, chain[2]!]
  assert.deepEqual(ids(entriesToGo(some, chain, { keep: 0, total: 30 })), ['abc'])
})

test('within a budget the oldest and least used go, and no more than need be', () => {
  const entries = [
    entry('new', undefined, { lastUsed: 3, UsageCount: 1 }),
    entry('old', undefined, { lastUsed: 1, UsageCount: 0 }),
    entry('busy', undefined, { lastUsed: 2, UsageCount: 9 }),
  ]
  const go = (keep: number): string[] => ids(entriesToGo(entries, entries, { keep, total: 30 }))
  assert.deepEqual(go(30), [])
  assert.deepEqual(go(29), ['old'])
  assert.deepEqual(go(10), ['old', 'new'])
  assert.deepEqual(go(1), ['old', 'new', 'busy'])
})

test('a parent whose turn came first goes as soon as it may', () => {
  const entries = [
    entry('p', undefined, { lastUsed: 1 }),
    entry('pc', 'p', { lastUsed: 2 }),
    entry('x', undefined, { lastUsed: 3 }),
  ]
  assert.deepEqual(ids(entriesToGo(entries, entries, { keep: 15, total: 30 })), ['pc', 'p'])
})

test('what is shared frees nothing', () => {
  const entries = [entry('s', undefined, { Shared: true }), entry('o', undefined, { lastUsed: 1 })]
  assert.deepEqual(ids(entriesToGo(entries, entries, { keep: 5, total: 10 })), ['s', 'o'])
})
