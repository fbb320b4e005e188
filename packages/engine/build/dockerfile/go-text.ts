/** Text as Go's strings, unicode and strconv packages see it: what counts as space, `%q`. */

/** Go's unicode.IsSpace for one UTF-16 unit; JavaScript's `\s` knows U+FEFF, but not U+0085. */
export function isSpace(code: number): boolean {
  if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) return true
  if (code < 0x85) return false
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  )
}

export function trimSpaceStart(text: string): string {
  let at = 0
  while (at < text.length && isSpace(text.charCodeAt(at))) at++
  return text.slice(at)
}

/** Go's strings.TrimSpace. */
export function trimSpace(text: string): string {
  let end = text.length
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--
  return trimSpaceStart(text.slice(0, end))
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
}

/** Go's `%q`. */
export function quote(text: string): string {
  let out = ''
  for (const char of text) out += ESCAPES[char] ?? quoteChar(char)
  return `"${out}"`
}

function quoteChar(char: string): string {
  const code = char.codePointAt(0)!
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code < 0x7f || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(char)) return char
  const hex = code.toString(16)
  return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`
}

/** Bytes of the text in UTF-8. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

/** Before and behind the first `separator`; `after` is undefined without one. */
export function cut(text: string, separator: string): { before: string; after?: string } {
  const at = text.indexOf(separator)
  if (at < 0) return { before: text }
  return { before: text.slice(0, at), after: text.slice(at + separator.length) }
}
