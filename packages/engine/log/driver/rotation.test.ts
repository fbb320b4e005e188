import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bufferLimit, jsonFileRotation, localRotation } from './rotation.ts'
import { fromHumanSize, ramInBytes } from '../../base/size.ts'

test('json-file is not capped by default; local is', () => {
  assert.deepEqual(jsonFileRotation({}), { maxSize: -1, maxFile: 1, compress: false })
  assert.deepEqual(localRotation({}), { maxSize: 20 * 1024 * 1024, maxFile: 5, compress: true })
  assert.deepEqual(localRotation({ 'cache-max-size': '1m', 'cache-max-file': '1' }, 'cache-'), {
    maxSize: 1e6,
    maxFile: 1,
    compress: false,
  })
})

for (const [config, message] of [
  [{ 'max-file': '0' }, 'max-file cannot be less than 1'],
  [{ 'max-file': 'x' }, 'strconv.Atoi: parsing "x": invalid syntax'],
  [{ 'max-size': '-1' }, "invalid size: '-1'"],
  [{ 'max-size': '0' }, 'max-size must be a positive number'],
  [{ 'max-size': '5q' }, "invalid suffix: 'q'"],
  [{ compress: 'x' }, 'strconv.ParseBool: parsing "x": invalid syntax'],
  [
    { compress: 'true' },
    'compress cannot be true when max-file is less than 2 or max-size is not set',
  ],
] as const)
  test(`json-file refuses ${JSON.stringify(config)}`, () => {
    assert.throws(() => jsonFileRotation(config), { message })
  })

for (const [config, message] of [
  [{ 'max-file': '-1' }, 'max-file must not be negative'],
  [{ 'max-file': '1' }, 'compression cannot be enabled when max file count is 1'],
  [{ 'max-size': 'x' }, "invalid value for max-size: x: invalid size: 'x'"],
  [
    { compress: 'x' },
    'invalid boolean value for compress: strconv.ParseBool: parsing "x": invalid syntax',
  ],
] as const)
  test(`local refuses ${JSON.stringify(config)}`, () => {
    assert.throws(() => localRotation(config), { message })
  })

test('sizes of files are in SI units, those of buffers in powers of 1024', () => {
  assert.deepEqual(['5', '1k', '1.5 GB', '2MiB'].map(fromHumanSize), [5, 1000, 1.5e9, 2e6])
  assert.deepEqual(['5', '1k', '1m', '3b'].map(ramInBytes), [5, 1024, 1024 * 1024, 3])
  assert.equal(bufferLimit({ mode: 'non-blocking' }), 1e6)
  assert.equal(bufferLimit({ mode: 'non-blocking', 'max-buffer-size': '4m' }), 4 * 1024 * 1024)
  assert.equal(bufferLimit({ mode: 'blocking' }), undefined)
})
