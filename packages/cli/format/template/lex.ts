/** Words of a Go template. Text outside `{{ }}` is one token. */
export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'pipe'
  | 'assign'
  | 'declare'
  | 'comma'
  | 'leftParen'
  | 'rightParen'
  | 'dot'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'string'
  | 'char'
  | 'number'
  | 'space'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  /** Offset in the template. */
  readonly at: number
}

/** A template that cannot be parsed; the message is that of Go's text/template. */
export class TemplateSyntaxError extends Error {}

export function lex(name: string, template: string): Token[] {
  return new Lexer(name, template).all()
}

const actionTokens: ReadonlyArray<readonly [TokenKind, RegExp]> = [
  ['space', /\s+/y],
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['char', /'(?:[^'\\\n]|\\.)+'/y],
  ['declare', /:=/y],
  ['assign', /=/y],
  ['pipe', /\|/y],
  ['comma', /,/y],
  ['leftParen', /\(/y],
  ['rightParen', /\)/y],
  [
    'number',
    /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)/y,
  ],
  ['variable', /\$[\p{L}\p{N}_]*/uy],
  ['field', /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ['dot', /\./y],
  ['identifier', /[\p{L}_][\p{L}\p{N}_]*/uy],
]

class Lexer {
  private readonly name: string
  private readonly input: string
  private readonly tokens: Token[] = []
  private at = 0

  constructor(name: string, input: string) {
    this.name = name
    this.input = input
  }

  all(): Token[] {
    let trimNext = false
    while (this.at < this.input.length) {
      const open = this.input.indexOf('{{', this.at)
      const end = open < 0 ? this.input.length : open
      this.text(end, trimNext, open >= 0 && this.trimsLeft(open))
      if (open < 0) break
      trimNext = this.action(open)
    }
    this.tokens.push({ kind: 'end', text: '', at: this.input.length })
    return this.tokens
  }

  private trimsLeft(open: number): boolean {
    return /^-\s/.test(this.input.slice(open + 2, open + 4))
  }

  private text(end: number, trimStart: boolean, trimEnd: boolean): void {
    let text = this.input.slice(this.at, end)
    if (trimStart) text = text.trimStart()
    if (trimEnd) text = text.trimEnd()
    if (text !== '') this.tokens.push({ kind: 'text', text, at: this.at })
    this.at = end
  }

  /** One `{{ … }}`; answers whether the text behind it loses its leading space. */
  private action(open: number): boolean {
    this.at = open + (this.trimsLeft(open) ? 3 : 2)
    const comment = /\s*\/\*[\s\S]*?\*\/\s*(-?)\}\}/y
    comment.lastIndex = this.at
    const skipped = comment.exec(this.input)
    if (skipped) {
      this.at += skipped[0].length
      return skipped[1] === '-'
    }
    this.tokens.push({ kind: 'open', text: '{{', at: open })
    for (;;) {
      const close = /(?:(?<=\s)-)?\}\}/y
      close.lastIndex = this.at
      const found = close.exec(this.input)
      if (found) {
        this.tokens.push({ kind: 'close', text: '}}', at: this.at })
        this.at += found[0].length
        return found[0].startsWith('-')
      }
      this.word()
    }
  }

  private word(): void {
    for (const [kind, pattern] of actionTokens) {
      pattern.lastIndex = this.at
      const match = pattern.exec(this.input)
      if (!match) continue
      this.tokens.push({ kind, text: match[0], at: this.at })
      this.at += match[0].length
      return
    }
    throw new TemplateSyntaxError(`template: ${this.name}:${this.line()}: ${this.complaint()}`)
  }

  private line(): number {
    return this.input.slice(0, this.at).split('\n').length
  }

  private complaint(): string {
    const char = this.input[this.at]
    if (char === undefined) return 'unclosed action'
    if (char === '"') return 'unterminated quoted string'
    if (char === '`') return 'unterminated raw quoted string'
    const code = (char.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
    return `unrecognized character in action: U+${code} '${char}'`
  }
}
