import { lex, TemplateSyntaxError } from './lex.ts'
import type { Token, TokenKind } from './lex.ts'

export type Argument =
  | { readonly kind: 'dot' }
  | { readonly kind: 'nil' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | {
      readonly kind: 'fields'
      readonly base: Argument | undefined
      readonly names: readonly string[]
      readonly at: number
    }
  | { readonly kind: 'variable'; readonly name: string; readonly at: number }
  | { readonly kind: 'function'; readonly name: string; readonly at: number }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline }

export interface Call {
  readonly words: readonly Argument[]
  readonly at: number
  /** The text as written, for error messages. */
  readonly source: string
}

export interface Pipeline {
  readonly variables: readonly string[]
  readonly declares: boolean
  readonly calls: readonly Call[]
}

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly pipeline: Pipeline
      readonly body: readonly TemplateNode[]
      readonly otherwise: readonly TemplateNode[]
    }
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'define'; readonly name: string; readonly body: readonly TemplateNode[] }
  | { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined }

/** Parses a template; `known` tells which functions there are. */
export function parseTemplate(
  name: string,
  source: string,
  known: (name: string) => boolean,
): readonly TemplateNode[] {
  return new Parser(name, source, known).all()
}

type Stop = 'end' | 'else' | 'eof'

class Parser {
  private readonly name: string
  private readonly source: string
  private readonly known: (name: string) => boolean
  private readonly tokens: readonly Token[]
  private position = 0
  private variables: string[] = ['$']
  private loops = 0

  constructor(name: string, source: string, known: (name: string) => boolean) {
    this.name = name
    this.source = source
    this.known = known
    this.tokens = lex(name, source)
  }

  all(): readonly TemplateNode[] {
    const { nodes, stop } = this.list()
    if (stop !== 'eof') throw this.fail(`unexpected {{${stop}}}`)
    return nodes
  }

