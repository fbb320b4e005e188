import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMoment } from './moment.ts'

const NOW = Date.parse('2024-05-06T07:08:09Z')

test('moments of filters', () => {
  const cases: Array<[string, number]> = [
    ['0', 0],
    ['1700000000', 1_700_000_000_000],
    ['1700000000.5', 1_700_000_000_500],
    ['10m', NOW - 600_000],
    ['1h30m', NOW - 5_400_000],
    ['24h', NOW - 86_400_000],
    ['2024-01-02', Date.parse('2024-01-02')],
    ['2024-01-02T03:04:05', Date.parse('2024-01-02T03:04:05Z')],
    ['2024-01-02T03:04:05+02:00', Date.parse('2024-01-02T01:04:05Z')],
  ]
  for (const [text, expected] of cases) assert.equal(parseMoment(text, NOW), expected, text)
  for (const text of ['', 'yesterday', '10x', '1h x']) {
    assert.throws(() => parseMoment(text, NOW), { kind: 'invalidParameter' }, text)
  }
})
