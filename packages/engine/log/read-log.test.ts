import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { readLog, type ReadLogOptions } from './read-log.ts'
import { timeToNs } from './json-line.ts'

const dir = mkdtempSync(join(tmpdir(), 'log-'))
let path: string
let count = 0
beforeEach(() => (path = join(dir, `${count++}-json.log`)))
after(() => rmSync(dir, { recursive: true }))

const time = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()
const line = (text: string, second = 0, stream = 'stdout', attrs = ''): string =>
  `{"log":${JSON.stringify(text)},"stream":"${stream}",${attrs}"time":"${time(second)}"}\n`
const never = new Promise<void>(() => {})

function open(o: Partial<ReadLogOptions> = {}): AsyncIterable<Buffer> {
  return readLog({
    files: { naming: 'numbered', path },
    stdout: true,
    stderr: true,
    follow: false,
    timestamps: false,
    details: false,
    tty: true,
    ended: never,
    signal: new AbortController().signal,
    ...o,
  })
}

async function text(o: Partial<ReadLogOptions> = {}): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of open(o)) parts.push(part)
  return Buffer.concat(parts).toString()
}

/** Reads until `wanted` was seen. */
async function until(reader: AsyncIterator<Buffer>, wanted: string, seen = ''): Promise<string> {
  while (!seen.includes(wanted)) {
    const { value, done } = await reader.next()
    if (done) break
    seen += (value as Buffer).toString()
  }
  return seen
}

test('frames carry the stream and the length', async () => {
  writeFileSync(path, line('out\n') + line('err\n', 1, 'stderr'))
  assert.equal(await text({ tty: false }), '\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x04err\n')
  assert.equal(await text({ stdout: false }), 'err\n')
})

test('escapes, partial lines and attrs are what was written', async () => {
  const odd = 'tab\t"quoted" \\ <é>\n'
  writeFileSync(path, line('partial without newline') + line(odd) + line('\n') + line('a\nb\n'))
  assert.equal(await text(), `partial without newline${odd}\na\nb\n`)
  writeFileSync(path, line('x\n', 5, 'stdout', '"attrs":{"tag":"a b","env":"1"},'))
  assert.equal(
    await text({ timestamps: true, details: true }),
    '2026-01-01T00:00:05.000000000Z env=1,tag=a+b x\n',
  )
})

test('a line cut short by a full disk is passed over', async () => {
  writeFileSync(path, `${line('one\n')}{"log":"tw\n${line('three\n')}`)
  assert.equal(await text(), 'one\nthree\n')
})

test('rotated and compressed files read as one', async () => {
  writeFileSync(`${path}.2.gz`, gzipSync(line('1\n') + line('2\n')))
  writeFileSync(`${path}.1`, line('3\n'))
  writeFileSync(path, line('4\n'))
  assert.equal(await text(), '1\n2\n3\n4\n')
  assert.equal(await text({ tail: 3 }), '2\n3\n4\n')
  assert.equal(await text({ tail: 1 }), '4\n')
  assert.equal(await text({ tail: 0 }), '')
  assert.equal(await text({ tail: 99 }), '1\n2\n3\n4\n')
})

test('tail scans over blocks', async () => {
  const long = 'x'.repeat(50_000)
  writeFileSync(path, Array.from({ length: 9 }, (_, n) => line(`${n}${long}\n`)).join(''))
  assert.deepEqual(
    (await text({ tail: 4 })).split('\n').map((l) => l.slice(0, 1)),
    ['5', '6', '7', '8', ''],
  )
})

test('since and until cut by time, in a log of many blocks', async () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => line(`${n} ${'y'.repeat(40)}\n`, n))
  writeFileSync(path, lines.join(''))
  const numbers = async (o: Partial<ReadLogOptions>): Promise<number[]> =>
    (await text(o))
      .split('\n')
      .slice(0, -1)
      .map((l) => Number(l.split(' ')[0]))
  const sinceNs = timeToNs(time(15_000))
  const untilNs = timeToNs(time(15_003))
  assert.deepEqual(await numbers({ sinceNs, untilNs }), [15_000, 15_001, 15_002, 15_003])
  assert.equal((await numbers({ sinceNs })).length, 5000)
  assert.deepEqual(await numbers({ sinceNs: timeToNs(time(19_998)), tail: 1000 }), [19_998, 19_999])
  assert.equal((await numbers({ untilNs: timeToNs(time(0)) })).length, 1)
})

