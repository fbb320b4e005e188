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
afterEach(() => store.close())
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
