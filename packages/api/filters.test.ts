import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFilters, filterBoolean, parseFilters } from './filters.ts'

const parse = (text: string): object => Object.fromEntries(parseFilters(text, 'ContainerList'))

test('both JSON forms are read', () => {
  assert.deepEqual(parse('{"label":{"a=b":true,"c":true},"id":{"x":true}}'), {
    label: ['a=b', 'c'],
    id: ['x'],
  })
  assert.deepEqual(parse('{"label":["a=b","c","c"]}'), { label: ['a=b', 'c'] })
  assert.deepEqual(parse(''), {})
  assert.deepEqual(parse('{}'), {})
  assert.deepEqual(parse('{"label":null}'), { label: [] })
})

test('an unknown key is named', () => {
  assert.throws(() => parse('{"bogus":["x"]}'), { message: "invalid filter 'bogus'" })
  assert.throws(() => parse('{"__proto__":["x"]}'), { message: "invalid filter '__proto__'" })
})

test('what is neither form is an invalid filter', () => {
  for (const text of ['{', '[]', '1', '{"label":"x"}', '{"label":[1]}', '{"label":{"x":"y"}}']) {
    assert.throws(() => parse(text), { message: 'invalid filter' }, text)
  }
})

test('keys depend on the operation; events take any', () => {
  assert.throws(() => parseFilters('{"dangling":["1"]}', 'ContainerList'))
  assert.equal(parseFilters('{"dangling":["1"]}', 'ImageList').size, 1)
  assert.equal(parseFilters('{"plugin":["1"]}', 'SystemEvents').size, 1)
})

test('booleans are 0, 1, true or false', () => {
  const of = (...values: string[]) => new Map([['dangling', values]])
  assert.equal(filterBoolean(of('1'), 'dangling', false), true)
  assert.equal(filterBoolean(of('false'), 'dangling', true), false)
  assert.equal(filterBoolean(new Map(), 'dangling', true), true)
  assert.throws(() => filterBoolean(of('yes'), 'dangling', true), {
    message: "invalid filter 'dangling=[yes]'",
  })
  assert.throws(() => filterBoolean(of('0', '1'), 'dangling', true), {
    message: "invalid filter 'dangling=[0 1]'",
  })
})

test('what is encoded is read back', () => {
  const filters = new Map([['label', ['a=b', 'c']]])
  assert.deepEqual(parse(encodeFilters(filters)), { label: ['a=b', 'c'] })
})
