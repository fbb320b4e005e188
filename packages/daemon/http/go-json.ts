/**
 * JSON as Go's decoder reads it. V8's parser does the work; only what it refuses is scanned again
 * here, to find where the first value ends or to say, in Go's words, what is wrong with it.
 */
import { InvalidRequest } from '@tdocker/api/invalid.ts'

/** Go's bound is 10,000; whoever walks or prints a value here recurses, so ours is lower. */
const maxDepth = 1000

/** Throws `invalid JSON: …` or `unexpected content after JSON`. */
export function parseGoJson(text: string): unknown {
  if (text.length > maxDepth) boundDepth(text)
  try {
    return JSON.parse(text)
  } catch {
    return parseFirstValue(text)
  }
}

function parseFirstValue(text: string): unknown {
  const end = new Scanner(text).value(0)
  // Go's `More` does not count a closing bracket as content.
  const rest = text.slice(end).replace(/^[ \t\r\n]+/, '')
  if (rest !== '' && rest[0] !== ']' && rest[0] !== '}') {
    throw new InvalidRequest('unexpected content after JSON')
  }
  return JSON.parse(text.slice(0, end))
}

/** Counts brackets outside of strings. */
function boundDepth(text: string): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (inString) {
      if (char === 0x5c) i++
      else if (char === 0x22) inString = false
    } else if (char === 0x22) inString = true
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > maxDepth) throw new InvalidRequest('invalid JSON: exceeded max depth')
    } else if (char === 0x7d || char === 0x5d) depth--
  }
}

/** Recursive descent over one value; throws where Go's scanner would, with its words. */
class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Scans one value and answers where it ends. */
  value(depth: number): number {
    if (depth > maxDepth) throw new InvalidRequest('invalid JSON: exceeded max depth')
    const char = this.#token(depth === 0 ? 'EOF' : 'unexpected EOF')
    if (char === '{') this.#object(depth)
    else if (char === '[') this.#array(depth)
    else if (char === '"') this.#string()
    else if (char === '-' || isDigit(char)) this.#number(char)
    else if (char === 't') this.#literal('true')
    else if (char === 'f') this.#literal('false')
    else if (char === 'n') this.#literal('null')
    else this.#bad(char, 'looking for beginning of value')
    return this.#at
  }

  #object(depth: number): void {
    let char = this.#token()
    if (char === '}') return
    for (;;) {
      if (char !== '"') this.#bad(char, 'looking for beginning of object key string')
      this.#string()
      this.#expect(':', 'after object key')
      this.value(depth + 1)
      if (this.#expect(',}', 'after object key:value pair') === '}') return
      char = this.#token()
    }
  }

  #array(depth: number): void {
    if (this.#token() === ']') return
    this.#at--
    do this.value(depth + 1)
    while (this.#expect(',]', 'after array element') === ',')
  }

  #string(): void {
    for (;;) {
      const char = this.#char()
      if (char === '"') return
      if (char === '\\') this.#escape()
      else if (char < ' ') this.#bad(char, 'in string literal')
    }
  }

  #escape(): void {
    const char = this.#char()
    if ('bfnrt\\/"'.includes(char)) return
    if (char !== 'u') this.#bad(char, 'in string escape code')
    for (let i = 0; i < 4; i++) {
      const digit = this.#char()
      if (!/[0-9a-fA-F]/.test(digit)) this.#bad(digit, 'in \\u hexadecimal character escape')
    }
  }

  #number(first: string): void {
    const digit = first === '-' ? this.#digit('in numeric literal') : first
    if (digit !== '0') this.#digits()
    if (this.#peek() === '.') {
      this.#at++
      this.#digit('after decimal point in numeric literal')
      this.#digits()
    }
    if (this.#peek() === 'e' || this.#peek() === 'E') {
      this.#at++
      if (this.#peek() === '+' || this.#peek() === '-') this.#at++
      this.#digit('in exponent of numeric literal')
      this.#digits()
    }
  }

  #literal(word: string): void {
    for (const expected of word.slice(1)) {
      const char = this.#char()
      if (char !== expected) this.#bad(char, `in literal ${word} (expecting '${expected}')`)
    }
  }

  #digits(): void {
    while (isDigit(this.#peek() ?? '')) this.#at++
  }

  #digit(where: string): string {
    const char = this.#char()
    if (!isDigit(char)) this.#bad(char, where)
    return char
  }

  #expect(chars: string, where: string): string {
    const char = this.#token()
    if (!chars.includes(char)) this.#bad(char, where)
    return char
  }

  /** The next character that is not white space. */
  #token(atEnd?: string): string {
    while (' \t\r\n'.includes(this.#peek() ?? 'x')) this.#at++
    return this.#char(atEnd)
  }

  #peek(): string | undefined {
    return this.#text[this.#at]
  }

  #char(atEnd = 'unexpected EOF'): string {
    const char = this.#text[this.#at++]
    if (char !== undefined) return char
    throw new InvalidRequest(`invalid JSON: ${atEnd === 'EOF' ? endOfBody : atEnd}`)
  }

  #bad(char: string, where: string): never {
    throw new InvalidRequest(`invalid JSON: invalid character ${quote(char)} ${where}`)
  }
}

const endOfBody = 'got EOF while reading request body'

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9' && char.length === 1
}

/** As Go's `quoteChar`. */
function quote(char: string): string {
  if (char === "'") return String.raw`'\''`
  if (char === '"') return `'"'`
  // Go has letters of its own for two of them, and hexadecimal for the rest.
  const words: Readonly<Record<string, string>> = { '\u0007': '\\a', '\v': '\\v' }
  const escaped = words[char] ?? JSON.stringify(char).slice(1, -1)
  return `'${escaped.replace('\u007f', '\\x7f').replace(/^\\u00(?=[01])/, '\\x')}'`
}
