import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateName, isValidName } from './generate.ts'
import { ADJECTIVES, SURNAMES } from './words.ts'

test('names are an adjective and a surname', () => {
  assert.match(
    generateName(() => true, 'x'),
    /^[a-z]+_[a-z]+$/,
  )
})

test('a digit after a clash, the short id when nothing is free', () => {
  let calls = 0
  assert.match(
    generateName(() => ++calls === 2, 'x'),
    /^[a-z]+_[a-z]+\d$/,
  )
  const id = 'abcdef0123456789'
  assert.equal(
    generateName(() => false, id),
    'abcdef012345',
  )
})

test('every word makes a valid name, and none is there twice', () => {
  for (const words of [ADJECTIVES, SURNAMES]) {
    assert.equal(new Set(words).size, words.length)
    for (const word of words) assert.match(word, /^[a-z]+$/)
  }
})

test('valid names', () => {
  for (const name of ['ab', 'a_b.c-9', '9x']) assert.ok(isValidName(name), name)
  for (const name of ['a', '-ab', 'a/b', 'ä_b', 'a b', '']) assert.ok(!isValidName(name), name)
})
