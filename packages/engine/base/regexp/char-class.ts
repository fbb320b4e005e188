/** What one character of the text is tested with: its code point. */
export type CharTest = (char: number) => boolean

/** What RE2 says of an expression it does not take; `part` is the offending piece. */
export class RegexpError extends Error {
  override readonly name = 'RegexpError'

  constructor(what: string, part: string) {
    super(`error parsing regexp: ${what}: \`${part}\``)
  }
}

export const range =
  (from: number, to: number): CharTest =>
  (char) =>
    char >= from && char <= to

export const not =
  (test: CharTest): CharTest =>
  (char) =>
    !test(char)

export const any =
  (tests: readonly CharTest[]): CharTest =>
  (char) =>
    tests.some((test) => test(char))

/** The simple folding: enough for letters that have one other case. */
export function folded(test: CharTest): CharTest {
  return (char) => {
    if (test(char)) return true
    const text = String.fromCodePoint(char)
    return one(text.toLowerCase(), test) || one(text.toUpperCase(), test)
  }
}

function one(text: string, test: CharTest): boolean {
  const char = text.codePointAt(0)!
  return text.length === (char > 0xffff ? 2 : 1) && test(char)
}

const DIGIT = range(0x30, 0x39)
const UPPER = range(0x41, 0x5a)
const LOWER = range(0x61, 0x7a)
const ALPHA = any([UPPER, LOWER])
const ALNUM = any([ALPHA, DIGIT])
const BLANK = any([range(0x20, 0x20), range(0x09, 0x09)])
export const WORD: CharTest = any([ALNUM, range(0x5f, 0x5f)])

const PERL: ReadonlyMap<string, CharTest> = new Map([
  ['d', DIGIT],
  ['s', any([range(0x09, 0x0a), range(0x0c, 0x0d), range(0x20, 0x20)])],
  ['w', WORD],
])

const POSIX: ReadonlyMap<string, CharTest> = new Map([
  ['alnum', ALNUM],
  ['alpha', ALPHA],
  ['ascii', range(0, 0x7f)],
  ['blank', BLANK],
  ['cntrl', any([range(0, 0x1f), range(0x7f, 0x7f)])],
  ['digit', DIGIT],
  ['graph', range(0x21, 0x7e)],
  ['lower', LOWER],
  ['print', range(0x20, 0x7e)],
  ['punct', any([range(0x21, 0x2f), range(0x3a, 0x40), range(0x5b, 0x60), range(0x7b, 0x7e)])],
  ['space', any([range(0x09, 0x0d), range(0x20, 0x20)])],
  ['upper', UPPER],
  ['word', WORD],
  ['xdigit', any([DIGIT, range(0x41, 0x46), range(0x61, 0x66)])],
])

/** `\d \D \s \S \w \W`; undefined for any other letter. */
export function perlClass(letter: string): CharTest | undefined {
  const test = PERL.get(letter.toLowerCase())
  return test && letter !== letter.toLowerCase() ? not(test) : test
}

/** `[:alpha:]` and `[:^alpha:]`, without the brackets and colons. */
export function posixClass(name: string): CharTest {
  const test = POSIX.get(name.replace(/^\^/, ''))
  if (!test) throw new RegexpError('invalid character class range', `[:${name}:]`)
  return name.startsWith('^') ? not(test) : test
}

/** `\pL`, `\p{Greek}`; `negated` for `\P` and `{^…}`. JavaScript knows the tables: one character at a time. */
export function unicodeClass(name: string, negated: boolean, part: string): CharTest {
  if (name === 'Any') return () => !negated
  for (const property of [name, `Script=${name}`]) {
    if (!/^(?:[A-Z][a-z]?|Script=\w+)$/.test(property)) continue
    try {
      const expression = new RegExp(`^\\p{${property}}$`, 'u')
      return (char) => expression.test(String.fromCodePoint(char)) !== negated
    } catch {
      // Not a category: perhaps a script.
    }
  }
  throw new RegexpError('invalid character class range', part)
}
