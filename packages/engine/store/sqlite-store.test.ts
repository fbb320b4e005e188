import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Database from 'better-sqlite3'
import { openStore } from './sqlite-store.ts'
import { sql, StoreError } from './store.ts'

const dir = mkdtempSync(join(tmpdir(), 'store-'))
after(() => rmSync(dir, { recursive: true }))

const meta = (key: string, value: string) =>
  sql`INSERT INTO meta(key, value) VALUES (${key}, ${value})`

test('a write is there after it resolved, and after reopening', async () => {
  const path = join(dir, 'a.db')
  const store = openStore({ path })
  await store.write([meta('a', '1'), meta('b', '2')])
  assert.deepEqual(
    store.all('SELECT key FROM meta ORDER BY key').map((row) => (row as { key: string }).key),
    ['a', 'b'],
  )
  await store.close()
  const again = openStore({ path })
  assert.equal(
    again.get<{ value: string }>('SELECT value FROM meta WHERE key = ?', 'b')?.value,
    '2',
  )
  await again.close()
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('a failing statement undoes its own request and no other of the group', async () => {
  const store = openStore({ path: join(dir, 'b.db') })
  const [first, second, third] = await Promise.allSettled([
    store.write([meta('x', '1')]),
    store.write([meta('y', '1'), meta('x', 'again')]),
    store.write([meta('z', '1')]),
  ])
  assert.equal(first?.status, 'fulfilled')
  assert.equal(third?.status, 'fulfilled')
  assert.ok(second?.status === 'rejected' && second.reason instanceof StoreError)
  assert.equal(second.reason.code, 'SQLITE_CONSTRAINT_PRIMARYKEY')
  assert.equal(store.all('SELECT 1 FROM meta').length, 2)
  await store.close()
})

test('a text that is no SQL fails alone, each time, and upsets no other', async () => {
  const store = openStore({ path: join(dir, 'f.db') })
  const wrong = { sql: 'INSERT INTO nowhere VALUES (?)', parameters: [1] }
  for (let i = 0; i < 2; i++) {
    await assert.rejects(store.write([meta(`lost${i}`, '1'), wrong]), /no such table: nowhere/)
    const both = await Promise.allSettled([
      store.write([wrong]),
      store.write([meta(`kept${i}`, '1'), sql`DELETE FROM meta WHERE key = ${'none'}`]),
    ])
    assert.deepEqual(
      both.map(({ status }) => status),
      ['rejected', 'fulfilled'],
    )
  }
  assert.deepEqual(
    store.all<{ key: string }>('SELECT key FROM meta ORDER BY key').map(({ key }) => key),
    ['kept0', 'kept1'],
  )
  await store.close()
})

test('nanoseconds survive as bigint, small integers come as numbers', async () => {
  const store = openStore({ path: join(dir, 'c.db') })
  const ns = 1_790_000_000_123_456_789n
  await store.write([sql`INSERT INTO event VALUES (${7}, ${ns}, 'container', 'start', 'id', '{}')`])
  assert.deepEqual(
    { ...store.get<object>('SELECT seq, time_ns FROM event') },
    { seq: 7, time_ns: ns },
  )
  await store.close()
})

test('a database of a newer daemon is refused by name', () => {
  const path = join(dir, 'd.db')
  const database = new Database(path)
  database.pragma('user_version = 999')
  database.close()
  assert.throws(() => openStore({ path }), /schema version 999.*newer tdockerd/)
})

test('a write after close is refused', async () => {
  const store = openStore({ path: join(dir, 'e.db') })
  await store.close()
  await assert.rejects(store.write([meta('a', 'b')]), /store is closed/)
})

test('a file that is mostly empty is cut, and reads and writes go on', async () => {
  const path = join(dir, 'large.db')
  const store = openStore({ path })
  const rows = Array.from(
    { length: 3000 },
    (_, n) => sql`INSERT INTO meta(key, value) VALUES (${`k${n}`}, ${'x'.repeat(6000)})`,
  )
  await store.write(rows)
  const size = (): number => statSync(path).size
  const before = size()
  await store.compact()
  assert.equal(size(), before, 'nothing is free')
  await store.write([sql`DELETE FROM meta WHERE key <> 'k7'`])
  const writes = [1, 2, 3].map((n) => store.write([sql`INSERT INTO meta VALUES (${`w${n}`}, '')`]))
  await Promise.all([store.compact(), ...writes])
  assert.ok(size() < 1_000_000, `${before} to ${size()}`)
  assert.equal(store.all('SELECT key FROM meta').length, 4)
  await store.close()
})
