/**
 * Reads one word of the shell's language: quotes, escapes, `$name` and `${name…}`. One pass from
 * left to right; what is behind a modifier is read by the same reader up to its `}`. The rules and
 * sentences are those of BuildKit's frontend/dockerfile/shell.
 */
import { isSpace, quote } from './go-text.ts'
import { replacePattern, trimPattern } from './shell-pattern.ts'

export interface ExpandOptions {
  escape?: '\\' | '`'
  /** Quotes stay in the result. */
  rawQuotes?: boolean
  /** So do escapes. */
  rawEscapes?: boolean
  /** Quotes are ordinary characters, as within a heredoc. */
  ignoreQuotes?: boolean
  /** What is not set stays as it was written. */
  keepUnset?: boolean
  /** Shared by all expansions of a build, so that none grows without bound; characters. */
  budget?: ExpansionBudget
}

export interface ExpansionBudget {
  left: number
}

export type Environment = ReadonlyMap<string, string>

/** Of one expansion: `ENV A=$A$A` some forty times over would fill the memory. */
const MAX_CHARACTERS = 4 * 1024 * 1024
const MAX_DEPTH = 200

/** Collects words as they come; blanks from a variable separate, quoted ones do not. */
class Splitter {
  readonly words: string[] = []
  #word = ''

  add(text: string): void {
    let start = 0
    for (let at = 0; at < text.length; at++) {
      if (!isSpace(text.charCodeAt(at))) continue
      this.#word += text.slice(start, at)
      this.#end()
      start = at + 1
    }
    this.#word += text.slice(start)
  }

  addRaw(text: string): void {
    this.#word += text
  }

  finish(): string[] {
    this.#end()
    return this.words
  }

  #end(): void {
    if (this.#word !== '') this.words.push(this.#word)
    this.#word = ''
  }
}

/** One word, once. */
export class WordReader {
  readonly matched: Set<string> = new Set()
  readonly unmatched: Set<string> = new Set()
  readonly #source: string
  readonly #env: Environment
  readonly #options: ExpandOptions
  readonly #escape: string
  readonly #budget: ExpansionBudget
  #at = 0
  #rawEscapes: boolean
  #depth = 0

  constructor(source: string, env: Environment, options: ExpandOptions) {
    this.#source = source
    this.#env = env
    this.#options = options
    this.#escape = options.escape ?? '\\'
    this.#rawEscapes = options.rawEscapes ?? false
    this.#budget = options.budget ?? { left: MAX_CHARACTERS }
    // As Go's text scanner does with a byte order mark.
    if (source.startsWith('\uFEFF')) this.#at = 1
  }

