/** One line of comma-separated values, as the values of `--mount` and `--device` are. */

/** Throws Go's words, with what was read in front. */
export function parseCsv(text: string, what: string): string[] {
  try {
    return fieldsOf(text.replace(/\r?\n$/, ''))
  } catch (error) {
    throw new Error(`failed to parse csv ${what}: ${(error as Error).message}`, { cause: error })
  }
}

function fieldsOf(text: string): string[] {
  if (text === '') throw new Error('EOF')
  const fields: string[] = []
  let at = 0
  for (;;) {
    const { field, end } = text[at] === '"' ? quotedField(text, at + 1) : plainField(text, at)
    fields.push(field)
    if (end === text.length) return fields
    at = end + 1
    // A comma at the very end is followed by an empty field.
  }
}

function plainField(text: string, start: number): { field: string; end: number } {
  const comma = text.indexOf(',', start)
  const end = comma < 0 ? text.length : comma
  const field = text.slice(start, end)
  const bare = field.indexOf('"')
  if (bare >= 0) throw parseError(text, start + bare, 'bare " in non-quoted-field')
  return { field, end }
}

function quotedField(text: string, start: number): { field: string; end: number } {
  let field = ''
  let at = start
  for (;;) {
    const end = text.indexOf('"', at)
    if (end < 0) throw parseError(text, at, 'extraneous or missing " in quoted-field')
    field += text.slice(at, end)
    const next = text[end + 1]
    if (next === undefined || next === ',') return { field, end: end + 1 }
    if (next !== '"') throw parseError(text, end, 'extraneous or missing " in quoted-field')
    field += '"'
    at = end + 2
  }
}

function parseError(text: string, at: number, why: string): Error {
  const column = Buffer.byteLength(text.slice(0, at)) + 1
  return new Error(`parse error on line 1, column ${column}: ${why}`)
}
