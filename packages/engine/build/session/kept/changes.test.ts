import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ListingRow } from '@tdocker/api/build-session/listing.ts'
import { type Changes, changesOf, interrupted } from './changes.ts'

const digest = (letter: string): string => letter.repeat(64)
const file = (path: string, content: string, mtime = 1, mode = 0o644): ListingRow => [
  ...(['f', path, mode, 1, mtime] as const),
  content === '' ? '' : digest(content),
]
const directory = (path: string, mtime = 1): ListingRow => ['d', path, 0o755, 0, mtime, '']

const from = (
  before: ListingRow[],
  after: ListingRow[],
  known: Record<string, string> = {},
): Promise<Changes> =>
  changesOf(before, after, (wanted) =>
    known[wanted] === undefined ? undefined : { directory: 'x', path: known[wanted] },
  )

const nothing: Changes = { remove: [], copy: [], touch: [], want: [] }

test('what is as it was stays', async () => {
  const rows: ListingRow[] = [
    directory('a'),
    file('a/b', 'b'),
    ['h', 'a/c', 0o644, 0, 1, 'a/b'],
    ['l', 'link', 0o777, 0, 1, 'a/b'],
    ['o', 'fifo', 0o644, 0, 1, '0'],
  ]
  assert.deepEqual(await from(rows, rows), nothing)
  assert.deepEqual(await from([], rows), { ...nothing, want: [0, 1, 2, 3, 4] })
})

test('another content is wanted, with its directory and its other names', async () => {
  const rows = (content: string): ListingRow[] => [
    directory('a'),
    file('a/b', content),
    ['h', 'c', 0o644, 0, 1, 'a/b'],
    file('d', 'd'),
  ]
  assert.deepEqual(await from(rows('b'), rows('c')), { ...nothing, want: [0, 1, 2] })
  assert.deepEqual(await from(rows(''), rows('')), { ...nothing, want: [0, 1, 2] })
})

test('another time or mode alone needs no content', async () => {
  assert.deepEqual(await from([file('a', 'b')], [file('a', 'b', 2)]), { ...nothing, touch: [0] })
  assert.deepEqual(await from([file('a', 'b')], [file('a', 'b', 1, 0o600)]), {
    ...nothing,
    touch: [0],
  })
})

test('a content that is here under another name is copied', async () => {
  assert.deepEqual(await from([file('a', 'b')], [file('c', 'b')], { [digest('b')]: 'a' }), {
    ...nothing,
    remove: ['a'],
    copy: [{ row: 0, from: { directory: 'x', path: 'a' } }],
  })
})

test('what is gone is removed, of a tree the root alone, and with it what stood for others', async () => {
  const before = [
    directory('a'),
    file('a/b', 'b'),
    directory('a/c'),
    file('a/c/d', 'd'),
    file('e', 'e'),
  ]
  assert.deepEqual(await from(before, [file('e', 'e')]), { ...nothing, remove: ['a'] })
  assert.deepEqual(await from(before, [directory('a'), file('a/b', 'b'), file('e', 'e')]), {
    ...nothing,
    remove: ['a/c'],
    want: [0],
  })
  // Directories without a row of their own.
  assert.deepEqual(await from([file('x/y/z', 'z')], [file('x/w', 'w')]), {
    ...nothing,
    remove: ['x/y'],
    want: [0],
  })
})

test('a file in place of a directory, and the other way', async () => {
  const tree = [directory('a'), file('a/b', 'b')]
  assert.deepEqual(await from(tree, [file('a', 'c')]), { ...nothing, remove: ['a'], want: [0] })
  assert.deepEqual(await from([file('a', 'c')], tree), { ...nothing, remove: ['a'], want: [0, 1] })
})

test('after an interruption only what is sure counts', async () => {
  const before = [directory('a'), file('a/b', 'b'), file('c', 'c'), file('d', 'd'), file('e', 'e')]
  const after = [
    directory('a'),
    file('a/b', 'x'),
    file('c', 'c', 2),
    file('d', 'd'),
    file('f', 'f'),
  ]
  const left = interrupted(before, after, await from(before, after))
  assert.deepEqual(left, [
    file('c', 'c', 2),
    file('d', 'd'),
    ['d', 'a', 0, 0, -1, ''],
    ['f', 'a/b', 0, 0, -1, ''],
    ['f', 'f', 0, 0, -1, ''],
  ])
  assert.deepEqual(await from(left, after), { ...nothing, want: [0, 1, 4] })
  assert.deepEqual((await from(left, [file('d', 'd')])).remove.toSorted(), ['a', 'c', 'f'])
})
