/**
 * JSON as text, for output that must show the daemon's answer unchanged: numbers keep all their
 * digits and keys their order, only white space differs.
 */

/** Indents, by four spaces if nothing is said; empty objects and arrays stay closed (Go's json.Indent). */
export function indentJson(text: string, unit = '    '): string {
  let out = ''
  let depth = 0
  const line = (): string => `\n${unit.repeat(depth)}`
  for (const token of tokens(text)) {
    const last = out.at(-1)
    const opened = last === '{' || last === '['
    if (token === '}' || token === ']') {
      depth -= 1
      out += opened ? token : line() + token
      continue
    }
    if (opened) out += line()
    out += token === ':' ? ': ' : token
    if (token === '{' || token === '[') depth += 1
    if (token === ',') out += line()
  }
  return out
}

/** Takes all white space out (Go's json.Compact). */
export function compactJson(text: string): string {
  return tokens(text).join('')
}

function tokens(text: string): string[] {
  return text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []
}

/** Parses JSON; whole numbers beyond 2⁵³ become BigInt instead of losing digits. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_key: string, value: unknown, context?: { source?: string }) => {
    const source = context?.source
    if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined)
      return value
    return /^-?\d+$/.test(source) ? BigInt(source) : value
  })
}
