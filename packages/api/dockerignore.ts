/**
 * `.dockerignore`: which files of a build context are left out. The rules of moby/patternmatcher:
 * the last pattern that matches a path or one of its parents decides; `!` takes in again, also
 * below a directory that is left out.
 */
import { posix } from 'node:path'
import { type CharTest, parseClass, parsePattern } from './path-match.ts'

/** The names under which a Dockerfile's ignore file is looked for, the first that exists counts. */
export function ignoreFileNames(dockerfile: string): string[] {
  return [`${dockerfile}.dockerignore`, '.dockerignore']
}

/** The patterns of an ignore file, comments and blank lines left out. */
export function parseIgnoreFile(text: string): string[] {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text
  return body
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(normalize)
}

function normalize(line: string): string {
  if (!line.startsWith('!')) return relative(line)
  const rest = line.slice(1).trim()
  return rest === '' ? '!' : `!${relative(rest)}`
}

function relative(path: string): string {
  const cleaned = clean(path)
  return cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned
}

function clean(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

/**
 * `patterns` with those files taken in again that the builder itself needs: the ignore file, and
 * the Dockerfile unless it does not come from the context. The builder leaves them out afterwards.
 */
export function keepBuildFiles(
  patterns: readonly string[],
  dockerfile: string | undefined,
): string[] {
  const kept = [...patterns]
  for (const file of ['.dockerignore', dockerfile]) {
    if (file !== undefined && new IgnoreMatcher(kept).matches(file)) kept.push(`!${file}`)
  }
  return kept
}

export interface IgnorePattern {
  /** Without its `!`. */
  text: string
  exception: boolean
}

/** What is known of a directory when its entries are asked about. */
export interface Visited {
  ignored: boolean
  /** For each pattern, whether it matches the path or one of its parents. */
  matched: readonly boolean[]
}

const NOTHING: Visited = { ignored: false, matched: [] }

export class IgnoreMatcher {
  readonly patterns: readonly IgnorePattern[]
  readonly hasExceptions: boolean
  readonly #compiled: readonly Compiled[]

  /** Throws a plain Error in Docker's words. */
  constructor(patterns: readonly string[]) {
    this.patterns = patterns
      .map((pattern) => pattern.trim())
      .filter((pattern) => pattern !== '')
      .map(parse)
    this.hasExceptions = this.patterns.some(({ exception }) => exception)
    this.#compiled = this.patterns.map(({ text }) => compile(text))
  }

  /** Whether `path` (slashes, relative to the context) is left out. */
  matches(path: string): boolean {
    if (path === '.') return false
    return this.visit(path).ignored
  }

  /**
   * The same for whoever walks a tree from its root: `parent` is the answer about the directory
   * that holds `path`, and spares looking at its name again.
   */
  visit(path: string, parent?: Visited): Visited {
    if (this.patterns.length === 0) return NOTHING
    const parents = parent ? [] : parentsOf(path)
    let ignored = false
    const matched = this.patterns.map(({ exception }, index) => {
      let match = parent?.matched[index] ?? false
      if (!match) {
        // A pattern that would change nothing is not even tried.
        if (exception !== ignored) return false
        const compiled = this.#compiled[index]!
        match = compiled.matches(path) || parents.some((one) => compiled.matches(one))
      }
      if (match) ignored = !exception
      return match
    })
    return { ignored, matched }
  }

  /** Whether something below the ignored directory may be taken in again, so that it must be read. */
  mayHoldOthers(directory: string): boolean {
    return this.patterns.some(
      ({ exception }, index) => exception && this.#compiled[index]!.mayMatchBelow(directory),
    )
  }
}

function parentsOf(path: string): string[] {
  const parents: string[] = []
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
    parents.push(path.slice(0, at))
  }
  return parents
}

