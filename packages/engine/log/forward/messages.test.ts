import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import type { LogInfo } from '../driver/log-info.ts'
import { EntryParser, type LogEntry } from './entry.ts'
import { journalFields, journalKey, journalMessage } from './journal-message.ts'
import { syslogMessage } from './syslog-format.ts'

const INFO: LogInfo = {
  config: {},
  id: 'a'.repeat(64),
  name: 'web',
  path: 'sh',
  args: [],
  imageId: '',
  imageName: 'shop',
  createdNs: 0n,
  env: [],
  labels: {},
}

const entry = (text: string, o: Partial<LogEntry> = {}): LogEntry => ({
  stream: 1,
  time: '2026-01-02T03:04:05.123456789Z',
  text: Buffer.from(text),
  partial: undefined,
  ...o,
})

test('parts of a long line carry one id and their number', () => {
  const line = (log: string, stream = 'stdout'): string =>
    `${JSON.stringify({ log, stream, time: '2026-01-01T00:00:00Z' })}\n`
  const parser = new EntryParser()
  const block = line('a') + line('other\n', 'stderr') + line('b') + line('c\n') + line('next\n')
  const entries = parser.parse(Buffer.from(block))
  const [a, other, b, c, next] = entries
  assert.deepEqual(
    entries.map(({ text }) => text.toString()),
    ['a', 'other', 'b', 'c', 'next'],
  )
  assert.equal(other!.partial, undefined)
  assert.equal(next!.partial, undefined)
  assert.deepEqual(
    [a, b, c].map((each) => [each!.partial!.ordinal, each!.partial!.last]),
    [
      [1, false],
      [2, false],
      [3, true],
    ],
  )
  assert.equal(new Set([a, b, c].map((each) => each!.partial!.id)).size, 1)
})

test('syslog formats', () => {
  const settings = { facility: 3, tag: 'web', counted: false }
  const format = (name: 'unix' | 'rfc3164' | 'rfc5424' | 'rfc5424micro', counted = false): string =>
    syslogMessage(entry('hi'), { ...settings, counted, format: name })!.toString()
  const date = new Date('2026-01-02T03:04:05Z')
  const clock = date.toTimeString().slice(0, 8)
  const stamp = `Jan  ${date.getDate()} ${clock}`
  assert.equal(format('unix'), `<30>${stamp} web[${process.pid}]: hi\n`)
  assert.equal(format('rfc3164'), `<30>${stamp} ${hostname()} web[${process.pid}]: hi\n`)
  const host = RegExp.escape(hostname())
  assert.match(
    format('rfc5424'),
    new RegExp(
      `^<30>1 2026-01-\\d\\dT${clock}(Z|[+-]..:..) ${host} web ${process.pid} web - hi\n$`,
    ),
  )
  assert.match(format('rfc5424micro'), /T..:..:..\.123456(Z|[+-])/)
  const counted = format('rfc5424', true)
  assert.equal(counted.slice(0, counted.indexOf(' ')), String(format('rfc5424').length))
  const error = syslogMessage(entry('hi', { stream: 2 }), { ...settings, format: 'unix' })
  assert.ok(error!.toString().startsWith('<27>'))
  assert.equal(syslogMessage(entry(''), { ...settings, format: 'unix' }), undefined)
})

test('journal messages in the native protocol', () => {
  const message = journalMessage(
    entry('two\nlines', { partial: { id: 'x', ordinal: 2, last: false } }),
    { CONTAINER_NAME: 'web' },
    7,
  ).toString('latin1')
  const length = '\t\0\0\0\0\0\0\0'
  assert.equal(
    message,
    'CONTAINER_NAME=web\nPRIORITY=6\nSYSLOG_TIMESTAMP=2026-01-02T03:04:05.123456789Z\n' +
      'CONTAINER_PARTIAL_ID=x\nCONTAINER_PARTIAL_ORDINAL=2\nCONTAINER_PARTIAL_LAST=false\n' +
      `CONTAINER_PARTIAL_MESSAGE=true\nCONTAINER_LOG_ORDINAL=7\nMESSAGE\n${length}two\nlines\n`,
  )
  assert.equal(journalKey('__com.example-App2'), 'COM_EXAMPLE_APP2')
})

test('labels of an image speak neither for the engine nor for others', () => {
  const labels = { container_name: 'other', message: 'forged', priority: '0', app: 'shop' }
  const fields = journalFields({ ...INFO, config: { 'labels-regex': '.*' }, labels }, 'epoch')
  assert.equal(fields['CONTAINER_NAME'], INFO.name)
  const message = journalMessage(entry('x'), fields, 1).toString()
  assert.deepEqual(message.match(/^(PRIORITY|MESSAGE|APP)=.*$/gm), [
    'PRIORITY=6',
    'APP=shop',
    'MESSAGE=x',
  ])
  const tag = 'web\n<0>forged\0'
  const settings = { format: 'rfc5424' as const, facility: 3, tag, counted: false }
  assert.match(syslogMessage(entry('x'), settings)!.toString(), /web <0>forged {2}\d+ [^\n]*x\n$/)
})
