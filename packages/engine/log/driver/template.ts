/**
 * The part of Go's text/template that log tags use: actions with a pipeline of fields, strings,
 * integers and moby's basic functions (daemon/logger/templates). No control structures.
 */

export type TemplateValue =
  string | number | readonly string[] | Readonly<Record<string, string>> | undefined

export type TemplateFields = Readonly<Record<string, TemplateValue>>

/** Throws a plain Error whose text begins as Go's: `template: log-tag:1: …`. */
export function expandTemplate(template: string, fields: TemplateFields): string {
  let out = ''
  let rest = template
  for (;;) {
    const open = rest.indexOf('{{')
    if (open === -1) return out + rest
    const close = rest.indexOf('}}', open)
    if (close === -1) throw failure('unclosed action')
    let action = rest.slice(open + 2, close)
    let before = rest.slice(0, open)
    rest = rest.slice(close + 2)
    // `{{- ` and ` -}}` take the blanks beside them away.
    if (/^-\s/.test(action)) {
      before = before.trimEnd()
      action = action.slice(1)
    }
    if (/\s-$/.test(action)) {
      rest = rest.trimStart()
      action = action.slice(0, -1)
    }
    try {
      out += before + evaluate(action, fields)
    } catch (error) {
      throw error instanceof UnknownField ? error.at(template, open) : error
    }
  }
}

type Token = { kind: 'word' | 'text' | 'number'; text: string }

function evaluate(action: string, fields: TemplateFields): string {
  if (/^\s*\/\*.*\*\/\s*$/s.test(action)) return ''
  const commands = pipeline(action)
  let value: TemplateValue | undefined
  commands.forEach((command, index) => {
    value = run(command, index === 0 ? [] : [value], fields)
  })
  return show(value)
}

/** Tokens between the pipes. */
function pipeline(action: string): Token[][] {
  const commands: Token[][] = [[]]
  const pattern = /\s*(?:(\|)|"((?:[^"\\]|\\.)*)"|`([^`]*)`|([+-]?\d+)|([.\w]+)|(\S))/gy
  for (const match of action.trim().matchAll(pattern)) {
    const [, pipe, quoted, raw, number, word, odd] = match
    if (odd !== undefined) throw failure(`unexpected ${JSON.stringify(odd)} in command`)
    if (pipe !== undefined) commands.push([])
    else if (quoted !== undefined)
      commands.at(-1)!.push({ kind: 'text', text: JSON.parse(`"${quoted}"`) as string })
    else if (raw !== undefined) commands.at(-1)!.push({ kind: 'text', text: raw })
    else if (number !== undefined) commands.at(-1)!.push({ kind: 'number', text: number })
    else commands.at(-1)!.push({ kind: 'word', text: word! })
  }
  if (commands.some((command) => command.length === 0))
    throw failure(commands.length === 1 ? 'missing value for command' : 'missing value for command')
  return commands
}

function run(
  [head, ...rest]: readonly Token[],
  piped: readonly TemplateValue[],
  fields: TemplateFields,
): TemplateValue {
  const values = [...rest.map((token) => valueOf(token, fields)), ...piped]
  const name = head!.text
  if (head!.kind !== 'word' || name.startsWith('.')) {
    if (values.length > 0) throw failure(`can't give argument to non-function ${name}`)
    return valueOf(head!, fields)
  }
  const call = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined
  if (!call) throw failure(`function ${JSON.stringify(name)} not defined`)
  return call(...values)
}

function valueOf(token: Token, fields: TemplateFields): TemplateValue {
  if (token.kind === 'text') return token.text
  if (token.kind === 'number') return Number(token.text)
  if (!token.text.startsWith('.'))
    throw failure(`function ${JSON.stringify(token.text)} not defined`)
  const path = token.text.slice(1).split('.')
  const [first = '', ...deeper] = path
  if (!Object.hasOwn(fields, first)) throw new UnknownField(token.text, first)
  let value = fields[first]
  for (const key of deeper) value = memberOf(value, key)
  return value
}

/** Of a map; what prototypes have is no member. */
function memberOf(value: TemplateValue, key: string): string | undefined {
  if (typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined
  return (value as Readonly<Record<string, string>>)[key]
}

/** As Go prints: maps sorted, lists in brackets. */
function show(value: TemplateValue | undefined): string {
  if (value === undefined) return '<no value>'
  if (Array.isArray(value)) return `[${value.join(' ')}]`
  if (typeof value !== 'object') return String(value)
  const entries = Object.entries(value as Record<string, string>).sort(([a], [b]) =>
    a < b ? -1 : 1,
  )
  return `map[${entries.map(([key, each]) => `${key}:${each}`).join(' ')}]`
}

const text = (value: TemplateValue): string => {
  if (typeof value === 'string') return value
  throw failure(`wrong type for value; expected string`)
}
const integer = (value: TemplateValue): number => {
  if (typeof value === 'number') return value
  throw failure(`wrong type for value; expected int`)
}

const FUNCTIONS: Readonly<Record<string, (...values: TemplateValue[]) => TemplateValue>> = {
  json: (value) => JSON.stringify(value),
  split: (value, separator) => text(value).split(text(separator)),
  join: (list, separator) => (list as readonly string[]).join(text(separator)),
  title: (value) =>
    text(value).replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_, before: string, letter: string) => {
      return before + letter.toUpperCase()
    }),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  pad: (value, before, after) =>
    value === '' ? '' : ' '.repeat(integer(before)) + text(value) + ' '.repeat(integer(after)),
  truncate: (value, length) => text(value).slice(0, integer(length)),
  index: (value, key) => memberOf(value, String(key)) ?? '',
  print: (...values) => values.map(show).join(''),
  len: (value) =>
    typeof value === 'string' ? Buffer.byteLength(value) : Object.keys(value as object).length,
}

/** Found out as the template is executed, so Go tells the column, too. */
class UnknownField extends Error {
  readonly #text: string
  readonly #field: string

  constructor(text: string, field: string) {
    super(text)
    this.#text = text
    this.#field = field
  }

  at(template: string, action: number): Error {
    const column = Buffer.byteLength(template.slice(0, template.indexOf(this.#text, action)))
    return new Error(
      `template: log-tag:1:${column}: executing "log-tag" at <${this.#text}>: ` +
        `can't evaluate field ${this.#field} in type *logger.Info`,
    )
  }
}

function failure(what: string): Error {
  return new Error(`template: log-tag:1: ${what}`)
}
