/** Reads RE2's syntax (https://github.com/google/re2/wiki/Syntax) into a tree. */
import {
  any,
  type CharTest,
  folded,
  not,
  perlClass,
  posixClass,
  range,
  RegexpError,
  unicodeClass,
} from './char-class.ts'

export type Assertion = 'begin' | 'end' | 'beginLine' | 'endLine' | 'boundary' | 'noBoundary'

export type Node =
  | { kind: 'char'; test: CharTest }
  | { kind: 'assert'; what: Assertion }
  | { kind: 'all'; nodes: readonly Node[] }
  | { kind: 'either'; nodes: readonly Node[] }
  | { kind: 'repeat'; node: Node; min: number; max: number }

interface Flags {
  /** `i` */
  fold: boolean
  /** `m` */
  lines: boolean
  /** `s` */
  dotAll: boolean
}

const MAX_DEPTH = 1000
const MAX_REPEAT = 1000
const NEWLINE = 0x0a
const LAST = 0x10ffff

const CONTROL: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['v', 0x0b],
])
const ASSERTIONS: ReadonlyMap<string, Assertion> = new Map([
  ['A', 'begin'],
  ['z', 'end'],
  ['b', 'boundary'],
  ['B', 'noBoundary'],
])

/** Throws RegexpError in RE2's words. */
export function parseRegexp(pattern: string): Node {
  return new Parser(pattern).whole()
}

