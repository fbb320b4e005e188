import { InvalidRequest } from './invalid.ts'

/** A decoded query string; repeated keys are lists. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>

/** The first value, as Go's `Form.Get`; empty when absent. */
export function text(query: Query, key: string): string {
  const value = query[key]
  return (typeof value === 'string' ? value : value?.[0]) ?? ''
}

/** Undefined when absent or empty. */
export function optionalText(query: Query, key: string): string | undefined {
  return text(query, key) || undefined
}

/** Every value of a key. */
export function list(query: Query, key: string): readonly string[] {
  const value = query[key]
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

/** Docker's booleans: false is exactly empty, 0, no, false or none, in any case, trimmed. */
export function flag(query: Query, key: string): boolean {
  return !falseWords.has(text(query, key).trim().toLowerCase())
}

/** As `flag`, with an answer for an absent key. */
export function flagOr(query: Query, key: string, absent: boolean): boolean {
  return query[key] === undefined ? absent : flag(query, key)
}

const falseWords = new Set(['', '0', 'no', 'false', 'none'])

/** A decimal integer as Go's `strconv.Atoi`; undefined when absent or empty. */
export function integer(query: Query, key: string): number | undefined {
  const value = text(query, key)
  if (value === '') return undefined
  if (!/^[+-]?\d+$/.test(value)) {
    throw new InvalidRequest(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
  }
  const number = BigInt(value)
  if (BigInt.asIntN(64, number) !== number) {
    throw new InvalidRequest(`strconv.Atoi: parsing ${JSON.stringify(value)}: value out of range`)
  }
  return Number(number)
}

/**
 * A size in characters for `resize`: 0 to 2^32-1.
 *
 * @param what `height` or `width`, for the sentence.
 */
export function terminalSize(query: Query, key: string, what: string): number {
  const value = text(query, key)
  const fail = (why: string): never => {
    throw new InvalidRequest(`invalid resize ${what} ${JSON.stringify(value)}: ${why}`)
  }
  if (!/^-?\d+$/.test(value)) return fail('invalid syntax')
  const number = Number(value)
  if (value.startsWith('-') || number > 0xffffffff) return fail('value out of range')
  return number
}
