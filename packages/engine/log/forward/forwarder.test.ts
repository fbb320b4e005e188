import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type LogFiles, segmentPath } from '../log-files.ts'
import type { LogEntry } from './entry.ts'
import { Forwarder, type ForwarderOptions } from './forwarder.ts'
import { LogCursor } from './log-cursor.ts'
import type { LogSender } from './sender.ts'

const root = mkdtempSync(join(tmpdir(), 'forward-'))
after(() => rmSync(root, { recursive: true }))
let files: LogFiles
let count = 0
beforeEach(() => {
  const path = join(mkdtempSync(join(root, `${count++}-`)), 'container.log')
  files = { naming: 'segments', path }
})

const line = (text: string): string =>
  `${JSON.stringify({ log: `${text}\n`, stream: 'stdout', time: '2026-01-01T00:00:00Z' })}\n`
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, n) => line(String(from + n))).join('')

/** Takes everything, unless told otherwise. */
class FakeServer implements LogSender {
  confirmAfterMs = 0
  onLost: () => void = () => {}
  readonly taken: string[] = []
  opened = 0
  refuses = 0
  /** Sends wait for it. */
  gate: Promise<void> = Promise.resolve()

  async open(): Promise<void> {
    this.opened++
    if (this.refuses-- > 0) throw new Error('refused')
  }

  async send(entries: readonly LogEntry[]): Promise<void> {
    await this.gate
    this.taken.push(...entries.map(({ text }) => text.toString()))
  }

  close(): void {}
}

function forward(
  server: FakeServer,
  o: Partial<ForwarderOptions> = {},
): {
  forwarder: Forwarder
  saved: number[]
  reports: number[]
} {
  const saved: number[] = []
  const reports: number[] = []
  const forwarder = new Forwarder({
    files,
    sender: server,
    isOpen: false,
    confirmed: 0,
    bufferLimit: undefined,
    report: async ({ sent }) => void reports.push(sent),
    save: async (place) => void saved.push(place),
    warn: () => {},
    ...o,
  })
  return { forwarder, saved, reports }
}

async function until(what: string, test: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !test(); await delay(5))
    if (Date.now() > end) throw new Error(`waited for ${what}`)
}

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, n) => String(from + n))

test('goes over segments and ends behind the writer', async () => {
  const first = lines(1, 3)
  writeFileSync(segmentPath(files, 0), first)
  const server = new FakeServer()
  const { forwarder, saved, reports } = forward(server)
  const ended = forwarder.addWriter()!
  await until('the first segment', () => server.taken.length === 3)
  writeFileSync(segmentPath(files, first.length), line('4'))
  appendFileSync(segmentPath(files, first.length), '{"log":"unfin')
  await until('the second segment', () => server.taken.length === 4)
  ended()
  await forwarder.finished
  assert.deepEqual(server.taken, texts(1, 4))
  const end = first.length + line('4').length
  assert.deepEqual([saved.at(-1), reports.at(-1)], [end, end])
  assert.equal(forwarder.addWriter(), undefined)
})

test('begins again at what is confirmed when the connection breaks', async () => {
  writeFileSync(segmentPath(files, 0), lines(1, 2))
  const server = new FakeServer()
  server.refuses = 2
  server.confirmAfterMs = 60_000
  const { forwarder } = forward(server)
  forwarder.addWriter()
  await until('lines', () => server.taken.length === 2)
  server.onLost()
  await until('them again', () => server.taken.length === 4)
  assert.deepEqual(server.taken, ['1', '2', '1', '2'])
  assert.equal(server.opened, 4)
  await forwarder.close()
})

test('non-blocking: keeps the oldest of the buffer, drops what came since', async () => {
  writeFileSync(segmentPath(files, 0), '')
  const server = new FakeServer()
  const stall = Promise.withResolvers<void>()
  const size = line('1').length
  const { forwarder } = forward(server, { bufferLimit: 4 * size })
  const ended = forwarder.addWriter()!
  appendFileSync(segmentPath(files, 0), lines(1, 1))
  await until('the first line', () => server.taken.length === 1)
  server.gate = stall.promise
  appendFileSync(segmentPath(files, 0), lines(2, 2))
  await delay(50)
  // More than a batch: what is dropped has not been read when the server goes on.
  appendFileSync(segmentPath(files, 0), Array.from({ length: 9000 }, () => line('x')).join(''))
  await delay(50)
  stall.resolve()
  await until('a line after', () => {
    // The first ones may still fall under what is dropped.
    appendFileSync(segmentPath(files, 0), line('after'))
    return server.taken.includes('after')
  })
  ended()
  await forwarder.finished
  assert.ok(server.taken.length < 9000, `${server.taken.length} came`)
  assert.deepEqual(server.taken.slice(0, 3), ['1', '2', 'x'])
})

test('closing ends a send that hangs, and keeps the place', async () => {
  writeFileSync(segmentPath(files, 0), lines(1, 1))
  const server = new FakeServer()
  const hang = Promise.withResolvers<void>()
  server.gate = hang.promise
  server.close = () => hang.reject(new Error('closed'))
  const { forwarder, saved } = forward(server)
  forwarder.addWriter()
  await delay(50)
  await forwarder.close()
  assert.deepEqual(saved, [])
})

test('a cursor finds its place, or the next there is', async () => {
  writeFileSync(segmentPath(files, 500), lines(1, 2))
  await using cursor = new LogCursor(files, 0)
  assert.deepEqual(
    (await cursor.read())!.map(({ text }) => text.toString()),
    ['1', '2'],
  )
  assert.equal(cursor.position, 500 + lines(1, 2).length)
  assert.equal(await cursor.end(), cursor.position)
  await cursor.seek(510, true)
  assert.deepEqual(
    (await cursor.read())!.map(({ text }) => text.toString()),
    ['2'],
  )
})
