/** JSON as Go's encoder writes it: what makes markup is escaped. Keys stand as they were put in. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A Go map: by key. */
export function sorted<T>(map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** RFC 3339 as Go writes it: no zeros at the end of the fraction, `Z` for no offset. */
export function goTime(text: string): string {
  return text
    .replace(/\.(\d*?)0*(?=[Zz+-])/, (_all, digits: string) => digits && `.${digits}`)
    .replace(/(?:z|[+-]00:00)$/, 'Z')
}
