/**
 * Words of an instruction as Dockerfiles have them: quotes and backslashes taken away, variables put
 * in. Not a shell: nothing is run, and what a variable holds is not taken apart again.
 */
export type Variables = (name: string) => string | undefined

/** Splits at blanks outside of quotes. Throws for what is not closed. */
export function shellWords(text: string, variables: Variables): string[] {
  return new Lexer(text, variables).words(true)
}

/** All of it is one word, blanks included. */
export function shellWord(text: string, variables: Variables): string {
  return new Lexer(text, variables).words(false)[0] ?? ''
}

class Lexer {
  readonly #text: string
  readonly #variables: Variables
  #at = 0

  constructor(text: string, variables: Variables) {
    this.#text = text
    this.#variables = variables
  }

  words(splits: boolean): string[] {
    const found: string[] = []
    let word: string | undefined
    while (this.#at < this.#text.length) {
      if (splits && /\s/.test(this.#peek())) {
        this.#at++
        if (word !== undefined) found.push(word)
        word = undefined
      } else word = (word ?? '') + this.#part()
    }
    if (word !== undefined) found.push(word)
    return found
  }

  #peek(): string {
    return this.#text[this.#at] ?? ''
  }

  #part(): string {
    const char = this.#text[this.#at++] ?? ''
    if (char === "'") return this.#until("'")
    if (char === '"') return this.#quoted()
    if (char === '$') return this.#variable()
    return char === '\\' && this.#at < this.#text.length ? (this.#text[this.#at++] ?? '') : char
  }

  #until(end: string): string {
    const close = this.#text.indexOf(end, this.#at)
    if (close < 0)
      throw new Error('unexpected end of statement while looking for matching single-quote')
    const inner = this.#text.slice(this.#at, close)
    this.#at = close + 1
    return inner
  }

  /** A backslash is one but before a quote, a dollar or another. */
  #quoted(): string {
    let inner = ''
    for (;;) {
      const char = this.#text[this.#at++]
      if (char === undefined)
        throw new Error('unexpected end of statement while looking for matching double-quote')
      if (char === '"') return inner
      if (char === '$') inner += this.#variable()
      else if (char === '\\' && /["$\\]/.test(this.#peek())) inner += this.#text[this.#at++]
      else inner += char
    }
  }

  /** `$NAME`, `${NAME}`, `${NAME:-else}`, `${NAME:+then}` and these without the colon. */
  #variable(): string {
    if (this.#peek() !== '{') {
      const [name = ''] = /^(?:[A-Za-z_]\w*|\d|[@*#?$!-])/.exec(this.#text.slice(this.#at)) ?? []
      this.#at += name.length
      return name === '' ? '$' : (this.#variables(name) ?? '')
    }
    const close = this.#text.indexOf('}', this.#at)
    if (close < 0) throw new Error('syntax error: missing }')
    const inner = this.#text.slice(this.#at + 1, close)
    this.#at = close + 1
    const [, name = '', colon, sign, word = ''] = /^(\w+)(?:(:)?([-+?])(.*))?$/s.exec(inner) ?? []
    if (name === '') throw new Error('unsupported modifier in substitution')
    const value = this.#variables(name)
    const isSet = value !== undefined && (colon === undefined || value !== '')
    const other = (): string => shellWord(word, this.#variables)
    if (sign === '-') return isSet ? value : other()
    if (sign === '+') return isSet ? other() : ''
    if (sign === '?' && !isSet) throw new Error(`${name}: ${other() || 'not allowed to be unset'}`)
    return value ?? ''
  }
}
