import assert from 'node:assert/strict'
import { lstatSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { cacheDirectory, RememberedDigests } from './remembered-digests.ts'

let directory: string
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'digests-'))))
afterEach(() => rmSync(directory, { recursive: true }))

const file = (): string => join(directory, 'file')
const digest = 'd'.repeat(64)
const later = 60_000

/** What a build an hour later remembers. */
function remembered(change: () => void, since = Date.now() + later): string | undefined {
  writeFileSync(file(), 'content')
  const first = new RememberedDigests(directory, '/root')
  first.learn('file', lstatSync(file()), digest, since)
  first.save()
  change()
  return new RememberedDigests(directory, '/root').find('file', lstatSync(file()))
}

test('a file that nobody touched is known again, by the same client', () => {
  assert.equal(
    remembered(() => {}),
    digest,
  )
  const { client } = new RememberedDigests(directory, '/root')
  assert.match(client, /^[0-9a-f]{64}$/)
  assert.equal(new RememberedDigests(directory, '/other').client, client)
  assert.equal(statSync(join(directory, 'client')).mode & 0o777, 0o600)
  assert.equal(
    new RememberedDigests(directory, '/other').find('file', lstatSync(file())),
    undefined,
  )
})

test('what changed in any way is not, whatever its times say', () => {
  assert.equal(
    remembered(() => writeFileSync(file(), 'longer content')),
    undefined,
  )
  assert.equal(
    remembered(() => {
      const { atime, mtime } = lstatSync(file())
      rmSync(file())
      writeFileSync(`${file()}-other`, '')
      writeFileSync(file(), 'CONTENT')
      utimesSync(file(), atime, mtime)
    }),
    undefined,
  )
})

test('one that changed when it was read is not trusted', () => {
  assert.equal(
    remembered(() => {}, Date.now()),
    undefined,
  )
})

test('a cache that is damaged or cannot be is none', () => {
  assert.equal(
    remembered(() => {
      for (const name of ['client']) writeFileSync(join(directory, name), 'x')
    }),
    digest,
  )
  assert.equal(new RememberedDigests(directory, '/root').client, '')
  assert.equal(new RememberedDigests(undefined, '/root').client, '')
  assert.equal(cacheDirectory({}), undefined)
  assert.equal(cacheDirectory({ HOME: '/dev/null' }), undefined)
  assert.equal(cacheDirectory({ XDG_CACHE_HOME: directory }), join(directory, 'tdocker', 'build'))
})
