import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMoment, parsePeriod } from './moment.ts'

const NOW = Date.parse('2024-05-06T07:08:09Z')

test('moments of filters', () => {
  const cases: Array<[string, number]> = [
    ['0', 0],
    ['1700000000', 1_700_000_000_000],
    ['1700000000.5', 1_700_000_000_500],
    ['10m', NOW - 600_000],
    ['1h30m', NOW - 5_400_000],
    ['24h', NOW - 86_400_000],
    ['-1h', NOW + 3_600_000],
    ['2024-01-02T03', Date.parse('2024-01-02T03:00:00Z')],
    ['2024-01-02T03:04:05.5Z', Date.parse('2024-01-02T03:04:05.5Z')],
    ['2024-01-02', Date.parse('2024-01-02')],
    ['2024-01-02T03:04:05', Date.parse('2024-01-02T03:04:05Z')],
    ['2024-01-02T03:04:05+02:00', Date.parse('2024-01-02T01:04:05Z')],
  ]
  for (const [text, expected] of cases) assert.equal(parseMoment(text, NOW), expected, text)
  const failed = 'failed to parse value as time or duration'
  const refused: Array<[string, string]> = [
    ['', `${failed}: value is empty`],
    ['yesterday', `${failed}: invalid seconds "yesterday": invalid syntax`],
    ['10x', `${failed}: invalid seconds "10x": invalid syntax`],
    ['1.x', `${failed}: invalid nanoseconds: invalid character 'x' at position 0`],
    ['-1', 'parsing time "-1" as "2006-01-02": cannot parse "-1" as "2006"'],
    ['2020-13-01', 'parsing time "2020-13-01": month out of range'],
    ['2020-02-30', 'parsing time "2020-02-30": day out of range'],
    ['2020-01-01T', 'parsing time "2020-01-01T" as "2006-01-02T15": cannot parse "" as "15"'],
    ['2020-01-01x', 'parsing time "2020-01-01x": extra text: "x"'],
  ]
  for (const [text, message] of refused)
    assert.throws(() => parseMoment(text, NOW), { kind: 'invalidParameter', message }, text)
})

test('periods have days, and are never negative', () => {
  const day = 24 * 3_600_000
  assert.equal(parsePeriod('7d', 'unused-for'), 7 * day)
  assert.equal(parsePeriod('1d12h30m', 'unused-for'), 1.5 * day + 1_800_000)
  assert.equal(parsePeriod('0s', 'unused-for'), 0)
  for (const bad of ['', '7', 'd', '-1h', '1w', '7d7d'])
    assert.throws(() => parsePeriod(bad, 'unused-for'), { kind: 'invalidParameter' })
})
