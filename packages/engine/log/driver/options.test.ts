import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkDaemonLogOptions, mergeLogConfig } from './options.ts'

const DAEMON = { Type: 'json-file', Config: { 'max-size': '10m', 'cache-max-file': '2' } }

test('the daemon’s options come along with its driver only, those of the cache always', () => {
  assert.deepEqual(mergeLogConfig(undefined, DAEMON), DAEMON)
  assert.deepEqual(mergeLogConfig({ Config: { 'max-file': '3', 'max-size': '1k' } }, DAEMON), {
    Type: 'json-file',
    Config: { 'max-size': '1k', 'cache-max-file': '2', 'max-file': '3' },
  })
  assert.deepEqual(mergeLogConfig({ Type: 'local', Config: null }, DAEMON), {
    Type: 'local',
    Config: { 'cache-max-file': '2' },
  })
})

test('the daemon’s own options are checked when there are any', () => {
  checkDaemonLogOptions({ Type: 'gelf', Config: {} })
  checkDaemonLogOptions(DAEMON)
  assert.throws(() => checkDaemonLogOptions({ Type: 'local', Config: { x: '1' } }), {
    message: "failed to set log opts: unknown log opt 'x' for log driver local",
  })
})

test('nothing is said about the options of none', () => {
  const config = { colour: 'red' }
  assert.deepEqual(mergeLogConfig({ Type: 'none', Config: config }, DAEMON).Config['colour'], 'red')
})

test('values of files are read at the start, as in moby', () => {
  mergeLogConfig({ Config: { 'max-size': 'x', 'max-file': 'y' } }, DAEMON)
})

for (const [given, message] of [
  [{ Type: 'gelf' }, 'error looking up logging plugin gelf: plugin "gelf" not found'],
  [
    { Type: 'constructor' },
    'error looking up logging plugin constructor: plugin "constructor" not found',
  ],
  [
    { Type: '__proto__' },
    'error looking up logging plugin __proto__: plugin "__proto__" not found',
  ],
  [{ Type: 'gelf', Config: { mode: 'x' } }, 'logger: logging mode not supported: x'],
  [{ Config: { colour: 'x' } }, "unknown log opt 'colour' for json-file log driver"],
  [{ Type: 'local', Config: { colour: 'x' } }, "unknown log opt 'colour' for log driver local"],
  [
    { Type: 'journald', Config: { 'max-size': '1' } },
    "unknown log opt 'max-size' for journald log driver",
  ],
  [{ Type: 'syslog', Config: { x: '1' } }, "unknown log opt 'x' for syslog log driver"],
  [
    { Config: { 'max-buffer-size': '1m' } },
    "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
  ],
  [
    { Config: { mode: 'non-blocking', 'max-buffer-size': 'much' } },
    "error parsing option max-buffer-size: invalid size: 'much'",
  ],
  [{ Config: { 'cache-disabled': 'x' } }, 'invalid value for option cache-disabled: x'],
  [{ Type: 'syslog', Config: { 'syslog-address': 'http://x' } }, "unsupported scheme: 'http'"],
  [
    { Type: 'syslog', Config: { 'syslog-address': 'unix:///not/there' } },
    'stat /not/there: no such file or directory',
  ],
  [{ Type: 'syslog', Config: { 'syslog-facility': 'x' } }, 'invalid syslog facility'],
  [{ Type: 'syslog', Config: { 'syslog-facility': '24' } }, 'invalid syslog facility'],
  [{ Type: 'syslog', Config: { 'syslog-format': 'x' } }, 'Invalid syslog format'],
] as const)
  test(`refuses ${JSON.stringify(given)}`, () => {
    const daemon = { Type: 'json-file', Config: {} }
    assert.throws(() => mergeLogConfig(given, daemon), { message, kind: 'invalidParameter' })
  })
