import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { TAR_END, ownEntry } from '../copy/rewrite-tar.ts'
import type { TarEntry } from '../copy/tar-entry.ts'
import { type FileIndex, TarIndexer } from './file-index.ts'

type Made = Pick<TarEntry, 'name' | 'type'> & Partial<TarEntry> & { content?: string }

const tarOf = (entries: readonly Made[]): Buffer =>
  Buffer.concat([
    ...entries.map(({ content = '', ...entry }) =>
      ownEntry({ mode: entry.type === '5' ? 0o755 : 0o644, ...entry }, Buffer.from(content)),
    ),
    TAR_END,
  ])

function indexed(entries: readonly Made[], piece = 1 << 20): FileIndex | undefined {
  const tar = tarOf(entries)
  const indexer = new TarIndexer()
  for (let at = 0; at < tar.length; at += piece) indexer.push(tar.subarray(at, at + piece))
  return indexer.end()
}

const names = (index: FileIndex, path: string): string[] =>
  [...index.below(path)].map(({ entry }) => entry.name)

const file = (name: string, content = ''): Made => ({ name, type: '0', content })

test('a walk goes down a directory before its neighbours, whatever the order of the tar', () => {
  const entries = [file('b'), file('a-b/x'), file('a/y/z'), file('a/b'), file('a.txt')]
  const walk = ['a', 'a/b', 'a/y', 'a/y/z', 'a-b', 'a-b/x', 'a.txt', 'b']
  for (const order of [entries, entries.toReversed()]) {
    const index = indexed(order)!
    assert.deepEqual(names(index, ''), walk)
    assert.deepEqual(names(index, 'a'), walk.slice(1, 4))
  }
})

test('digests and places of contents, however the tar is cut', () => {
  const content = 'x'.repeat(1500)
  const entries = [
    file('empty'),
    file('./large', content),
    { name: 'link', type: '2', linkname: 'large' },
  ]
  const tar = tarOf(entries)
  for (const piece of [1, 100, 512, 1000, 4096]) {
    const index = indexed(entries, piece)!
    const large = index.find('large')!
    assert.equal(large.digest, createHash('sha256').update(content).digest('hex'))
    assert.equal(tar.toString('latin1', large.at, large.at + 1500), content)
    assert.equal(index.find('empty')!.digest, createHash('sha256').digest('hex'))
    assert.equal(index.find('link')!.entry.linkname, 'large')
  }
})

test('directories that have no entry are implied', () => {
  const index = indexed([file('deep/er/file')])!
  assert.equal(index.find('deep')?.entry.mode, 0o755)
  assert.deepEqual(names(index, 'deep'), ['deep/er', 'deep/er/file'])
})

test('what only a file system can tell has no index', () => {
  const odd: ReadonlyArray<readonly Made[]> = [
    [file('a'), file('a')],
    [file('a'), file('./a')],
    [file('../a')],
    [file('/a')],
    [file('a/../b')],
    [file('a'), file('a/b')],
    [{ name: 'a', type: '2', linkname: '/etc' }, file('a/b')],
    [file('a'), { name: 'b', type: '1', linkname: 'a' }],
    [{ name: 'pipe', type: '6' }],
    [{ name: 'disk', type: '4' }],
    [file('bytes\xff')],
    [{ ...file('a'), attributes: new Map([['SCHILY.xattr.user.a', 'b']]) }],
  ]
  for (const entries of odd) assert.equal(indexed(entries), undefined, JSON.stringify(entries))
})

test('a damaged tar has none either', () => {
  const tar = tarOf([file('a', 'content')])
  for (const damaged of [
    tar.subarray(0, 700),
    tar.subarray(0, 512),
    Buffer.from('no tar'.repeat(200)),
  ]) {
    const indexer = new TarIndexer()
    indexer.push(damaged)
    assert.equal(indexer.end(), undefined)
  }
})
