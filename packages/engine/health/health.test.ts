import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration } from './duration.ts'
import { type Health, healthCheckOf, intervalOf, judge } from './health.ts'
import { parseStoredTime } from './health-rows.ts'
import { ProbeOutput } from './probe-output.ts'

const result = (ExitCode: number) => ({ Start: 's', End: 'e', ExitCode, Output: '' })
const begun: Health = { status: 'starting', failingStreak: 0, log: [] }

test('what is run, with defaults', () => {
  assert.equal(healthCheckOf({}), undefined)
  assert.equal(healthCheckOf({ Healthcheck: { Test: [] } }), undefined)
  assert.equal(healthCheckOf({ Healthcheck: { Test: ['NONE'] } }), undefined)
  assert.equal(healthCheckOf({ Healthcheck: { Test: ['HTTP', '/'] } }), undefined)
  assert.deepEqual(healthCheckOf({ Healthcheck: { Test: ['CMD', 'a', 'b'] } }), {
    command: ['a', 'b'],
    intervalNs: 30e9,
    timeoutNs: 30e9,
    startPeriodNs: 0,
    startIntervalNs: 5e9,
    retries: 3,
  })
  const shell = { Test: ['CMD-SHELL', 'a || b'] }
  assert.deepEqual(healthCheckOf({ Healthcheck: shell })?.command, ['/bin/sh', '-c', 'a || b'])
  assert.deepEqual(healthCheckOf({ Healthcheck: shell, Shell: ['/bin/ash', '-ec'] })?.command, [
    '/bin/ash',
    '-ec',
    'a || b',
  ])
  assert.deepEqual(healthCheckOf({ Healthcheck: { Test: ['CMD'] } })?.command, [])
})

test('retries failures in a row make it unhealthy, one success healthy', () => {
  const check = healthCheckOf({ Healthcheck: { Test: ['CMD', 'x'], Retries: 2 } })!
  const o = { check, sinceStartNs: 1n }
  const once = judge(begun, result(1), o)
  assert.deepEqual([once.status, once.failingStreak], ['starting', 1])
  const twice = judge(once, result(-1), o)
  assert.deepEqual([twice.status, twice.failingStreak], ['unhealthy', 2])
  const well = judge(twice, result(0), o)
  assert.deepEqual([well.status, well.failingStreak], ['healthy', 0])
  const ill = judge(well, result(1), o)
  assert.deepEqual([ill.status, ill.failingStreak], ['healthy', 1])
})

test('failures in the start period do not count until it was healthy once', () => {
  const healthcheck = { Test: ['CMD', 'x'], Retries: 1, StartPeriod: 10 }
  const check = healthCheckOf({ Healthcheck: healthcheck })!
  const excused = judge(begun, result(1), { check, sinceStartNs: 9n })
  assert.deepEqual([excused.status, excused.failingStreak], ['starting', 0])
  assert.equal(excused.log.length, 1)
  assert.equal(judge(begun, result(1), { check, sinceStartNs: 10n }).status, 'unhealthy')
  const well = judge(begun, result(0), { check, sinceStartNs: 5n })
  assert.equal(judge(well, result(1), { check, sinceStartNs: 9n }).status, 'unhealthy')
})

test('the last five results are kept', () => {
  const check = healthCheckOf({ Healthcheck: { Test: ['CMD', 'x'] } })!
  let health = begun
  for (let code = 1; code <= 7; code++)
    health = judge(health, result(code), { check, sinceStartNs: 0n })
  assert.deepEqual(
    health.log.map(({ ExitCode }) => ExitCode),
    [3, 4, 5, 6, 7],
  )
})

test('probes are nearer to each other while starting', () => {
  const check = healthCheckOf({
    Healthcheck: { Test: ['CMD', 'x'], Interval: 100, StartPeriod: 50, StartInterval: 7 },
  })!
  assert.equal(intervalOf(check, { status: 'starting', sinceStartNs: 0n }), 7)
  assert.equal(intervalOf(check, { status: 'healthy', sinceStartNs: 0n }), 100)
  assert.equal(intervalOf(check, { status: 'starting', sinceStartNs: 50n }), 100)
  const plain = healthCheckOf({ Healthcheck: { Test: ['CMD', 'x'], Interval: 100 } })!
  assert.equal(intervalOf(plain, { status: 'starting', sinceStartNs: -1n }), 100)
})

test('durations as Go prints them', () => {
  const cases: Array<[number, string]> = [
    [0, '0s'],
    [1, '1ns'],
    [1500, '1.5µs'],
    [250e6, '250ms'],
    [1e9, '1s'],
    [1_500_000_000, '1.5s'],
    [90e9, '1m30s'],
    [3600e9, '1h0m0s'],
    [-2e9, '-2s'],
  ]
  for (const [ns, text] of cases) assert.equal(formatDuration(ns), text)
})

function frame(stream: number, text: string): Buffer {
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([head, Buffer.from(text)])
}

test('output of both streams is joined, however it is cut on the way', () => {
  const bytes = Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n'), frame(1, ''), frame(1, 'x')])
  for (let size = 1; size <= bytes.length; size++) {
    const output = new ProbeOutput()
    for (let at = 0; at < bytes.length; at += size) output.push(bytes.subarray(at, at + size))
    assert.equal(output.toString(), 'out\nerr\nx')
  }
})

test('output beyond 4096 bytes is cut, and says so', () => {
  const output = new ProbeOutput()
  output.push(frame(1, 'a'.repeat(4096)))
  assert.equal(output.toString().length, 4096)
  output.push(frame(2, 'b'))
  assert.equal(output.toString(), `${'a'.repeat(4096)}...`)
})

test('times of the log are read back', () => {
  assert.equal(parseStoredTime('1970-01-01T00:00:01.5Z'), 1_500_000_000n)
  assert.equal(parseStoredTime('1970-01-01T00:00:01Z'), 1_000_000_000n)
  assert.equal(parseStoredTime(undefined), undefined)
})
