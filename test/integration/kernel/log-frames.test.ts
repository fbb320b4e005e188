/** The native decoder against the one in TypeScript. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type ReadLogOptions, readLog } from '@tdocker/engine/log/read-log.ts'
import { loadNative } from '@tdocker/kernel'

const directory = mkdtempSync(join(tmpdir(), 'frames-'))
const path = join(directory, 'x-json.log')
const native = loadNative()
after(() => rmSync(directory, { recursive: true }))

async function read(o: Partial<ReadLogOptions>, decoder?: typeof native): Promise<Buffer> {
  const options: ReadLogOptions = {
    files: { naming: 'numbered', path },
    ...{ stdout: true, stderr: true, follow: false, timestamps: false, details: false, tty: false },
    ended: Promise.resolve(),
    signal: new AbortController().signal,
    ...o,
  }
  const parts: Buffer[] = []
  for await (const part of readLog(options, decoder)) parts.push(part as Buffer)
  return Buffer.concat(parts)
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
    assert.ok(expected.length > 0)
  })

test('lines longer than a block, and blocks full of lines', async () => {
  const long = 'y'.repeat(3_000_000)
  const many = Array.from({ length: 20_000 }, (_, n) => line(`"${n} ${'z'.repeat(60)}\\n"`, n % 60))
  writeFileSync(path, [line(`"${long}\\n"`, 0), ...many, line(`"${long}"`, 1), ''].join('\n'))
  const seen = await read({ tty: true }, native)
  assert.equal(Buffer.compare(seen, await read({ tty: true })), 0)
  assert.ok(seen.length > 7_000_000)
})

test('random bytes are no crash', async () => {
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.from(LINES.join('\n'))
    for (let i = 0; i < 10; i++) bytes[Math.floor(Math.random() * bytes.length)] = round + i
    writeFileSync(path, bytes)
    await read({ timestamps: true, sinceNs: 0n }, native)
  }
})
