/** The flags of one instruction, by its table. */
import { cut } from './go-text.ts'
import { didYouMean } from './suggest.ts'

/** One value, `true`/`false`, or any number of values. */
export type FlagKind = 'string' | 'bool' | 'strings'
type Table = Readonly<Record<string, FlagKind>>

type Values<T extends Table> = {
  [K in keyof T]: T[K] extends 'strings' ? string[] : T[K] extends 'bool' ? boolean : string
}

/** Values of all flags of `table`, those not given undefined. Throws BuildKit's words. */
export function parseFlags<const T extends Table>(
  flags: readonly string[],
  table: T,
): Partial<Values<T>> {
  const values: Record<string, string | boolean | string[]> = {}
  for (const flag of flags) {
    const { before, after } = cut(flag, '=')
    const name = before.slice(2)
    const kind = Object.hasOwn(table, name) ? table[name] : undefined
    if (!kind) throw new Error(`unknown flag: ${before}${didYouMean(name, Object.keys(table))}`)
    if (kind !== 'strings' && Object.hasOwn(values, name)) {
      throw new Error(`duplicate flag specified: ${before}`)
    }
    if (kind === 'bool') {
      values[name] = parseBoolean(before, after)
      continue
    }
    if (after === undefined) throw new Error(`missing a value on flag: ${before}`)
    if (kind === 'string') values[name] = after
    else listOf(values, name).push(after)
  }
  return values as Partial<Values<T>>
}

function parseBoolean(flag: string, value: string | undefined): boolean {
  if (value === '') throw new Error(`missing a value on flag: ${flag}`)
  const lower = (value ?? 'true').toLowerCase()
  if (lower !== 'true' && lower !== 'false') {
    throw new Error(`expecting boolean value for flag ${flag}, not: ${value}`)
  }
  return lower === 'true'
}

function listOf(values: Record<string, string | boolean | string[]>, name: string): string[] {
  const list = values[name]
  if (Array.isArray(list)) return list
  const made: string[] = []
  values[name] = made
  return made
}
