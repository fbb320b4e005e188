import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flag, flagOr, integer, list, terminalSize, text } from './query.ts'

test('false is exactly empty, 0, no, false and none', () => {
  for (const word of ['', '0', 'no', 'No', 'FALSE', ' false ', 'none']) {
    assert.equal(flag({ x: word }, 'x'), false, JSON.stringify(word))
  }
  for (const word of ['1', 'true', 'yes', 'off', 'f', 'nope']) {
    assert.equal(flag({ x: word }, 'x'), true, JSON.stringify(word))
  }
  assert.equal(flag({}, 'x'), false)
  assert.equal(flagOr({}, 'x', true), true)
  assert.equal(flagOr({ x: '' }, 'x', true), false)
})

test('the first of repeated keys counts, unless all are asked for', () => {
  const query = { t: ['a', 'b'] }
  assert.equal(text(query, 't'), 'a')
  assert.deepEqual(list(query, 't'), ['a', 'b'])
  assert.deepEqual(list({ t: 'a' }, 't'), ['a'])
})

test('integers are decimal', () => {
  assert.equal(integer({ t: '-1' }, 't'), -1)
  assert.equal(integer({ t: '' }, 't'), undefined)
  assert.throws(() => integer({ t: 'ten' }, 't'), {
    message: 'strconv.Atoi: parsing "ten": invalid syntax',
  })
  assert.throws(() => integer({ t: '1e3' }, 't'))
  assert.throws(() => integer({ t: '99999999999999999999' }, 't'), /value out of range/)
})

test('terminal sizes are 32 bits without a sign', () => {
  assert.equal(terminalSize({ h: '40' }, 'h', 'height'), 40)
  assert.throws(() => terminalSize({}, 'h', 'height'), {
    message: 'invalid resize height "": invalid syntax',
  })
  assert.throws(() => terminalSize({ w: '-1' }, 'w', 'width'), {
    message: 'invalid resize width "-1": value out of range',
  })
  assert.throws(() => terminalSize({ w: '4294967296' }, 'w', 'width'), /out of range/)
})
