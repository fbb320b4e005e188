import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Regexp, textMatcher } from './regexp.ts'

const finds = (pattern: string, text: string): boolean => new Regexp(pattern).test(text)

/** Where RE2 and JavaScript mean the same. */
const ALIKE: readonly (readonly [pattern: string, ...texts: string[]])[] = [
  ['', '', 'a'],
  ['abc', 'abc', 'xabcx', 'ab', 'acb'],
  ['^web$', 'web', 'web1', 'aweb', ''],
  ['^/?web-[0-9]+$', '/web-12', 'web-1', 'web-', 'web-1a'],
  ['a|b|', 'c', ''],
  ['^(?:a|bc)*d$', 'd', 'abcad', 'abd', 'bcbcd'],
  ['^(a*)*$', 'aaaa', 'aab', ''],
  ['^a{2,3}$', 'a', 'aa', 'aaa', 'aaaa'],
  ['^a{2}$', 'a', 'aa', 'aaa'],
  ['^a{2,}$', 'a', 'aa', 'aaaaa'],
  ['^a{0}b{0,1}$', '', 'b', 'a', 'bb'],
  ['a{,2}', 'a{,2}', 'aa'],
  ['x{', 'x{', 'x'],
  ['^a+?b??$', 'a', 'aab', 'b'],
  ['[a-c]', 'b', 'd', '-'],
  ['^[^a-c]$', 'b', 'd', '\n'],
  ['^[a-]$', 'a', '-', 'b'],
  ['^[\\]\\-\\d]$', ']', '-', '7', 'x'],
  ['\\.\\*\\[', '.*[', 'a*['],
  ['^\\w\\W\\d\\D\\s\\S$', 'a-1x y', 'aa1x y'],
  ['\\bcat\\b', 'a cat', 'concat', 'cat', 'cats'],
  ['a\\Bb', 'ab', 'a b'],
  ['.', '\n', 'a'],
  ['\\x41\\t\\n', 'A\t\n', 'A'],
  ['^.$', 'ä', '€', 'ab'],
]

for (const [pattern, ...texts] of ALIKE) {
  test(`/${pattern}/ as in JavaScript`, () => {
    for (const text of texts)
      assert.equal(finds(pattern, text), new RegExp(pattern).test(text), JSON.stringify(text))
  })
}

/** What RE2 has and JavaScript has not, or has otherwise. */
const OWN: readonly (readonly [pattern: string, matching: string, other: string])[] = [
  ['^(?i)web$', 'WeB', 'we'],
  ['^(?i:w)eb$', 'Web', 'WEB'],
  ['^(?i)[a-c]+$', 'aBC', 'd'],
  ['^(?i)[^a]$', 'b', 'A'],
  ['(?m)^b$', 'a\nb\nc', 'ab'],
  ['(?s)a.b', 'a\nb', 'ab'],
  ['(?s-s:a.b)', 'axb', 'a\nb'],
  ['(?P<x>a)(?<y>b)', 'ab', 'ba'],
  ['^\\Qa.b*\\E$', 'a.b*', 'aab'],
  ['^[[:alpha:]_]+$', 'ab_', 'a1'],
  ['^[[:^digit:]]$', 'a', '1'],
  ['^\\p{Greek}+\\pL$', 'αβγa', 'ab'],
  ['^\\P{L}\\p{^L}$', '12', 'a1'],
  ['\\Aa\\z', 'a', 'a\n'],
  ['^[]a]$', ']', 'b'],
  ['^\\101\\x{1F600}$', 'A😀', 'A'],
  ['^.$', '😀', 'ab'],
]

for (const [pattern, matching, other] of OWN) {
  test(`/${pattern}/ as in RE2`, () => {
    assert.equal(finds(pattern, matching), true, matching)
    assert.equal(finds(pattern, other), false, other)
  })
}

const REFUSED: Readonly<Record<string, string>> = {
  '*': 'missing argument to repetition operator: `*`',
  'a**': 'invalid nested repetition operator: `**`',
  '(a': 'missing closing ): `(a`',
  'a)': 'unexpected ): `a)`',
  '[a': 'missing closing ]: `[a`',
  '[b-a]': 'invalid character class range: `b-a`',
  '[[:x:]]': 'invalid character class range: `[:x:]`',
  'a{1001}': 'invalid repeat count: `{1001}`',
  'a{2,1}': 'invalid repeat count: `{2,1}`',
  '\\': 'trailing backslash at end of expression: ``',
  '(a)\\1': 'invalid escape sequence: `\\1`',
  '\\y': 'invalid escape sequence: `\\y`',
  '\\p{Nobody}': 'invalid character class range: `\\p{Nobody}`',
  '(?=a)': 'invalid or unsupported Perl syntax: `(?=`',
  '(?<!a)': 'invalid or unsupported Perl syntax: `(?<!`',
}

for (const [pattern, words] of Object.entries(REFUSED)) {
  test(`/${pattern}/ is refused`, () => {
    assert.throws(() => new Regexp(pattern), { message: `error parsing regexp: ${words}` })
    assert.equal(textMatcher(pattern)('a'), false)
    assert.equal(textMatcher(pattern)(pattern), true)
  })
}

test('no expression takes long', () => {
  const begun = performance.now()
  const text = `${'a'.repeat(5000)}!`
  for (const pattern of ['(a+)+$', '(a|aa)+$', '(a*)*b', '(.*)(.*)(.*)(.*)(.*)x', '([ab]*a){20}c'])
    assert.equal(finds(pattern, text), false, pattern)
  assert.ok(performance.now() - begun < 10_000)
})

test('one that would take long is given up', () => {
  const costly = new Regexp('(a?){900}b')
  assert.throws(() => {
    for (let i = 0; i < 100; i++) costly.test('a'.repeat(2000))
  }, /expression too costly/)
  assert.equal(textMatcher('(a?){900}b')('a'.repeat(100_000)), false)
  for (const pattern of ['((a{100}){100}){100}', '((){1000}){1000}', 'a{1000}'.repeat(6)])
    assert.throws(() => new Regexp(pattern), /expression too large/)
  assert.throws(() => new Regexp('('.repeat(100_000)), /nests too deeply/)
})