  read(): { text: string; words: string[] } {
    try {
      return this.#readUntil(undefined, this.#rawEscapes)
    } catch (error) {
      throw new Error(`failed to process ${quote(this.#source)}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }

  /** Up to `stop`, which is taken, or the end. */
  #readUntil(stop: string | undefined, rawEscapes: boolean): { text: string; words: string[] } {
    if (this.#depth >= MAX_DEPTH) throw new Error('substitutions are nested too deeply')
    const outer = this.#rawEscapes
    this.#rawEscapes = rawEscapes
    this.#depth++
    try {
      return this.#readParts(stop)
    } finally {
      this.#depth--
      this.#rawEscapes = outer
    }
  }

  #readParts(stop: string | undefined): { text: string; words: string[] } {
    let text = ''
    const splitter = new Splitter()
    while (!this.#atEnd) {
      const char = this.#peek()
      if (char === stop) {
        this.#at++
        return { text, words: splitter.finish() }
      }
      const special = this.#special(char)
      if (special !== undefined) {
        text += special
        if (char === '$') splitter.add(special)
        else splitter.addRaw(special)
      } else if (char === this.#escape) {
        this.#at++
        const escaped = this.#atEnd ? '' : this.#next()
        const kept = this.#rawEscapes ? char + escaped : escaped
        text += kept
        splitter.addRaw(kept)
      } else {
        const run = this.#run(stop)
        text += run
        splitter.add(run)
      }
    }
    if (stop !== undefined) {
      throw new Error(`unexpected end of statement while looking for matching ${stop}`)
    }
    this.#spend(text.length)
    return { text, words: splitter.finish() }
  }

  /** From here to the next character that may mean something. */
  #run(stop: string | undefined): string {
    const start = this.#at++
    for (; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at]!
      if (char === stop || char === this.#escape || '$<"\''.includes(char)) break
    }
    return this.#source.slice(start, this.#at)
  }

  #special(char: string): string | undefined {
    if (char === '$') return this.#dollar()
    if (char === '<') return this.#lessThan()
    if (this.#options.ignoreQuotes) return undefined
    if (char === "'") return this.#singleQuoted()
    if (char === '"') return this.#doubleQuoted()
    return undefined
  }

  #singleQuoted(): string {
    const end = this.#source.indexOf("'", this.#at + 1)
    if (end < 0) {
      this.#at = this.#source.length
      throw new Error('unexpected end of statement while looking for matching single-quote')
    }
    const inner = this.#source.slice(this.#at + 1, end)
    this.#at = end + 1
    return this.#options.rawQuotes ? `'${inner}'` : inner
  }

  #doubleQuoted(): string {
    this.#at++
    let text = this.#options.rawQuotes ? '"' : ''
    while (!this.#atEnd) {
      const char = this.#peek()
      if (char === '"') {
        this.#at++
        return this.#options.rawQuotes ? `${text}"` : text
      }
      if (char === '$') {
        text += this.#dollar()
        continue
      }
      if (char !== this.#escape) {
        text += this.#run('"')
        continue
      }
      this.#at++
      if (this.#rawEscapes) text += char
      if (this.#atEnd) break
      // Only these can be escaped; before any other character the escape stands for itself.
      const escaped = this.#peek()
      text += escaped === '"' || escaped === '$' || escaped === this.#escape ? this.#next() : char
    }
    throw new Error('unexpected end of statement while looking for matching double-quote')
  }

  /** A heredoc's `<<` and the blanks behind it belong to its word. */
  #lessThan(): string {
    const start = this.#at++
    if (this.#peek() !== '<') return '<'
    this.#at++
    while (!this.#atEnd && '\t\r '.includes(this.#peek())) this.#at++
    return this.#source.slice(start, this.#at)
  }

  #dollar(): string {
    this.#at++
    if (this.#peek() === '{') {
      this.#at++
      return this.#braced()
    }
    const name = this.#name()
    if (name === '') return '$'
    const value = this.#get(name)
    return value ?? (this.#options.keepUnset ? `$${name}` : '')
  }

  #braced(): string {
    if (this.#atEnd) throw missingBrace()
    if ('{}:'.includes(this.#peek())) throw new Error('syntax error: bad substitution')
    const name = this.#name()
    const modifier = this.#nextOrEnd()
    switch (modifier) {
      case '}': {
        const value = this.#get(name)
        return value ?? (this.#options.keepUnset ? `\${${name}}` : '')
      }
      case ':':
        return this.#modified(name, this.#nextOrEnd(), true)
      case '+':
      case '-':
      case '?':
      case '#':
      case '%':
        return this.#modified(name, modifier, false)
      case '/':
        return this.#replaced(name)
      default:
        throw unsupported(modifier)
    }
  }

  #modified(name: string, modifier: string, emptyIsUnset: boolean): string {
    const trims = modifier === '#' || modifier === '%'
    const written = emptyIsUnset ? `:${modifier}` : modifier
    if (emptyIsUnset && trims) throw unsupported(written)
    const word = this.#inner('}', trims, missingBrace)
    const value = this.#get(name)
    if (value === undefined && this.#options.keepUnset) return `\${${name}${written}${word}}`
    const missing = value === undefined || (emptyIsUnset && value === '')
    switch (modifier) {
      case '-':
        return missing ? word : value
      case '+':
        return missing ? '' : word
      case '?':
        if (!missing) return value
        throw new Error(
          `${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`,
        )
      case '#':
      case '%': {
        const greedy = word.startsWith(modifier)
        const pattern = greedy ? word.slice(1) : word
        const side = modifier === '#' ? 'start' : 'end'
        return trimPattern(value ?? '', pattern, { side, greedy }, this.#spend)
      }
      default:
        throw unsupported(written)
    }
  }

  #replaced(name: string): string {
    const all = this.#peek() === '/'
    if (all) this.#at++
    const pattern = this.#inner('/', true, () => new Error("syntax error: missing '/' in ${}"))
    const replacement = this.#inner('}', true, missingBrace)
    const value = this.#get(name)
    if (value === undefined && this.#options.keepUnset) {
      return `\${${name}/${pattern}/${replacement}}`
    }
    return replacePattern(value ?? '', pattern, replacement, all, this.#spend)
  }

  #inner(stop: string, rawEscapes: boolean, atEnd: () => Error): string {
    try {
      return this.#readUntil(stop, rawEscapes).text
    } catch (error) {
      throw this.#atEnd ? atEnd() : error
    }
  }

  /** Letters, digits and `_`; a number; or one of the shell's special parameters. */
  #name(): string {
    const start = this.#at
    const first = this.#codePoint()
    if (isDigit(first)) {
      while (isDigit(this.#codePoint())) this.#step()
    } else if (first !== '' && '@*#?-$!'.includes(first)) {
      this.#step()
    } else {
      while (isNameChar(this.#codePoint())) this.#step()
    }
    return this.#source.slice(start, this.#at)
  }

  #get(name: string): string | undefined {
    const value = this.#env.get(name)
    ;(value === undefined ? this.unmatched : this.matched).add(name)
    if (value !== undefined) this.#spend(value.length)
    return value
  }

  readonly #spend = (characters: number): void => {
    this.#budget.left -= characters
    if (this.#budget.left < 0) throw new Error('expansion of variables is too long')
  }

  get #atEnd(): boolean {
    return this.#at >= this.#source.length
  }

  #peek(): string {
    return this.#source[this.#at] ?? ''
  }

  #codePoint(): string {
    const code = this.#source.codePointAt(this.#at)
    return code === undefined ? '' : String.fromCodePoint(code)
  }

  #step(): void {
    this.#at += this.#codePoint().length
  }

  #next(): string {
    const char = this.#codePoint()
    this.#at += char.length
    return char
  }

  /** What Go prints for a character that is not there. */
  #nextOrEnd(): string {
    return this.#atEnd ? '\uFFFD' : this.#next()
  }
}

const missingBrace = (): Error => new Error("syntax error: missing '}'")
const unsupported = (modifier: string): Error =>
  new Error(`unsupported modifier (${modifier}) in substitution`)

function isDigit(char: string): boolean {
  return (char >= '0' && char <= '9') || (char > '\x7f' && /^\p{Nd}$/u.test(char))
}

function isNameChar(char: string): boolean {
  if (char <= '\x7f') return /^\w$/.test(char)
  return /^[\p{L}\p{Nd}]$/u.test(char)
}
