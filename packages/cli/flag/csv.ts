/**
 * One record of comma separated values, as Go's encoding/csv reads it: a field may be quoted,
 * a doubled quote inside stands for one. Used by `--mount`, `--network`, `--gpus`.
 */
export function parseCsvRecord(text: string): string[] {
  const fields: string[] = []
  let at = 0
  for (;;) {
    const [field, next] = text[at] === '"' ? quoted(text, at) : bare(text, at)
    fields.push(field)
    if (next >= text.length) return fields
    at = next + 1
  }
}

function bare(text: string, start: number): [string, number] {
  const comma = text.indexOf(',', start)
  const end = comma < 0 ? text.length : comma
  const field = text.slice(start, end)
  const stray = field.indexOf('"')
  if (stray >= 0) {
    throw new Error(
      `parse error on line 1, column ${start + stray + 1}: bare " in non-quoted-field`,
    )
  }
  return [field, end]
}

function quoted(text: string, start: number): [string, number] {
  let field = ''
  let at = start + 1
  for (;;) {
    const end = text.indexOf('"', at)
    if (end < 0) {
      throw new Error(
        `parse error on line 1, column ${text.length + 1}: extraneous or missing " in quoted-field`,
      )
    }
    field += text.slice(at, end)
    if (text[end + 1] === '"') {
      field += '"'
      at = end + 2
    } else if (end + 1 >= text.length || text[end + 1] === ',') {
      return [field, end + 1]
    } else {
      throw new Error(
        `parse error on line 1, column ${end + 1}: extraneous or missing " in quoted-field`,
      )
    }
  }
}