function parse(pattern: string): IgnorePattern {
  const cleaned = clean(pattern)
  const exception = cleaned.startsWith('!')
  if (cleaned === '!') throw new Error('illegal exclusion pattern: "!"')
  const text = exception ? cleaned.slice(1) : cleaned
  // For its error alone.
  parsePattern(text)
  return { text, exception }
}

/**
 * A step takes one character, or stays (`many`: any but a slash, `all`: any), or takes any number
 * of whole directories (`directories`).
 */
type Step =
  | { kind: 'char'; test: CharTest; /** The only one. */ literal?: string }
  | { kind: 'many' }
  | { kind: 'all' }
  | { kind: 'directories' }

interface Compiled {
  matches(path: string): boolean
  mayMatchBelow(directory: string): boolean
}

function compile(text: string): Compiled {
  const steps = stepsOf(text)
  const prefix = literalOf(steps)
  const suffix = [...literalOf(steps.toReversed())].reverse().join('')
  const plain = steps.length === [...prefix].length
  return {
    // Most patterns are plain names, and most paths begin or end in another way.
    matches: (path) =>
      plain
        ? path === prefix
        : path.startsWith(prefix) && path.endsWith(suffix) && run(steps, path).has(steps.length),
    mayMatchBelow: (directory) => run(steps, `${directory}/`).size > 0,
  }
}

/** What it begins with that stands for itself. */
function literalOf(steps: readonly Step[]): string {
  let text = ''
  for (const step of steps) {
    if (step.kind !== 'char' || step.literal === undefined) break
    text += step.literal
  }
  return text
}

/** All places in the pattern that the text can lead to; a set, so that no way is gone twice. */
function run(steps: readonly Step[], text: string): Set<number> {
  let places = reach(steps, [0])
  for (const char of text) {
    const next: number[] = []
    for (const place of places) {
      // Inside `directories` is a place of its own, below zero.
      const step = steps[place < 0 ? ~place : place]
      if (!step) continue
      if (step.kind === 'directories') {
        next.push(place < 0 ? place : ~place)
        if (char === '/') next.push((place < 0 ? ~place : place) + 1)
      } else if (step.kind === 'char') {
        if (step.test(char)) next.push(place + 1)
      } else if (step.kind === 'all' || char !== '/') {
        next.push(place)
      }
    }
    places = reach(steps, next)
    if (places.size === 0) return places
  }
  return places
}

/** With all that is reached from there without a character. */
function reach(steps: readonly Step[], from: readonly number[]): Set<number> {
  const places = new Set<number>()
  for (const start of from) {
    let place = start
    while (!places.has(place)) {
      places.add(place)
      const kind = place < 0 ? 'inside' : steps[place]?.kind
      if (kind !== 'many' && kind !== 'all' && kind !== 'directories') break
      place++
    }
  }
  return places
}

function stepsOf(text: string): Step[] {
  const chars = [...text]
  const steps: Step[] = []
  let at = 0
  while (at < chars.length) {
    const char = chars[at]!
    if (char === '*' && chars[at + 1] === '*') {
      const slash = chars[at + 2] === '/'
      const end = at + (slash ? 3 : 2)
      // `**name` with nothing but a name is everything that ends so.
      const suffix = at === 0 && !slash && !/[*?[\]\\]/.test(text.slice(2))
      steps.push({ kind: end >= chars.length || suffix ? 'all' : 'directories' })
      at = end
    } else if (char === '*') {
      steps.push({ kind: 'many' })
      at++
    } else if (char === '[') {
      const { test, end } = parseClass(chars, at + 1)
      steps.push({ kind: 'char', test })
      at = end
    } else if (char === '\\') {
      steps.push(one(chars[at + 1]!))
      at += 2
    } else {
      steps.push(char === '?' ? { kind: 'char', test: (c) => c !== '/' } : one(char))
      at++
    }
  }
  return steps
}

function one(wanted: string): Step {
  return { kind: 'char', test: (char) => char === wanted, literal: wanted }
}