test('following sees appended lines, rotation, and ends with the writer', async () => {
  writeFileSync(path, line('first\n'))
  const writer = Promise.withResolvers<void>()
  const reader = open({ follow: true, ended: writer.promise })[Symbol.asyncIterator]()
  assert.equal(await until(reader, 'first'), 'first\n')
  appendFileSync(path, line('second\n').slice(0, 10))
  appendFileSync(path, line('second\n').slice(10))
  assert.equal(await until(reader, 'second'), 'second\n')
  appendFileSync(path, line('before rotation\n'))
  renameSync(path, `${path}.1`)
  writeFileSync(path, line('after rotation\n'))
  assert.equal(await until(reader, 'after'), 'before rotation\nafter rotation\n')
  appendFileSync(path, line('last\n'))
  writer.resolve()
  assert.equal(await until(reader, 'never'), 'last\n')
})

test('following a log that is not there yet waits for it', async () => {
  const writer = Promise.withResolvers<void>()
  const reader = open({ follow: true, ended: writer.promise })[Symbol.asyncIterator]()
  const seen = until(reader, 'late')
  await new Promise((resolve) => setImmediate(resolve))
  writeFileSync(path, line('late\n'))
  assert.equal(await seen, 'late\n')
  writer.resolve()
  assert.equal(await until(reader, 'never'), '')
})

test('abort ends following', async () => {
  writeFileSync(path, line('first\n'))
  const abort = new AbortController()
  const reader = open({ follow: true, signal: abort.signal })[Symbol.asyncIterator]()
  await until(reader, 'first')
  const rest = reader.next()
  abort.abort()
  assert.equal((await rest).done, true)
})

test('endOffset stops where an attach takes over', async () => {
  writeFileSync(path, line('history\n') + line('live\n'))
  assert.equal(await text({ endOffset: line('history\n').length }), 'history\n')
})

/** Rotates as the shim does, as fast as it can. */
const ROTATING_WRITER = `
const fs = require('fs')
const [, path, count] = process.argv
const move = (from, to) => { try { fs.renameSync(from, to) } catch {} }
let file = fs.openSync(path, 'a'), size = 0, batch = ''
for (let n = 1; n <= Number(count); n++) {
  batch += JSON.stringify({ log: n + '\\n', stream: 'stdout', time: '2026-01-01T00:00:00Z' }) + '\\n'
  if (batch.length < 20000) continue
  fs.writeSync(file, batch)
  size += batch.length
  batch = ''
  if (size < 100000) continue
  for (let i = 48; i >= 0; i--) move(i ? path + '.' + i : path, path + '.' + (i + 1))
  fs.closeSync(file)
  file = fs.openSync(path, 'w')
  size = 0
}
fs.writeSync(file, batch)
`

test('following meets each file once, however fast they are rotated', async () => {
  writeFileSync(path, '')
  const count = 40_000
  const child = spawn(process.execPath, ['-e', ROTATING_WRITER, path, String(count)])
  const ended = new Promise((resolve) => child.on('exit', resolve))
  const lines = (await text({ follow: true, ended })).split('\n')
  assert.equal(lines.length, count + 1)
  assert.ok(lines.every((line, index) => index === count || line === String(index + 1)))
})

test('a file that is emptied in its place is followed from its begin', async () => {
  writeFileSync(path, line('a long line before\n'))
  const writer = Promise.withResolvers<void>()
  const reader = open({ follow: true, ended: writer.promise })[Symbol.asyncIterator]()
  await until(reader, 'before')
  writeFileSync(path, line('x\n'))
  assert.equal(await until(reader, 'x'), 'x\n')
  writer.resolve()
})

test('following a log whose directory is yet to be made looks now and then', async () => {
  const late = join(dir, `late-${count}`)
  path = join(late, 'x-json.log')
  const writer = Promise.withResolvers<void>()
  const reader = open({ follow: true, ended: writer.promise })[Symbol.asyncIterator]()
  const seen = until(reader, 'late')
  await new Promise((resolve) => setImmediate(resolve))
  mkdirSync(late)
  writeFileSync(path, line('late\n'))
  assert.equal(await seen, 'late\n')
  writer.resolve()
})
