/** `# syntax=`, `# escape=`, `# check=`: comments at the very top that say how to read the file. */
import { cut, isSpace, trimSpaceStart } from './go-text.ts'

export interface Directive {
  name: string
  value: string
}

const KNOWN: ReadonlySet<string> = new Set(['syntax', 'escape', 'check'])

/** Takes line after line; anything that is no directive ends them for good. */
export class DirectiveReader {
  readonly #comment: string
  readonly #seen = new Set<string>()
  #done = false

  constructor(comment = '#') {
    this.#comment = comment
  }

  get done(): boolean {
    return this.#done
  }

  /** The line has no newline. Throws a plain Error when a directive comes twice. */
  read(line: string): Directive | undefined {
    if (this.#done) return undefined
    const directive = line.startsWith(this.#comment)
      ? parseAssignment(trimSpaceStart(line.slice(this.#comment.length)))
      : undefined
    if (!directive || !KNOWN.has(directive.name)) {
      this.#done = true
      return undefined
    }
    if (this.#seen.has(directive.name)) {
      throw new Error(`only one ${directive.name} parser directive can be used`)
    }
    this.#seen.add(directive.name)
    return directive
  }
}

/** `name = value`, blanks around both cut off; a value of nothing but blanks is the last of them. */
function parseAssignment(text: string): Directive | undefined {
  const { before, after } = cut(text, '=')
  if (!after) return undefined
  const name = trimBlanks(before)
  if (!/^[a-zA-Z][a-zA-Z0-9]*$/.test(name) || isBlank(before.charCodeAt(0))) return undefined
  const value = trimBlanks(after) || after.slice(-1)
  return value.includes('\n') ? undefined : { name: name.toLowerCase(), value }
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0b)
}

function trimBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/**
 * `syntax` as it is looked for before anything is parsed: behind a `#!` line, also as `// syntax=`
 * and as a JSON object; the first word of its value.
 */
export function findSyntax(text: string): string | undefined {
  const body = withoutShebang(text)
  const found = findDirective('syntax', body, '#') ?? findDirective('syntax', body, '//')
  return found ?? syntaxOfJson(body)
}

/** The first word of `# check=`. */
export function findCheck(text: string): string | undefined {
  return findDirective('check', withoutShebang(text), '#')
}

function findDirective(name: string, text: string, comment: string): string | undefined {
  const reader = new DirectiveReader(comment)
  let at = 0
  while (at < text.length) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? undefined : end)
    try {
      const directive = reader.read(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (directive?.name === name) return cut(directive.value, ' ').before
    } catch {
      return undefined
    }
    if (reader.done || end < 0) return undefined
    at = end + 1
  }
  return undefined
}

function withoutShebang(text: string): string {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text
  return body.startsWith('#!') ? (cut(body, '\n').after ?? '') : body
}

function syntaxOfJson(text: string): string | undefined {
  let start = 0
  while (isSpace(text.charCodeAt(start))) start++
  if (text[start] !== '{') return undefined
  try {
    const value = (JSON.parse(text) as Record<string, unknown>)['syntax']
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
