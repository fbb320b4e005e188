/** Heredocs: which words of a line open one, and what becomes of their text. */
import { expandWords } from './words.ts'

export interface Heredoc {
  /** The word that ends it. */
  name: string
  /** Variables are expanded: no part of the word was quoted. */
  expand: boolean
  /** `<<-`: tabs at the beginning of its lines are cut off. */
  chomp: boolean
}

export interface FilledHeredoc extends Heredoc {
  content: string
}

const NOTHING: ReadonlyMap<string, string> = new Map()

/** All that `line` opens, in order. */
export function heredocsOf(line: string): Heredoc[] {
  return wordsOf(line).flatMap((word) => parseHeredoc(word) ?? [])
}

function wordsOf(line: string): string[] {
  try {
    return expandWords(line, NOTHING, { rawQuotes: true, rawEscapes: true, keepUnset: true })
  } catch {
    // Quotes that do not close are the shell's business.
    return []
  }
}

/** `word` as the beginning of a heredoc: `<<EOF`, `<<-"EOF"`, `3<<EOF`; undefined for any other. */
export function parseHeredoc(word: string): Heredoc | undefined {
  const opening = /^\d*<<(-?)[\t\n\f\r ]*/.exec(word)
  if (!opening) return undefined
  const rest = word.slice(opening[0].length)
  if (rest === '' || rest.includes('<')) return undefined
  const words = expandWords(rest, NOTHING, { keepUnset: true })
  const name = words[0]
  if (name === undefined || words.length !== 1) return undefined
  const raw = expandWords(rest, NOTHING, { keepUnset: true, rawQuotes: true })
  if (raw.length !== 1) {
    throw new Error(`internal lexing of heredoc produced inconsistent results: ${rest}`)
  }
  return { name, expand: quotes(name) === quotes(raw[0]!), chomp: opening[1] === '-' }
}

/** As `parseHeredoc`, with a word that cannot be read taken for an ordinary one. */
export function findHeredoc(word: string): Heredoc | undefined {
  try {
    return parseHeredoc(word)
  } catch {
    return undefined
  }
}

function quotes(text: string): number {
  return text.match(/['"]/g)?.length ?? 0
}

/** Without the tabs at the beginning of each line. */
export function chompTabs(text: string): string {
  return text.replace(/(^|\n)\t+/g, '$1')
}
