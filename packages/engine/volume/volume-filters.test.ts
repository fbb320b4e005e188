import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pruneMatcher, volumeMatcher } from './volume-filters.ts'
import { ANONYMOUS_LABEL, type VolumeRecord } from './volume-records.ts'

const volume = (over: Partial<VolumeRecord> = {}): VolumeRecord => ({
  name: 'data',
  driver: 'local',
  anonymous: false,
  createdNs: 0n,
  labels: { a: 'b', x: 'y=z' },
  options: {},
  users: [],
  ...over,
})
const map = (filters: Record<string, string[]>) => new Map(Object.entries(filters))
const listed = (filters: Record<string, string[]>, over: Partial<VolumeRecord> = {}): boolean =>
  volumeMatcher(map(filters))(volume(over))
const pruned = (filters: Record<string, string[]>, over: Partial<VolumeRecord> = {}): boolean =>
  pruneMatcher(map(filters))(volume(over))

test('names match as they are or as expressions, labels by key or value', () => {
  assert.ok(listed({ name: ['data'] }))
  assert.ok(listed({ name: ['nope', 'a.a$'] }))
  assert.ok(!listed({ name: ['('] }))
  assert.ok(listed({ label: ['a', 'x=y=z'] }))
  assert.ok(!listed({ label: ['a', 'toString'] }))
  assert.ok(listed({ dangling: ['1'] }))
  assert.ok(!listed({ dangling: ['true'] }, { users: ['c'] }))
  assert.throws(() => listed({ dangling: [] }), /^EngineError: invalid filter 'dangling'$/)
})

test('a prune takes unused anonymous volumes that lie here', () => {
  const anonymous = { labels: { [ANONYMOUS_LABEL]: '', a: 'b' } }
  assert.ok(!pruned({}))
  assert.ok(pruned({}, anonymous))
  assert.ok(pruned({ all: ['T'] }))
  assert.ok(!pruned({ all: ['f'] }))
  assert.ok(!pruned({ all: ['1'] }, { users: ['c'] }))
  assert.ok(!pruned({ all: ['1'] }, { options: { size: '0' } }))
  assert.ok(!pruned({ 'label!': ['a=b'] }, anonymous))
  assert.ok(pruned({ 'label!': ['a=b', 'other'] }, anonymous), 'only what has all of them stays')
  assert.throws(() => pruned({ all: ['1', '0'] }), /only one value is expected/)
})
