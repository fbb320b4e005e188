import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandInlineFile, expandWord, expandWords, type ExpandOptions } from './words.ts'

const ENV: ReadonlyMap<string, string> = new Map([
  ['A', 'hello'],
  ['EMPTY', ''],
  ['PATHS', '/a/b/c.tar.gz'],
  ['TWO', 'x y'],
  ['LINES', 'ab\ncb\nd'],
  ['STAR', 'a*b?c'],
  ['Ä', 'umlaut'],
  ['_1', 'under'],
])

const TEXTS: readonly (readonly [word: string, text: string, options?: ExpandOptions])[] = [
  ['', ''],
  ['plain', 'plain'],
  ['$A', 'hello'],
  ['${A}', 'hello'],
  ['${A}$A', 'hellohello'],
  ['$A/x', 'hello/x'],
  ['$NONE', ''],
  ['a${NONE}b', 'ab'],
  ['$Ä', 'umlaut'],
  ['$_1', 'under'],
  ['$', '$'],
  ['a$ b', 'a$ b'],
  ['$/x', '$/x'],
  ['$1$23', ''],
  ['$@$*$?$-$!$#', ''],
  ['$$', ''],
  ['${A:-x}', 'hello'],
  ['${EMPTY:-x}', 'x'],
  ['${EMPTY-x}', ''],
  ['${NONE:-x}', 'x'],
  ['${NONE-x y}', 'x y'],
  ['${NONE:-${EMPTY:-${A}}}', 'hello'],
  ["${NONE:-'$A'}", '$A'],
  ['${NONE:-"$A"}', 'hello'],
  ['${NONE:-\\}}', '}'],
  ['${A:+x}', 'x'],
  ['${EMPTY:+x}', ''],
  ['${EMPTY+x}', 'x'],
  ['${NONE+x}', ''],
  ['${A:?bad}', 'hello'],
  ['${EMPTY?bad}', ''],
  ['${PATHS#*/}', 'a/b/c.tar.gz'],
  ['${PATHS##*/}', 'c.tar.gz'],
  ['${PATHS%.*}', '/a/b/c.tar'],
  ['${PATHS%%.*}', '/a/b/c'],
  ['${PATHS%none}', '/a/b/c.tar.gz'],
  ['${PATHS#/?/}', 'b/c.tar.gz'],
  ['${STAR#a\\*}', 'b?c'],
  ['${STAR%\\?c}', 'a*b'],
  ['${LINES#*b}', '\ncb\nd'],
  ['${LINES##*b}', '\ncb\nd'],
  ['${A/l/L}', 'heLlo'],
  ['${A//l/L}', 'heLLo'],
  ['${A/l*/L}', 'heL'],
  ['${A//?/-}', '-----'],
  ['${A//*/-}', '-'],
  ['${A///-}', '-h-e-l-l-o-'],
  ['${PATHS//\\//:}', ':a:b:c.tar.gz'],
  ['${LINES//*b/-}', '-\n-\nd'],
  ['${NONE/a/b}', ''],
  ["'$A'", '$A'],
  ['"$A"', 'hello'],
  ['"a\\"b"', 'a"b'],
  ['"a\\b"', 'a\\b'],
  ['"\\$A"', '$A'],
  ['\\$A', '$A'],
  ['a\\ b', 'a b'],
  ['a\\', 'a'],
  ["'a\\'", 'a\\'],
  ['`$A', '$A', { escape: '`' }],
  ['\\$A', '\\hello', { escape: '`' }],
  ['"$A" \'b\'', '"hello" \'b\'', { rawQuotes: true }],
  ['a\\ b', 'a\\ b', { rawEscapes: true }],
  ['"$A', '"hello', { ignoreQuotes: true }],
  ['$NONE ${NONE}', '$NONE ${NONE}', { keepUnset: true }],
  ['${NONE:-x} ${NONE#x} $A', '${NONE:-x} ${NONE#x} hello', { keepUnset: true }],
  ['<<EOF', '<<EOF'],
]

