import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  parseBytes,
  parseCpus,
  parseDuration,
  parseInt64,
  parseSwapBytes,
  parseUint16,
  quote,
} from './scalar.ts'

test('bytes: binary suffixes of one to three letters', () => {
  const good: Array<[string, number]> = [
    ['0', 0],
    ['512', 512],
    ['1b', 1],
    ['512m', 512 * 2 ** 20],
    ['64KB', 65536],
    ['10MiB', 10 * 2 ** 20],
    ['1.5g', 1.5 * 2 ** 30],
    ['2 t', 2 * 2 ** 40],
    ['.5k', 512],
  ]
  for (const [text, bytes] of good) assert.equal(parseBytes(text), bytes, text)
})

test('bytes: refusals', () => {
  const bad: Array<[string, string]> = [
    ['zz', "invalid size: 'zz'"],
    ['', "invalid size: ''"],
    ['-1', "invalid size: '-1'"],
    ['10q', "invalid suffix: 'q'"],
    ['1mm', "invalid suffix: 'mm'"],
    ['1mibs', "invalid suffix: 'mibs'"],
    ['a1', 'strconv.ParseFloat: parsing "a1": invalid syntax'],
  ]
  for (const [text, message] of bad) assert.throws(() => parseBytes(text), { message }, text)
  assert.equal(parseSwapBytes('-1'), -1)
})

test('durations in nanoseconds', () => {
  const good: Array<[string, number]> = [
    ['0', 0],
    ['5s', 5e9],
    ['1m30s', 9e10],
    ['1h', 3.6e12],
    ['500ms', 5e8],
    ['-1.5s', -1.5e9],
    ['1us', 1000],
    ['1µs', 1000],
    ['.5s', 5e8],
  ]
  for (const [text, ns] of good) assert.equal(parseDuration(text), ns, text)
  assert.throws(() => parseDuration('foo'), { message: 'time: invalid duration "foo"' })
  assert.throws(() => parseDuration('5'), { message: 'time: missing unit in duration "5"' })
  assert.throws(() => parseDuration('5x'), { message: 'time: unknown unit "x" in duration "5x"' })
  assert.throws(() => parseDuration(''), { message: 'time: invalid duration ""' })
})

test('cpus are exact', () => {
  assert.equal(parseCpus('1.5'), 1_500_000_000)
  assert.equal(parseCpus('0.000000001'), 1)
  assert.equal(parseCpus('1/2'), 500_000_000)
  assert.throws(() => parseCpus('1.1234567891'), { message: 'value is too precise' })
  assert.throws(() => parseCpus('0.1a'), { message: 'failed to parse 0.1a as a rational number' })
})

test('integers in every base of Go, within their width', () => {
  assert.equal(parseInt64('-12'), -12)
  assert.equal(parseInt64('0x1F'), 31)
  assert.equal(parseInt64('017'), 15)
  assert.equal(parseInt64('0b101'), 5)
  assert.equal(parseInt64('1_000'), 1000)
  assert.throws(() => parseInt64('abc'), {
    message: 'strconv.ParseInt: parsing "abc": invalid syntax',
  })
  assert.throws(() => parseUint16('70000'), {
    message: 'strconv.ParseUint: parsing "70000": value out of range',
  })
  assert.throws(() => parseUint16('-1'), {
    message: 'strconv.ParseUint: parsing "-1": invalid syntax',
  })
  assert.throws(() => parseInt64('9223372036854775808'), { message: /value out of range/ })
})

test('quoted as Go does it', () => {
  assert.equal(quote('a "b" \\ \n\t\x01é…\u200b'), '"a \\"b\\" \\\\ \\n\\t\\x01é…\\u200b"')
})
