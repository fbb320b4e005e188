import assert from 'node:assert/strict'
import { test } from 'node:test'
import { globMatch } from './glob.ts'

// After Go's path.Match.
const cases: Array<[pattern: string, text: string, matches: boolean]> = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*', 'abc', true],
  ['a*', 'ab/c', false],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
  ['a*b*c*d*e*/f', 'axbxcxdxe/xxx/f', false],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'ab', false],
  ['a?b', 'a/b', false],
  ['[\\]a]', ']', true],
  ['[x\\-]', '-', true],
  ['*x', 'xxx', true],
  ['', '', true],
  ['', 'a', false],
  ['busybox:1.*', 'busybox:1.36', true],
]

for (const [pattern, text, matches] of cases) {
  test(`${pattern} and ${text}`, () => assert.equal(globMatch(pattern, text), matches))
}

test('patterns that are none', () => {
  for (const pattern of ['[', '[a', '[^', 'a\\', '[a-', '[]']) {
    assert.throws(() => globMatch(pattern, 'a'), { message: 'syntax error in pattern' }, pattern)
  }
})

test('many stars stay quick', () => {
  const started = performance.now()
  assert.equal(globMatch('a*'.repeat(50) + 'b', 'a'.repeat(2000)), false)
  assert.ok(performance.now() - started < 500)
})