  private list(): { nodes: TemplateNode[]; stop: Stop } {
    const nodes: TemplateNode[] = []
    for (;;) {
      const token = this.next()
      if (token.kind === 'end') return { nodes, stop: 'eof' }
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text })
        continue
      }
      this.skipSpace()
      const word = this.peek()
      if (word.kind === 'identifier' && (word.text === 'end' || word.text === 'else')) {
        this.next()
        this.skipSpace()
        if (word.text === 'end') this.expect('close', 'end')
        return { nodes, stop: word.text }
      }
      nodes.push(this.action(word))
    }
  }

  private action(word: Token): TemplateNode {
    if (word.kind === 'identifier') {
      switch (word.text) {
        case 'if':
        case 'with':
        case 'range':
          this.next()
          return this.control(word.text)
        case 'break':
        case 'continue':
          this.next()
          if (this.loops === 0) throw this.fail(`{{${word.text}}} outside {{range}}`)
          this.skipSpace()
          this.expect('close', word.text)
          return { kind: word.text }
        case 'define':
        case 'block':
          this.next()
          return this.definition(word.text)
        case 'template':
          this.next()
          return this.invocation()
        default:
      }
    }
    return { kind: 'action', pipeline: this.pipeline('command', 'close') }
  }

  private control(kind: 'if' | 'with' | 'range'): TemplateNode {
    const outer = [...this.variables]
    const pipeline = this.pipeline(kind, 'close')
    if (kind === 'range') this.loops += 1
    const body = this.list()
    if (kind === 'range') this.loops -= 1
    if (body.stop === 'eof') throw this.fail('unexpected EOF')
    const otherwise = body.stop === 'else' ? this.otherwise(kind) : []
    this.variables = outer
    return { kind, pipeline, body: body.nodes, otherwise }
  }

  private otherwise(kind: 'if' | 'with' | 'range'): TemplateNode[] {
    const word = this.peek()
    // `{{else if …}}` is an if inside the else that shares its end.
    if (word.kind === 'identifier' && word.text === kind && kind !== 'range') {
      this.next()
      return [this.control(kind)]
    }
    this.expect('close', 'else')
    const { nodes, stop } = this.list()
    if (stop === 'eof') throw this.fail('unexpected EOF')
    if (stop === 'else') throw this.fail(`expected end; found {{else}}`)
    return nodes
  }

  private definition(word: 'define' | 'block'): TemplateNode {
    this.skipSpace()
    const name = unquote(this.expect('string', `${word} clause`).text)
    this.skipSpace()
    if (word === 'block') throw this.fail('{{block}} is not supported')
    this.expect('close', `${word} clause`)
    const { nodes, stop } = this.list()
    if (stop !== 'end') throw this.fail('unexpected EOF')
    return { kind: 'define', name, body: nodes }
  }

  private invocation(): TemplateNode {
    this.skipSpace()
    const name = unquote(this.expect('string', 'template clause').text)
    this.skipSpace()
    if (this.peek().kind === 'close') {
      this.next()
      return { kind: 'template', name, pipeline: undefined }
    }
    return { kind: 'template', name, pipeline: this.pipeline('template clause', 'close') }
  }

  private pipeline(context: string, end: 'close' | 'rightParen'): Pipeline {
    this.skipSpace()
    const { variables, declares } = this.declarations(context)
    const calls: Call[] = []
    for (;;) {
      this.skipSpace()
      const token = this.peek()
      if (token.kind === end) {
        this.next()
        if (calls.length === 0) throw this.fail(`missing value for ${context}`)
        return { variables, declares, calls }
      }
      calls.push(this.call(context, end))
    }
  }

  private declarations(context: string): { variables: string[]; declares: boolean } {
    const start = this.position
    const variables: string[] = []
    while (this.peek().kind === 'variable') {
      variables.push(this.next().text)
      this.skipSpace()
      const token = this.next()
      if (token.kind === 'declare' || token.kind === 'assign') {
        const declares = token.kind === 'declare'
        if (declares) this.variables.push(...variables)
        this.skipSpace()
        return { variables, declares }
      }
      if (token.kind !== 'comma' || context !== 'range') break
      this.skipSpace()
    }
    this.position = start
    return { variables: [], declares: false }
  }

  private call(context: string, end: TokenKind): Call {
    const at = this.peek().at
    const words: Argument[] = []
    for (;;) {
      this.skipSpace()
      const token = this.peek()
      if (token.kind === end) break
      if (token.kind === 'pipe') {
        this.next()
        this.skipSpace()
        if (this.peek().kind === end) throw this.fail(`missing value for ${context}`)
        break
      }
      words.push(this.operand(context))
    }
    if (words.length === 0) throw this.fail('empty command')
    return { words, at, source: this.source.slice(at, this.peek().at).replace(/\s*\|?\s*$/, '') }
  }

  private operand(context: string): Argument {
    const base = this.term(context)
    const names: string[] = []
    const at = this.peek().at
    while (this.peek().kind === 'field') names.push(this.next().text.slice(1))
    if (names.length === 0) return base
    if (base.kind === 'literal' || base.kind === 'nil') {
      throw this.fail(
        `unexpected . after term "${String(base.kind === 'nil' ? 'nil' : base.value)}"`,
      )
    }
    if (base.kind === 'fields') {
      return { ...base, names: [...base.names, ...names], at }
    }
    return { kind: 'fields', base, names, at }
  }

  private term(context: string): Argument {
    const token = this.next()
    switch (token.kind) {
      case 'dot':
        return { kind: 'dot' }
      case 'field':
        return { kind: 'fields', base: undefined, names: [token.text.slice(1)], at: token.at }
      case 'variable':
        if (!this.variables.includes(token.text)) {
          throw this.fail(`undefined variable "${token.text}"`)
        }
        return { kind: 'variable', name: token.text, at: token.at }
      case 'identifier':
        return this.identifier(token)
      case 'string':
        return { kind: 'literal', value: unquote(token.text) }
      case 'char':
        return {
          kind: 'literal',
          value: unquote(`"${token.text.slice(1, -1)}"`).codePointAt(0) ?? 0,
        }
      case 'number':
        return { kind: 'literal', value: Number(token.text.replaceAll('_', '')) }
      case 'leftParen':
        return { kind: 'pipeline', pipeline: this.pipeline('parenthesized pipeline', 'rightParen') }
      case 'end':
      case 'close':
      case 'rightParen':
        throw this.fail(token.kind === 'rightParen' ? 'unexpected right paren' : 'unclosed action')
      default:
        throw this.fail(`unexpected ${JSON.stringify(token.text)} in ${context}`)
    }
  }

  private identifier(token: Token): Argument {
    if (token.text === 'true' || token.text === 'false') {
      return { kind: 'literal', value: token.text === 'true' }
    }
    if (token.text === 'nil') return { kind: 'nil' }
    if (!this.known(token.text)) throw this.fail(`function "${token.text}" not defined`)
    return { kind: 'function', name: token.text, at: token.at }
  }

  private next(): Token {
    const token = this.tokens[this.position] as Token
    if (token.kind !== 'end') this.position += 1
    return token
  }

  private peek(): Token {
    return this.tokens[this.position] as Token
  }

  private skipSpace(): void {
    while (this.peek().kind === 'space') this.position += 1
  }

  private expect(kind: TokenKind, context: string): Token {
    const token = this.next()
    if (token.kind !== kind) throw this.fail(`unexpected ${describe(token)} in ${context}`)
    return token
  }

  private fail(message: string): TemplateSyntaxError {
    const at = this.peek().at
    const line = this.source.slice(0, at).split('\n').length
    return new TemplateSyntaxError(`template: ${this.name}:${line}: ${message}`)
  }
}

function describe(token: Token): string {
  return token.kind === 'end' ? 'EOF' : `<${token.text}>`
}

function unquote(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1)
  return text
    .slice(1, -1)
    .replace(
      /\\(?:([abfnrtv\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/g,
      (_, simple: string, ...codes: Array<string | undefined>) => {
        if (simple) return simpleEscapes[simple] ?? simple
        const [x, u, U, octal] = codes
        const hex = x ?? u ?? U
        return String.fromCodePoint(
          hex ? Number.parseInt(hex, 16) : Number.parseInt(octal ?? '0', 8),
        )
      },
    )
}

const simpleEscapes: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}
