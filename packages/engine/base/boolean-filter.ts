import { invalidParameter } from './errors.ts'

/** A filter given as true or false, once, in Docker's spellings; undefined when it is not there. */
export function booleanFilter(
  filters: ReadonlyMap<string, readonly string[]>,
  key: string,
): boolean | undefined {
  const values = filters.get(key)
  if (values === undefined) return undefined
  const isFalse = values.includes('0') || values.includes('false')
  const isTrue = values.includes('1') || values.includes('true')
  if (isFalse === isTrue) throw invalidParameter(`invalid filter '${key}=[${values.join(' ')}]'`)
  return isTrue
}
