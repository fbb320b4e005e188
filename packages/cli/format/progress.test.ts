import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonLines } from './lines.ts'
import { progressBar, ProgressDisplay } from './progress.ts'
import type { ProgressMessage } from './progress.ts'

function shown(width: number | undefined, messages: readonly ProgressMessage[]): string {
  let out = ''
  const display = new ProgressDisplay({ width, write: (text) => void (out += text) })
  for (const message of messages) display.show(message)
  return out
}

const pull: ProgressMessage[] = [
  { status: 'Pulling from library/busybox', id: 'latest' },
  { status: 'Pulling fs layer', progressDetail: {}, id: 'aaa' },
  { status: 'Pulling fs layer', progressDetail: {}, id: 'bbb' },
  { status: 'Downloading', progressDetail: { current: 500_000, total: 1_000_000 }, id: 'aaa' },
  { status: 'Pull complete', progressDetail: {}, id: 'aaa' },
  { status: 'Digest: sha256:1' },
]

test('no terminal: plain lines, no progress', () => {
  assert.equal(
    shown(undefined, pull),
    'latest: Pulling from library/busybox\naaa: Pulling fs layer\nbbb: Pulling fs layer\n' +
      'aaa: Pull complete\nDigest: sha256:1\n',
  )
})

test('terminal: one line per layer, redrawn in place', () => {
  const clear = '\x1b[2K\r'
  const bar = `[${'='.repeat(25)}>${' '.repeat(25)}]    500kB/1MB`
  assert.equal(
    shown(120, pull),
    'latest: Pulling from library/busybox\n' +
      `\n\x1b[1A${clear}aaa: Pulling fs layer \r\x1b[1B` +
      `\n\x1b[1A${clear}bbb: Pulling fs layer \r\x1b[1B` +
      `\x1b[2A${clear}aaa: Downloading ${bar}\r\x1b[2B` +
      `\x1b[2A${clear}aaa: Pull complete \r\x1b[2B` +
      'Digest: sha256:1\n',
  )
})

test('an error ends the stream', () => {
  assert.throws(() => shown(undefined, [{ errorDetail: { message: 'toomany' }, error: 'x' }]), {
    message: 'toomany',
  })
})

test('bars: narrow terminals get the numbers only, unknown totals the current', () => {
  assert.equal(progressBar({ current: 1, total: 2 }, 100), '      1B/2B')
  assert.equal(progressBar({ current: 1500 }, 200), '   1.5kB')
  assert.equal(progressBar({}, 200), '')
  assert.equal(progressBar({ current: 3, total: 2 }, 100), '      3B')
  assert.equal(progressBar({ current: 1, total: 2, units: 'steps' }, 100), '1/2 steps')
})

test('lines across chunks, multi-byte characters cut in two', async () => {
  async function* chunks(): AsyncGenerator<Buffer> {
    const bytes = Buffer.from('{"a":"é"}\r\n{"b":1}\n\n{"c":2}')
    yield bytes.subarray(0, 7)
    yield bytes.subarray(7, 14)
    yield bytes.subarray(14)
  }
  const lines: string[] = []
  for await (const line of jsonLines(chunks())) lines.push(line)
  assert.deepEqual(lines, ['{"a":"é"}', '{"b":1}', '{"c":2}'])
})
