import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGoJson } from './go-json.ts'

test('what is no JSON is told as Go tells it', () => {
  const cases: Record<string, string> = {
    '': 'got EOF while reading request body',
    '  ': 'got EOF while reading request body',
    '{': 'unexpected EOF',
    '{"a"': 'unexpected EOF',
    '{"a":1': 'unexpected EOF',
    '"abc': 'unexpected EOF',
    tru: 'unexpected EOF',
    nope: `invalid character 'o' in literal null (expecting 'u')`,
    x: `invalid character 'x' looking for beginning of value`,
    '{a:1}': `invalid character 'a' looking for beginning of object key string`,
    "{'a':1}": `invalid character '\\'' looking for beginning of object key string`,
    '{"a" 1}': `invalid character '1' after object key`,
    '{"a":1 "b"}': `invalid character '"' after object key:value pair`,
    '{"a":1,}': `invalid character '}' looking for beginning of object key string`,
    '[1,]': `invalid character ']' looking for beginning of value`,
    '[1 2]': `invalid character '2' after array element`,
    '"\n"': `invalid character '\\n' in string literal`,
    '"\u0001"': `invalid character '\\x01' in string literal`,
    '"\v"': `invalid character '\\v' in string literal`,
    '"\\x"': `invalid character 'x' in string escape code`,
    '"\\u00g0"': `invalid character 'g' in \\u hexadecimal character escape`,
    '-x': `invalid character 'x' in numeric literal`,
    '1.x': `invalid character 'x' after decimal point in numeric literal`,
    '1ex': `invalid character 'x' in exponent of numeric literal`,
    '\uFEFF{}': `invalid character '\uFEFF' looking for beginning of value`,
  }
  for (const [text, sentence] of Object.entries(cases)) {
    assert.throws(() => parseGoJson(text), { message: `invalid JSON: ${sentence}` }, text)
  }
})

test('one value is read; content behind it is refused', () => {
  assert.deepEqual(parseGoJson('{"a":[1,2.5e3,"\\u00e9\\n",true,null]} \n'), {
    a: [1, 2500, 'é\n', true, null],
  })
  for (const text of ['{} {}', '{}x', '1 2', '[] "a"', '{"a":{"b":[{}]}},']) {
    assert.throws(() => parseGoJson(text), { message: 'unexpected content after JSON' }, text)
  }
  // Go's `More` takes a closing bracket for an end.
  assert.deepEqual(parseGoJson('{"a":1}}'), { a: 1 })
})

test('depth is bounded, in good JSON and in bad', () => {
  const deep = '['.repeat(100_000)
  for (const text of [deep, deep + ']'.repeat(100_000), `${'{"a":'.repeat(50_000)}1`]) {
    assert.throws(() => parseGoJson(text), { message: 'invalid JSON: exceeded max depth' })
  }
  const flat = JSON.stringify(Array.from({ length: 5000 }, () => ({ a: '[[[{{{' })))
  assert.equal((parseGoJson(flat) as unknown[]).length, 5000)
})
