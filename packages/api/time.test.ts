import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTime, formatTimeFixed, parseTime, parseUnixTime, zeroTime } from './time.ts'

test('nanoseconds survive both ways', () => {
  const ns = 1_700_000_000_123_456_789n
  assert.equal(formatTime(ns), '2023-11-14T22:13:20.123456789Z')
  assert.equal(parseTime(formatTime(ns)), ns)
  assert.equal(formatTime(1_700_000_000_100_000_000n), '2023-11-14T22:13:20.1Z')
  assert.equal(formatTime(1_700_000_000_000_000_000n), '2023-11-14T22:13:20Z')
  assert.equal(formatTimeFixed(1_700_000_000_100_000_000n), '2023-11-14T22:13:20.100000000Z')
  assert.equal(formatTime(-1n), '1969-12-31T23:59:59.999999999Z')
})

test('offsets are understood, the zero time is no time', () => {
  assert.equal(parseTime('2023-11-14T23:13:20+01:00'), 1_700_000_000_000_000_000n)
  assert.equal(parseTime(zeroTime), undefined)
  assert.equal(parseTime('yesterday'), undefined)
  assert.equal(parseTime('2023-13-14T22:13:20Z'), undefined)
})

test('since and until are seconds with a fraction', () => {
  assert.equal(parseUnixTime(''), undefined)
  assert.equal(parseUnixTime('0'), 0n)
  assert.equal(parseUnixTime('1700000000'), 1_700_000_000_000_000_000n)
  assert.equal(parseUnixTime('1700000000.5'), 1_700_000_000_500_000_000n)
  assert.equal(parseUnixTime('1.1234567891'), 1_123_456_789n)
})

test('what is no time is told as moby tells it', () => {
  const cases = {
    abc: 'invalid timestamp "abc": invalid seconds "abc": invalid syntax',
    '1.x': `invalid timestamp "1.x": invalid nanoseconds: invalid character 'x' at position 0`,
    '1.000000000000000000000':
      'invalid timestamp "1.000000000000000000000": invalid nanoseconds: length 21 exceeds maximum 20',
    '99999999999999999999':
      'invalid timestamp "99999999999999999999": invalid seconds "99999999999999999999": value out of range',
  }
  for (const [given, message] of Object.entries(cases)) {
    assert.throws(() => parseUnixTime(given), { message })
  }
})