for (const [word, text, options] of TEXTS) {
  test(`${word} is ${text}`, () => assert.equal(expandWord(word, ENV, options).text, text))
}

const WORDS: readonly (readonly [text: string, ...words: string[]])[] = [
  [''],
  ['   '],
  [' a  b\tc ', 'a', 'b', 'c'],
  ['"a b" c', 'a b', 'c'],
  ["a'b c'd", 'ab cd'],
  ['a\\ b c', 'a b', 'c'],
  ['$TWO', 'x', 'y'],
  ['"$TWO"', 'x y'],
  ['a$TWO', 'ax', 'y'],
  ['$NONE'],
  ['""'],
  ['80${NONE:-80} 1', '8080', '1'],
  ['<< EOF b', '<< EOF', 'b'],
]

for (const [text, ...words] of WORDS) {
  test(`words of ${text}`, () => assert.deepEqual(expandWords(text, ENV), words))
}

const ERRORS: readonly (readonly [word: string, error: string])[] = [
  ["'a", 'unexpected end of statement while looking for matching single-quote'],
  ['"a', 'unexpected end of statement while looking for matching double-quote'],
  ['${', "syntax error: missing '}'"],
  ['${A:-x', "syntax error: missing '}'"],
  ['${A/x', "syntax error: missing '/' in ${}"],
  ['${A/x/y', "syntax error: missing '}'"],
  ['${}', 'syntax error: bad substitution'],
  ['${{A}', 'syntax error: bad substitution'],
  ['${A:}', "syntax error: missing '}'"],
  ['${A!x}', 'unsupported modifier (!) in substitution'],
  ['${A:#x}', 'unsupported modifier (:#) in substitution'],
  ['${A:=x}', 'unsupported modifier (:=) in substitution'],
  ['${NONE?}', 'NONE: is not allowed to be unset'],
  ['${EMPTY:?}', 'EMPTY: is not allowed to be empty'],
  ['${NONE:?why $A}', 'NONE: why hello'],
  ['${A#\\x}', "invalid pattern (\\x) in substitution: invalid escape '\\x'"],
]

for (const [word, error] of ERRORS) {
  test(`${word}: ${error}`, () => {
    const message = `failed to process "${word.replace(/["\\]/g, '\\$&')}": ${error}`
    assert.throws(() => expandWord(word, ENV), { message })
  })
}

test('tells which variables were set and which were not', () => {
  const { matched, unmatched } = expandWord('$A ${NONE:-$EMPTY} \\$X', ENV)
  assert.deepEqual([...matched], ['A', 'EMPTY'])
  assert.deepEqual([...unmatched], ['NONE'])
})

test("a heredoc's quotes are its own", () => {
  assert.equal(expandInlineFile(`"it's" \\$A $A\n`, ENV).text, `"it's" $A hello\n`)
})

test('growth without bound, and depth, are refused', () => {
  const big = new Map([['A', 'x'.repeat(1_000_000)]])
  assert.throws(() => expandWord('$A'.repeat(100), big), /expansion of variables is too long$/)
  const budget = { left: 3_000_000 }
  expandWord('$A', big, { budget })
  assert.throws(() => expandWord('$A', big, { budget }), /too long$/)
  assert.throws(() => expandWord('${X:-'.repeat(50_000), big), /nested too deeply$/)
})

test('patterns that go back and try again elsewhere are done in no time', () => {
  const a = new Map([['A', 'a'.repeat(20_000)]])
  const started = performance.now()
  for (const word of ['${A//a*a*a*a*b/x}', '${A%%*a*a*a*a*a*b*c}', '${A##*?*?*?*?*b}']) {
    try {
      expandWord(word, a)
    } catch (error) {
      assert.match((error as Error).message, /too long$/)
    }
  }
  assert.ok(performance.now() - started < 2_000)
})
