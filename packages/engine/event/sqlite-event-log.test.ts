import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, afterEach, test } from 'node:test'
import { openStore } from '../store/sqlite-store.ts'
import { sql, type Store } from '../store/store.ts'
import type { EngineEvent, NewEvent } from './event-log.ts'
import { SqliteEventLog } from './sqlite-event-log.ts'

const dir = mkdtempSync(join(tmpdir(), 'events-'))
let path: string
let store: Store
let log: SqliteEventLog
let files = 0
beforeEach(() => {
  path = join(dir, `${files++}.db`)
  store = openStore({ path })
  log = new SqliteEventLog(store)
})
afterEach(() => {
  log.close()
  return store.close()
})
after(() => rmSync(dir, { recursive: true }))

const event = (action: string): NewEvent => ({
  type: 'container',
  action,
  actorId: 'c1',
  attributes: { name: 'web' },
})
const all = { matches: () => true }

async function take(stream: AsyncIterable<EngineEvent>, count: number): Promise<string[]> {
  const actions: string[] = []
  for await (const { action } of stream) if (actions.push(action) === count) break
  return actions
}

test('history and live events meet without loss or repetition', async () => {
  await log.commit([], [event('create'), event('start')])
  const abort = new AbortController()
  const reader = take(log.stream({ ...all, sinceNs: 0n, signal: abort.signal }), 4)
  await log.commit([], [event('die')])
  await log.commit([], [event('destroy')])
  assert.deepEqual(await reader, ['create', 'start', 'die', 'destroy'])
})

test('without since only what comes after is seen', async () => {
  await log.commit([], [event('create')])
  const reader = take(log.stream({ ...all, signal: new AbortController().signal }), 1)
  await log.commit([], [event('start')])
  assert.deepEqual(await reader, ['start'])
})

test('an until in the past ends at once', async () => {
  await log.commit([], [event('create')])
  const now = BigInt(Date.now() + 1000) * 1_000_000n
  const { signal } = new AbortController()
  const seen: string[] = []
  for await (const { action } of log.stream({ ...all, sinceNs: 0n, untilNs: 1n, signal }))
    seen.push(action)
  assert.deepEqual(seen, [])
  const until = log.stream({ ...all, sinceNs: 0n, untilNs: now - 900_000_000n, signal })
  assert.deepEqual(await take(until, 5), ['create'])
})

test('an event of a failed transaction is neither stored nor published', async () => {
  const abort = new AbortController()
  const reader = take(log.stream({ ...all, signal: abort.signal }), 1)
  await assert.rejects(log.commit([sql`INSERT INTO nowhere VALUES (1)`], [event('lost')]))
  await log.commit([], [event('kept')])
  assert.deepEqual(await reader, ['kept'])
  assert.equal(store.all('SELECT 1 FROM event').length, 1)
})

test('the log goes on over a restart with rising numbers', async () => {
  await log.commit([], [event('create')])
  log.close()
  await store.close()
  store = openStore({ path })
  log = new SqliteEventLog(store)
  await log.commit([], [event('start')])
  const { signal } = new AbortController()
  assert.deepEqual(await take(log.stream({ ...all, sinceNs: 0n, signal }), 2), ['create', 'start'])
})

test('abort ends a waiting reader', async () => {
  const abort = new AbortController()
  const reader = take(log.stream({ ...all, signal: abort.signal }), 1)
  abort.abort()
  assert.deepEqual(await reader, [])
})

test('an until alone tells the past', async () => {
  await log.commit([], [event('create'), event('start')])
  const untilNs = BigInt(Date.now() + 50) * 1_000_000n
  const { signal } = new AbortController()
  assert.deepEqual(await take(log.stream({ ...all, untilNs, signal }), 9), ['create', 'start'])
  await log.commit([], [event('die')])
  assert.deepEqual(await take(log.stream({ ...all, untilNs, signal }), 9), ['create', 'start'])
})

test('a slow reader loses nothing while the rows are there', async () => {
  const { signal } = new AbortController()
  const stream = log.stream({ ...all, signal })[Symbol.asyncIterator]()
  const first = stream.next()
  await log.commit([], [event('0')])
  const seen = [(await first).value as EngineEvent]
  for (let i = 1; i < 4000; i += 100)
    await log.commit(
      [],
      Array.from({ length: 100 }, (_, n) => event(String(i + n))),
    )
  while (seen.length < 4000) seen.push((await stream.next()).value as EngineEvent)
  assert.deepEqual(
    seen.map(({ action }) => Number(action)),
    Array.from({ length: 4000 }, (_, i) => i),
  )
  await stream.return?.()
})

test('old rows are deleted, and a reader that had not read them is told', async () => {
  log.close()
  log = new SqliteEventLog(store, { limits: { rows: 50, every: 100 } })
  const { signal } = new AbortController()
  const slow = log.stream({ ...all, signal })[Symbol.asyncIterator]()
  const first = slow.next()
  await log.commit([], [event('0')])
  assert.equal(((await first).value as EngineEvent).action, '0')
  // More than memory holds, so that only the database could tell the slow reader.
  for (let i = 0; i < 30; i++)
    await log.commit(
      [],
      Array.from({ length: 100 }, () => event('more')),
    )
  const rows = (): number => store.all('SELECT 1 FROM event').length
  const end = Date.now() + 10_000
  while (rows() > 200) {
    assert.ok(Date.now() < end, `${rows()} rows are left`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const told = (await slow.next()).value as EngineEvent
  assert.deepEqual([told.type, told.action], ['daemon', 'lost'])
  const left = 3001 - 1 - Number(told.attributes['count'])
  assert.ok(left >= 50 && left <= 200, String(left))
  for (let i = 0; i < left; i++)
    assert.equal(((await slow.next()).value as EngineEvent).action, 'more')
  await slow.return?.()
  // Who comes later starts with what is there.
  const [earliest] = await take(log.stream({ ...all, sinceNs: 0n, signal }), 1)
  assert.equal(earliest, 'more')
})

test('closing the log ends its readers', async () => {
  const reader = take(log.stream({ ...all, signal: new AbortController().signal }), 1)
  log.close()
  assert.deepEqual(await reader, [])
})
