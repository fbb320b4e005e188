import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '../container.ts'
import { blankState } from '../rows.ts'
import { mergeLogConfig, parseSize, planLog } from './log-config.ts'

const DAEMON = { Type: 'json-file', Config: { 'max-size': '10m' } }

test('the daemon’s options come along with the daemon’s driver only', () => {
  assert.deepEqual(mergeLogConfig(undefined, DAEMON), DAEMON)
  assert.deepEqual(mergeLogConfig({ Config: { 'max-file': '3' } }, DAEMON).Config, {
    'max-size': '10m',
    'max-file': '3',
  })
  assert.deepEqual(mergeLogConfig({ Type: 'none' }, DAEMON), { Type: 'none', Config: {} })
})

for (const [config, message] of [
  [{ Type: 'syslog' }, "logger: no log driver named 'syslog' is registered"],
  [{ Config: { colour: 'x' } }, "unknown log opt 'colour' for json-file log driver"],
  [{ Config: { 'max-file': '0' } }, 'max-file cannot be less than 1'],
  [{ Config: { 'max-size': '-1' } }, "invalid size: '-1'"],
  [{ Config: { mode: 'x' } }, 'logger: logging mode not supported: x'],
  [
    { Config: { 'max-buffer-size': '1m' } },
    "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
  ],
  [
    { Config: { compress: 'true' } },
    'compress cannot be true when max-file is less than 2 or max-size is not set',
  ],
] as const)
  test(`refuses ${JSON.stringify(config)}`, () => {
    const daemon = { Type: 'json-file', Config: {} }
    assert.throws(() => mergeLogConfig(config, daemon), { message, kind: 'invalidParameter' })
  })

test('sizes are in SI units', () => {
  assert.deepEqual(['5', '1k', '1.5 GB', '2MiB'].map(parseSize), [5, 1000, 1.5e9, 2e6])
})

test('the plan of a log', () => {
  const container = {
    ...blankState(),
    id: 'a'.repeat(64),
    name: 'web',
    imageId: 'sha256:b',
    config: { Image: 'x', Labels: { app: 'shop', other: '1' }, Env: ['MODE=dev', 'KEY=1'] },
    hostConfig: {
      LogConfig: {
        Type: 'json-file',
        Config: {
          'max-size': '1k',
          'max-file': '2',
          labels: 'app',
          'env-regex': '^MO',
          tag: '{{.Name}}/{{ .ID }}',
        },
      },
    },
  } as unknown as Container
  assert.deepEqual(planLog(container, '/log'), {
    driver: 'json-file',
    path: '/log',
    maxSize: 1000,
    maxFile: 2,
    attrs: '{"app":"shop","MODE":"dev","tag":"web/aaaaaaaaaaaa"}',
  })
})
