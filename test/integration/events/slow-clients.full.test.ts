/** Many clients that do not read, and a long past: what they cost the daemon. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import Database from 'better-sqlite3'
import { TestDaemon } from '../../lib/test-daemon.ts'

const READERS = 300
const EVENTS = 1000
const PAST = 99_000

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

function rssMiB(): number {
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

/** Nanoseconds of processor time that the daemon took. */
function cpuMs(): number {
  const fields = readFileSync(`/proc/${daemon.pid}/stat`, 'utf8').split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

async function tag(count: number): Promise<void> {
  for (let i = 0; i < count; i += 50)
    await Promise.all(
      Array.from({ length: 50 }, () => daemon.api.post('/images/busybox/tag?repo=x&tag=y')),
    )
}

test('clients that do not read are bounded, and one that reads loses nothing', async (t) => {
  await tag(100)
  const streams: IncomingMessage[] = []
  for (let i = 0; i < READERS; i++) {
    const stream = await daemon.api.stream('GET', '/events')
    stream.pause()
    streams.push(stream)
  }
  const good = await daemon.api.stream('GET', '/events')
  let lines = 0
  good.on('data', (part: Buffer) => (lines += part.toString().split('\n').length - 1))
  const rest = rssMiB()
  const cpu = cpuMs()
  await tag(EVENTS)
  const end = Date.now() + 20_000
  while (lines < EVENTS) {
    assert.ok(Date.now() < end, `${lines} of ${EVENTS}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal(lines, EVENTS)
  const grown = rssMiB() - rest
  t.diagnostic(`${READERS} readers: ${grown.toFixed(0)} MiB more, ${cpuMs() - cpu} ms of CPU`)
  // All of them are stuck by now: what comes further must not be kept for them.
  const stuck = rssMiB()
  await tag(EVENTS)
  const more = rssMiB() - stuck
  t.diagnostic(`as many events again: ${more.toFixed(0)} MiB more`)
  assert.ok(more < 40, `${more} MiB`)
  good.destroy()
  for (const stream of streams) stream.destroy()
})

test('a long past is read in pieces', async (t) => {
  await daemon.crash()
  const database = new Database(join(daemon.dataRoot, 'state.db'))
  const insert = database.prepare(
    "INSERT INTO event(time_ns, type, action, actor_id, attributes_json) VALUES (?, 'container', 'start', ?, ?)",
  )
  const from = BigInt(Date.now() - 3_600_000) * 1_000_000n
  database.transaction(() => {
    database.exec('DELETE FROM event')
    for (let i = 0; i < PAST; i++)
      insert.run(
        from + BigInt(i),
        'a'.repeat(64),
        JSON.stringify({ image: 'busybox', name: `n${i}` }),
      )
  })()
  database.close()
  await daemon.boot()
  const until = Math.floor(Date.now() / 1000) - 60
  const begun = performance.now()
  const none = await daemon.api.get(
    `/events?since=0&until=${until}&filters=${encodeURIComponent('{"container":["zzz"]}')}`,
  )
  assert.equal(none.text, '')
  const filtered = performance.now()
  const all = await daemon.api.get(`/events?since=0&until=${until}`)
  assert.equal(all.text.split('\n').length - 1, PAST)
  const [one, two] = [filtered - begun, performance.now() - filtered]
  t.diagnostic(`${PAST} events: ${one.toFixed(0)} ms filtered away, ${two.toFixed(0)} ms sent`)
})
