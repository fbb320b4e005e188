import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasWildcards, matchPath } from './path-match.ts'

const MATCHES: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
  ['abc', 'abc', true],
  ['abc', 'abd', false],
  ['', '', true],
  ['*', '', true],
  ['*', 'abc', true],
  ['*', 'a/b', false],
  ['*/*', 'a/b', true],
  ['*c', 'abc', true],
  ['a*', 'abc/b', false],
  ['a*b*c*d', 'axbxcxdxd', true],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['?', 'é', true],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[^b-d]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a[^b]c', 'a/c', true],
  ['[\\]a]', ']', true],
  ['[\\-x]', '-', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['*.go', 'main.go', true],
]

for (const [pattern, name, matches] of MATCHES) {
  test(`${pattern} and ${name}`, () => assert.equal(matchPath(pattern, name), matches))
}

for (const pattern of ['[]a]', '[-]', '[x-]', '[-x]', '[', '[^', '[^bc', 'a[', 'a\\', '[a-b-c]']) {
  test(`${pattern} is broken`, () =>
    assert.throws(() => matchPath(pattern, 'a'), { message: 'syntax error in pattern' }))
}

test('knows a plain name', () => {
  assert.equal(hasWildcards('a/b.c'), false)
  for (const pattern of ['*', '?', '[a]', '\\a']) assert.equal(hasWildcards(pattern), true)
})

test('many stars take no longer than few', () => {
  const started = performance.now()
  assert.equal(matchPath('*a'.repeat(200) + 'b', 'a'.repeat(5000)), false)
  assert.ok(performance.now() - started < 1000)
})
