/** The shell's part of the language: expansion of variables, splitting into words. */
import {
  type Environment,
  type ExpandOptions,
  type ExpansionBudget,
  WordReader,
} from './word-reader.ts'

export type { Environment, ExpandOptions, ExpansionBudget }

export interface Expansion {
  text: string
  /** Variables that were set and those that were not. */
  matched: Set<string>
  unmatched: Set<string>
}

/** Expands `word` to one text. Throws a plain Error in BuildKit's words. */
export function expandWord(
  word: string,
  env: Environment,
  escapeOrOptions: '\\' | '`' | ExpandOptions = '\\',
): Expansion {
  const reader = new WordReader(word, env, optionsOf(escapeOrOptions))
  const { text } = reader.read()
  return { text, matched: reader.matched, unmatched: reader.unmatched }
}

/** Expands `word`, then splits it at blanks that are not quoted. */
export function expandWords(
  word: string,
  env: Environment,
  escapeOrOptions: '\\' | '`' | ExpandOptions = '\\',
): string[] {
  return new WordReader(word, env, optionsOf(escapeOrOptions)).read().words
}

/** Variables in a heredoc of COPY and ADD: quotes mean nothing there, the escape is always `\`. */
export function expandInlineFile(
  data: string,
  env: Environment,
  budget?: ExpansionBudget,
): Expansion {
  return expandWord(data, env, { escape: '\\', ignoreQuotes: true, ...(budget && { budget }) })
}

function optionsOf(value: '\\' | '`' | ExpandOptions): ExpandOptions {
  return typeof value === 'string' ? { escape: value } : value
}
