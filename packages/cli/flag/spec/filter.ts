/** `--filter` values as the API wants them: key → set of values. */
export type Filters = Readonly<Record<string, Readonly<Record<string, true>>>>

/** Adds one `name=value`; names are folded to lower case, an empty text is ignored. */
export function addFilter(text: string, current: Filters): Filters {
  if (text === '') return current
  const equals = text.indexOf('=')
  if (equals < 0) throw new Error('bad format of filter (expected name=value)')
  const name = text.slice(0, equals).trim().toLowerCase()
  const value = text.slice(equals + 1).trim()
  return { ...current, [name]: { ...current[name], [value]: true } }
}

/** The `filters` query parameter, or undefined where there are none. */
export function filterQuery(filters: Filters): string | undefined {
  return Object.keys(filters).length === 0 ? undefined : JSON.stringify(filters)
}