class Parser {
  readonly #pattern: string
  #at = 0
  #depth = 0
  #flags: Flags = { fold: false, lines: false, dotAll: false }

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  whole(): Node {
    const node = this.#alternatives()
    if (this.#at < this.#pattern.length) throw new RegexpError('unexpected )', this.#pattern)
    return node
  }

  #alternatives(): Node {
    const nodes = [this.#sequence()]
    while (this.#take('|')) nodes.push(this.#sequence())
    return nodes.length === 1 ? nodes[0]! : { kind: 'either', nodes }
  }

  #sequence(): Node {
    const nodes: Node[] = []
    let repeated = ''
    while (this.#at < this.#pattern.length && !/[|)]/.test(this.#peek())) {
      const start = this.#at
      const bounds = this.#repetition()
      if (!bounds) {
        repeated = ''
        nodes.push(...this.#term())
        continue
      }
      const operator = this.#pattern.slice(start, this.#at)
      if (repeated !== '')
        throw new RegexpError('invalid nested repetition operator', repeated + operator)
      const node = nodes.pop()
      if (!node) throw new RegexpError('missing argument to repetition operator', operator)
      nodes.push({ kind: 'repeat', node, ...bounds })
      repeated = operator
    }
    return nodes.length === 1 ? nodes[0]! : { kind: 'all', nodes }
  }

  /** `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, each perhaps with a `?`; whether it matches is the same. */
  #repetition(): { min: number; max: number } | undefined {
    const match = /[*+?]\??|\{(\d+)(?:(,)(\d*))?\}\??/y
    match.lastIndex = this.#at
    const found = match.exec(this.#pattern)
    if (!found) return undefined
    this.#at = match.lastIndex
    const [operator, first, comma, last] = found
    if (first === undefined)
      return { min: operator.startsWith('+') ? 1 : 0, max: operator.startsWith('?') ? 1 : Infinity }
    const min = Number(first)
    const max = comma === undefined ? min : last ? Number(last) : Infinity
    if (min > MAX_REPEAT || (max > MAX_REPEAT && max !== Infinity) || max < min)
      throw new RegexpError('invalid repeat count', operator.replace(/\?$/, ''))
    return { min, max }
  }

  #term(): readonly Node[] {
    const char = this.#next()
    switch (char) {
      case '(':
        return this.#group()
      case '[':
        return [this.#char(this.#set())]
      case '.':
        return [{ kind: 'char', test: this.#flags.dotAll ? () => true : (c) => c !== NEWLINE }]
      case '^':
        return [{ kind: 'assert', what: this.#flags.lines ? 'beginLine' : 'begin' }]
      case '$':
        return [{ kind: 'assert', what: this.#flags.lines ? 'endLine' : 'end' }]
      case '\\':
        return this.#escaped()
      default:
        return [this.#literal(char)]
    }
  }

  #literal(char: string): Node {
    const code = char.codePointAt(0)!
    return this.#char(range(code, code))
  }

  #char(test: CharTest): Node {
    return { kind: 'char', test: this.#flags.fold ? folded(test) : test }
  }

  #group(): readonly Node[] {
    const outer = this.#flags
    if (++this.#depth > MAX_DEPTH)
      throw new RegexpError('expression nests too deeply', this.#pattern)
    if (this.#peek() === '?' && this.#openPerl()) {
      // `(?i)`: for the rest of the group around it.
      this.#depth--
      return []
    }
    const node = this.#alternatives()
    if (!this.#take(')')) throw new RegexpError('missing closing )', this.#pattern)
    this.#flags = outer
    this.#depth--
    return [node]
  }

  /** What follows `(?`. True when it was flags alone. */
  #openPerl(): boolean {
    const rest = this.#pattern.slice(this.#at - 1)
    const name = /^\(\?P?<(\w+)>/.exec(rest)
    if (name) {
      this.#at += name[0].length - 1
      return false
    }
    if (/^\(\?P?</.test(rest)) {
      if (/^\(\?<[=!]/.test(rest)) throw unsupported(rest.slice(0, 4))
      throw new RegexpError('invalid named capture', rest.replace(/>.*/s, '>'))
    }
    const flags = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest)
    if (!flags || (flags[1] === '' && flags[2] === undefined && flags[3] === ')'))
      throw unsupported(/^\(\?[imsU-]*./s.exec(rest)?.[0] ?? rest)
    const [all, on = '', off = '', end] = flags
    const value = (letter: string, before: boolean): boolean =>
      off.includes(letter) ? false : on.includes(letter) || before
    this.#flags = {
      fold: value('i', this.#flags.fold),
      lines: value('m', this.#flags.lines),
      dotAll: value('s', this.#flags.dotAll),
    }
    this.#at += all.length - 1
    return end === ')'
  }

  /** After a backslash outside of brackets. */
  #escaped(): readonly Node[] {
    const letter = this.#peek()
    const what = ASSERTIONS.get(letter)
    if (what) {
      this.#next()
      return [{ kind: 'assert', what }]
    }
    if (letter === 'C') {
      this.#next()
      return [{ kind: 'char', test: () => true }]
    }
    if (letter !== 'Q') return [this.#char(this.#escapedClass() ?? this.#escapedChar())]
    const end = this.#pattern.indexOf('\\E', this.#at)
    const text = this.#pattern.slice(this.#at + 1, end < 0 ? undefined : end)
    this.#at = end < 0 ? this.#pattern.length : end + 2
    return [...text].map((char) => this.#literal(char))
  }

  /** After a backslash: `\d`, `\pL`; undefined, and nothing taken, for anything else. */
  #escapedClass(): CharTest | undefined {
    const letter = this.#peek()
    const perl = perlClass(letter)
    if (perl) {
      this.#next()
      return perl
    }
    if (letter !== 'p' && letter !== 'P') return undefined
    const rest = this.#pattern.slice(this.#at - 1)
    const [part, inner] = /^\\[pP](\{[^}]*\}|.)/su.exec(rest) ?? [rest, '']
    this.#at += part.length - 1
    const name = inner!.replace(/^\{|\}$/g, '')
    const negated = (letter === 'P') !== name.startsWith('^')
    return unicodeClass(name.replace(/^\^/, ''), negated, part)
  }

  #escapedChar(): CharTest {
    const code = this.#escapedCode()
    return range(code, code)
  }

  /** After a backslash: one character. */
  #escapedCode(): number {
    const rest = this.#pattern.slice(this.#at)
    if (rest === '') throw new RegexpError('trailing backslash at end of expression', '')
    const number =
      /^x([\da-fA-F]{2})/.exec(rest) ?? /^x\{([\da-fA-F]+)\}/.exec(rest) ?? /^([0-7]{3})/.exec(rest)
    const [all, digits = ''] = number ?? /^(0[0-7]?)/.exec(rest) ?? []
    if (all !== undefined) {
      const code = Number.parseInt(digits, all.startsWith('x') ? 16 : 8)
      if (code > LAST) throw invalidEscape(all)
      this.#at += all.length
      return code
    }
    const char = this.#next()
    const control = CONTROL.get(char)
    if (control !== undefined) return control
    if (/[\p{L}\p{N}]/u.test(char) || char.codePointAt(0)! > 0x7f) throw invalidEscape(char)
    return char.codePointAt(0)!
  }

  /** After `[`, up to its bracket. */
  #set(): CharTest {
    const start = this.#at - 1
    const negated = this.#take('^')
    const tests: CharTest[] = []
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#at >= this.#pattern.length)
        throw new RegexpError('missing closing ]', this.#pattern.slice(start))
      tests.push(this.#setItem())
    }
    this.#next()
    const test = this.#flags.fold ? folded(any(tests)) : any(tests)
    return negated ? not(test) : test
  }

  #setItem(): CharTest {
    const posix = /\[:(\^?\w+):\]/y
    posix.lastIndex = this.#at
    const found = posix.exec(this.#pattern)
    if (found) {
      this.#at = posix.lastIndex
      return posixClass(found[1]!)
    }
    const start = this.#at
    if (this.#take('\\')) {
      const known = this.#escapedClass()
      if (known) return known
      this.#at = start
    }
    const from = this.#setChar()
    if (!/^-[^\]]/s.test(this.#pattern.slice(this.#at, this.#at + 2))) return range(from, from)
    this.#next()
    const to = this.#setChar()
    if (to < from)
      throw new RegexpError('invalid character class range', this.#pattern.slice(start, this.#at))
    return range(from, to)
  }

  #setChar(): number {
    if (this.#take('\\')) return this.#escapedCode()
    return this.#next().codePointAt(0)!
  }

  #peek(): string {
    const code = this.#pattern.codePointAt(this.#at)
    return code === undefined ? '' : String.fromCodePoint(code)
  }

  #next(): string {
    const char = this.#peek()
    this.#at += char.length
    return char
  }

  #take(char: string): boolean {
    if (this.#pattern[this.#at] !== char) return false
    this.#at++
    return true
  }
}

function unsupported(part: string): RegexpError {
  return new RegexpError('invalid or unsupported Perl syntax', part)
}

function invalidEscape(part: string): RegexpError {
  return new RegexpError('invalid escape sequence', `\\${part}`)
}
