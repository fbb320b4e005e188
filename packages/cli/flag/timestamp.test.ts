import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTimestamp } from './timestamp.ts'

const now = new Date('2026-01-01T00:00:10.500Z')

test('dates, durations and unix seconds', () => {
  assert.equal(parseTimestamp('2020-01-01T00:00:00Z', now), '1577836800.000000000')
  assert.equal(parseTimestamp('2020-01-01T10:20:30.123456789+02:00', now), '1577866830.123456789')
  assert.equal(parseTimestamp('10s', now), '1767225600.500000000')
  assert.equal(parseTimestamp('1600000000.5', now), '1600000000.5')
  assert.equal(parseTimestamp('0s', now), '1767225610.500000000')
  assert.equal(parseTimestamp('0', now), '0')
  assert.throws(() => parseTimestamp('foo', now), {
    message: 'failed to parse value as time or duration: "foo"',
  })
})
