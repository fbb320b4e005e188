/** The native decoder against the one in TypeScript. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type ReadLogOptions, readLog, sendLog } from '@tdocker/engine/log/read-log.ts'
import { loadNative } from '@tdocker/kernel'

const directory = mkdtempSync(join(tmpdir(), 'frames-'))
const path = join(directory, 'x-json.log')
const native = loadNative()
after(() => rmSync(directory, { recursive: true }))

function optionsOf(o: Partial<ReadLogOptions>): ReadLogOptions {
  return {
    files: { naming: 'numbered', path },
    ...{ stdout: true, stderr: true, follow: false, timestamps: false, details: false, tty: false },
    ended: Promise.resolve(),
    signal: new AbortController().signal,
    ...o,
  }
}

async function read(o: Partial<ReadLogOptions>, decoder?: typeof native): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of readLog(optionsOf(o), decoder)) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** What a client gets who begins to read `afterMs` later, out of its chunks. */
async function sent(o: Partial<ReadLogOptions>, afterMs = 0): Promise<Buffer> {
  const [ours, theirs] = native.socketPair()
  const sending = sendLog(optionsOf(o), native, ours).finally(() => native.closeFd(ours))
  await delay(afterMs)
  const parts: Buffer[] = []
  for await (const part of new Socket({ fd: theirs })) parts.push(part as Buffer)
  await sending
  return dechunked(Buffer.concat(parts))
}

function dechunked(body: Buffer): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at)
    const size = parseInt(body.toString('latin1', at, end), 16)
    const begin = end + 2
    assert.equal(body.toString('latin1', begin + size, begin + size + 2), '\r\n')
    at = begin + size + 2
    if (size === 0) {
      assert.equal(at, body.length, 'nothing behind the last chunk')
      return Buffer.concat(chunks)
    }
    chunks.push(body.subarray(begin, begin + size))
  }
}

const line = (log: string, second: number, stream = 'stdout', more = ''): string =>
  `{"log":${log},"stream":"${stream}",${more}"time":"2026-01-01T00:00:${String(second).padStart(2, '0')}.5Z"}`

const LINES = [
  line('"plain\\n"', 0),
  line('"no newline"', 1, 'stderr'),
  line('"\\"quoted\\" \\\\ \\/ \\b\\f\\n\\r\\t"', 2),
  line('"\\u003ca\\u003e \\u00e4 \\u2028 \\ud83d\\ude00 \\ud800 \\udc00x ä😀\\n"', 3),
  line('"attrs\\n"', 4, 'stdout', '"attrs":{"a":"}\\"","b":[1,{"c":null}]},'),
  '{"time":"2026-01-01T00:00:05Z","stream":"stderr","log":"other order\\n"}',
  ' { "log" : "blanks\\n" , "time" : "2026-01-01T00:00:06.123456789Z" } ',
  '{"stream":"stdout","time":"2026-01-01T00:00:07Z"}',
  '{"log":"torn',
  'not json',
  '',
  '{}',
  '{"log":"no time\\n","stream":"stdout"}',
  line('"bad \\x escape\\n"', 8),
  line('"half \\u12"', 8),
  '\0\0\0\0\0\0\0\0',
  line('"last\\n"', 9),
]

const ns = (second: number): bigint => BigInt(Date.UTC(2026, 0, 1, 0, 0, second)) * 1_000_000n

for (const [name, o] of Object.entries({
  frames: {},
  'bare bytes': { tty: true },
  timestamps: { timestamps: true },
  'one stream': { stdout: false },
  'since and until': { sinceNs: ns(2), untilNs: ns(6) },
}))
  test(`${name}: both decoders agree`, async () => {
    writeFileSync(path, `${LINES.join('\n')}\n{"log":"unfinished`)
    const expected = await read(o)
    assert.deepEqual((await read(o, native)).toString('latin1'), expected.toString('latin1'))
    assert.deepEqual((await sent(o)).toString('latin1'), expected.toString('latin1'))
    assert.ok(expected.length > 0)
  })

test('lines longer than a block, and blocks full of lines', async () => {
  const long = 'y'.repeat(3_000_000)
  const many = Array.from({ length: 20_000 }, (_, n) => line(`"${n} ${'z'.repeat(60)}\\n"`, n % 60))
  writeFileSync(path, [line(`"${long}\\n"`, 0), ...many, line(`"${long}"`, 1), ''].join('\n'))
  const seen = await read({ tty: true }, native)
  assert.equal(Buffer.compare(seen, await read({ tty: true })), 0)
  assert.ok(seen.length > 7_000_000)
  assert.equal(Buffer.compare(await sent({ tty: true }), seen), 0)
  assert.equal(Buffer.compare(await sent({ tty: true }, 200), seen), 0, 'to a slow client')
})

test('sent up to an offset, with timestamps, which make it larger', async () => {
  const many = Array.from({ length: 30_000 }, (_, n) => line(`"${n}\\n"`, n % 60))
  writeFileSync(path, `${many.join('\n')}\n`)
  const endOffset = many.slice(0, 20_000).join('\n').length + 1
  const expected = await read({ endOffset, timestamps: true })
  assert.equal(Buffer.compare(await sent({ endOffset, timestamps: true }), expected), 0)
  assert.equal(expected.toString('latin1').split('\n').length, 20_001)
})

test('a client that is gone ends the sending', async () => {
  writeFileSync(path, `${line(`"${'x'.repeat(1_000_000)}"`, 0)}\n`.repeat(8))
  const [ours, theirs] = native.socketPair()
  const sending = sendLog(optionsOf({}), native, ours)
  await delay(50)
  native.closeFd(theirs)
  await assert.rejects(sending, { code: /EPIPE|ECONNRESET/ })
  native.closeFd(ours)
  const stop = new AbortController()
  const [again, unread] = native.socketPair()
  const stopped = sendLog(optionsOf({ signal: stop.signal }), native, again)
  await delay(50)
  stop.abort()
  await stopped
  native.closeFd(again)
  native.closeFd(unread)
})

test('random bytes are no crash', async () => {
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.from(LINES.join('\n'))
    for (let i = 0; i < 10; i++) bytes[Math.floor(Math.random() * bytes.length)] = round + i
    writeFileSync(path, bytes)
    await read({ timestamps: true, sinceNs: 0n }, native)
  }
})
