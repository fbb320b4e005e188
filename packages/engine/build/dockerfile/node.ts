/** A logical line taken apart: keyword, flags, arguments as its instruction divides them. */
import { isSpace, quote, trimSpace, trimSpaceStart } from './go-text.ts'
import { type FilledHeredoc } from './heredoc.ts'

export interface Node {
  /** As written. */
  keyword: string
  /** Quotes and escapes removed. */
  flags: string[]
  args: string[]
  /** ENV and LABEL. */
  pairs: Pair[]
  /** The arguments were a JSON array. */
  json: boolean
  heredocs: FilledHeredoc[]
  /** ONBUILD. */
  child: Node | undefined
  text: string
}

export interface Pair {
  key: string
  value: string
  /** Separated by a blank instead of `=`. */
  legacy: boolean
}

type Arguments = Partial<Pick<Node, 'args' | 'json' | 'pairs' | 'child'>>
type Escape = '\\' | '`'
type Divide = (text: string, escape: Escape) => Arguments

const BLANKS = /[\t\v\f\r ]+/
const NOT_STRINGS = 'when using JSON array syntax, arrays must be comprised of strings only'

const DIVIDE: Readonly<Record<string, Divide>> = {
  add: jsonOrWords,
  arg: (text, escape) => ({ args: splitQuoted(text, escape) }),
  cmd: jsonOrText,
  copy: jsonOrWords,
  entrypoint: jsonOrText,
  env: (text, escape) => pairs(text, 'ENV', escape),
  expose: words,
  from: words,
  healthcheck: healthcheck,
  label: (text, escape) => pairs(text, 'LABEL', escape),
  maintainer: whole,
  onbuild: trigger,
  run: jsonOrText,
  shell: jsonOrText,
  stopsignal: whole,
  user: whole,
  volume: jsonOrWords,
  workdir: whole,
}

export const KEYWORDS: readonly string[] = Object.keys(DIVIDE)

/** Throws a plain Error in BuildKit's words. */
export function parseNode(text: string, escape: Escape): Node {
  const line = trimSpace(text)
  const gap = BLANKS.exec(line)
  const keyword = gap ? line.slice(0, gap.index) : line
  const { flags, rest } = gap
    ? splitFlags(line.slice(gap.index + gap[0].length), escape)
    : { flags: [], rest: '' }
  const divide = Object.hasOwn(DIVIDE, keyword.toLowerCase())
    ? DIVIDE[keyword.toLowerCase()]
    : undefined
  const args = divide?.(trimSpace(rest), escape)
  return {
    keyword,
    flags,
    args: args?.args ?? [],
    pairs: args?.pairs ?? [],
    json: args?.json ?? false,
    heredocs: [],
    child: args?.child,
    text,
  }
}

/** RUN, COPY and ADD, also as a trigger, and not in the JSON form. */
export function takesHeredocs({ keyword, json, child }: Node): boolean {
  const inner = keyword.toLowerCase() === 'onbuild' ? child : { keyword, json }
  if (!inner) return false
  return ['add', 'copy', 'run'].includes(inner.keyword.toLowerCase()) && !inner.json
}

/** The words in front that begin with `--`; a lone `--` ends them. */
function splitFlags(text: string, escape: Escape): { flags: string[]; rest: string } {
  const flags: string[] = []
  let at = 0
  for (;;) {
    while (at < text.length && isSpace(text.charCodeAt(at))) at++
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) }
    const { word, end } = flagAt(text, at, escape)
    at = end
    if (word === '--') return { flags, rest: text.slice(at) }
    flags.push(word)
  }
}

function flagAt(text: string, start: number, escape: Escape): { word: string; end: number } {
  let word = ''
  let quoted = ''
  let at = start
  for (; at < text.length; at++) {
    let char = text[at]!
    if (quoted === '' && isSpace(text.charCodeAt(at))) break
    if (quoted === '' ? char === '"' || char === "'" : char === quoted) {
      quoted = quoted === '' ? char : ''
      continue
    }
    if (char === escape) {
      if (at + 1 === text.length) continue
      char = text[++at]!
    }
    word += char
  }
  return { word, end: at }
}

/** Divides at blanks that are neither quoted nor escaped; quotes and escapes stay. */
function splitQuoted(text: string, escape: Escape): string[] {
  const found: string[] = []
  let word = ''
  let quoted = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (quoted === '' && isSpace(text.charCodeAt(at))) {
      if (word !== '') found.push(word)
      word = ''
      continue
    }
    if (char === escape && quoted !== "'") {
      // One at the very end escapes nothing.
      if (at + 1 < text.length) word += char + text[++at]!
      continue
    }
    if (quoted === '' && (char === '"' || char === "'")) quoted = char
    else if (char === quoted) quoted = ''
    word += char
  }
  if (word !== '') found.push(word)
  return found
}

function pairs(text: string, keyword: string, escape: Escape): Arguments {
  const found = splitQuoted(text, escape)
  const first = found[0]
  if (first === undefined) return {}
  if (!first.includes('=')) {
    const gap = BLANKS.exec(text)
    if (!gap) throw new Error(`${keyword} must have two arguments`)
    const value = text.slice(gap.index + gap[0].length)
    return { pairs: [{ key: text.slice(0, gap.index), value, legacy: true }] }
  }
  return {
    pairs: found.map((word) => {
      const at = word.indexOf('=')
      if (at < 0) {
        throw new Error(
          `Syntax error - can't find = in ${quote(word)}. Must be of the form: name=value`,
        )
      }
      return { key: word.slice(0, at), value: word.slice(at + 1), legacy: false }
    }),
  }
}

function whole(text: string): Arguments {
  return text === '' ? {} : { args: [text] }
}

function words(text: string): Arguments {
  return text === '' ? {} : { args: text.split(new RegExp(BLANKS, 'g')) }
}

function jsonOrText(text: string): Arguments {
  return text === '' ? {} : (json(text) ?? whole(text))
}

function jsonOrWords(text: string): Arguments {
  return json(text) ?? words(text)
}

/** undefined for what is no JSON array at all. */
function json(text: string): Arguments | undefined {
  const start = trimSpaceStart(text)
  if (start[0] !== '[') return undefined
  let value: unknown
  try {
    value = JSON.parse(start)
  } catch {
    return undefined
  }
  const args = value as unknown[]
  if (!args.every((arg) => typeof arg === 'string')) throw new Error(NOT_STRINGS)
  return { args: args.map((arg) => arg.toWellFormed()), json: true }
}

/** The kind of check, then its command. */
function healthcheck(text: string): Arguments {
  if (text === '') return {}
  let end = 0
  while (end < text.length && !isSpace(text.charCodeAt(end))) end++
  const command = jsonOrText(trimSpaceStart(text.slice(end)))
  return { args: [text.slice(0, end), ...(command.args ?? [])], json: command.json ?? false }
}

function trigger(text: string, escape: Escape): Arguments {
  if (text === '') return {}
  // A chain is refused later; following it here would take as many calls as it has links.
  const chained = /^onbuild(?:[\t\v\f\r ]|$)/i.test(text)
  return { child: chained ? { ...emptyNode, keyword: text.slice(0, 7) } : parseNode(text, escape) }
}

const emptyNode: Node = {
  keyword: '',
  flags: [],
  args: [],
  pairs: [],
  json: false,
  heredocs: [],
  child: undefined,
  text: '',
}
