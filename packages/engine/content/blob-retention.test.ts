import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { openStore } from '../store/sqlite-store.ts'
import { type Store, sql } from '../store/store.ts'
import { BlobRetention, type ContentRetention, lowMark } from './blob-retention.ts'

const GIB = 1024 ** 3

let dir: string
let store: Store
let removed: string[]
let held: Set<string>
let needed: Set<string>
let freeBytes: number

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'retention-'))
  store = openStore({ path: join(dir, 'state.db') })
  removed = []
  held = new Set()
  needed = new Set()
  freeBytes = 100 * GIB
  await store.write(
    [1, 2, 3, 4].map(
      (n) => sql`INSERT INTO blob (digest, size, media_type, created_at, last_used_at)
        VALUES (${`sha256:${n}`}, ${GIB}, '', 0, ${10 - n})`,
    ),
  )
})
afterEach(async () => {
  await store.close()
  rmSync(dir, { recursive: true })
})

function retention(policy: ContentRetention): BlobRetention {
  return new BlobRetention({
    policy,
    store,
    layers: {
      flushUse: async () => {},
      leaveBlobs: () => () => {},
      isBlobInUse: (digest) => held.has(digest),
      removeStrayBlob: async (digest) => {
        assert.equal(store.get('SELECT 1 FROM blob WHERE digest = ?', digest), undefined)
        removed.push(digest)
      },
    },
    isNeeded: async (digest) => needed.has(digest),
    space: async () => ({ freeBytes, totalBytes: 1000 * GIB }),
    onError: (what, error) => assert.fail(`${what}: ${String(error)}`),
  })
}

async function check(policy: ContentRetention): Promise<void> {
  const checked = retention(policy)
  checked.check()
  // The check under way is awaited.
  await new Promise((resolve) => setTimeout(resolve, 50))
  await checked.close()
}

test('the mark is a tenth, and at most 5 GiB', () => {
  assert.equal(lowMark(10 * GIB), GIB)
  assert.equal(lowMark(1000 * GIB), 5 * GIB)
})

test('auto: nothing while there is room, then the least recently used until there is a quarter more', async () => {
  await check('auto')
  assert.deepEqual(removed, [])
  freeBytes = 4.5 * GIB
  await check('auto')
  assert.deepEqual(removed, ['sha256:4', 'sha256:3'])
})

test('what somebody works with stays, and what a layer needs', async () => {
  held.add('sha256:4')
  needed.add('sha256:2')
  freeBytes = 0
  await check('auto')
  assert.deepEqual(removed, ['sha256:3', 'sha256:1'])
})

test('keep gives nothing up, drop everything', async () => {
  freeBytes = 0
  await check('keep')
  assert.deepEqual(removed, [])
  freeBytes = 900 * GIB
  await check('drop')
  assert.equal(removed.length, 4)
})

test('giving up tells digests and bytes', async () => {
  const given = await retention('keep').giveUp()
  assert.deepEqual(given, { digests: [4, 3, 2, 1].map((n) => `sha256:${n}`), bytes: 4 * GIB })
})
