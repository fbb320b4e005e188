import { invalidParameter } from '../base/errors.ts'

/**
 * Go's path.Match: `*` and `?` do not cross `/`, `[a-z]` and `[^a-z]` are classes, `\` escapes.
 * Backtracks to the last star only, so patterns of clients cannot make it slow.
 */
export function globMatch(pattern: string, text: string): boolean {
  const tokens = parseGlob(pattern)
  let at = 0
  let token = 0
  let star = -1
  let starAt = 0
  while (at < text.length) {
    const char = text[at] ?? ''
    const current = tokens[token]
    if (current === '*') {
      star = token++
      starAt = at
    } else if (current?.(char)) {
      token++
      at++
    } else if (star !== -1 && text[starAt] !== '/') {
      at = ++starAt
      token = star + 1
    } else {
      return false
    }
  }
  while (tokens[token] === '*') token++
  return token === tokens.length
}

type Token = '*' | ((char: string) => boolean)

function parseGlob(pattern: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? ''
    if (char === '*') tokens.push('*')
    else if (char === '?') tokens.push((c) => c !== '/')
    else if (char === '[') {
      const { token, end } = parseClass(pattern, at + 1)
      tokens.push(token)
      at = end
    } else {
      const literal = char === '\\' ? pattern[++at] : char
      if (literal === undefined) throw syntaxError()
      tokens.push((c) => c === literal)
    }
  }
  return tokens
}

function parseClass(pattern: string, start: number): { token: Token; end: number } {
  const negated = pattern[start] === '^'
  const ranges: Array<[string, string]> = []
  let at = negated ? start + 1 : start
  const next = (): string => {
    const char = pattern[at] === '\\' ? pattern[++at] : pattern[at]
    if (char === undefined) throw syntaxError()
    at++
    return char
  }
  while (pattern[at] !== ']' || ranges.length === 0) {
    const low = next()
    if (pattern[at] === '-' && pattern[at + 1] !== ']') {
      at++
      ranges.push([low, next()])
    } else {
      ranges.push([low, low])
    }
  }
  const token = (c: string): boolean =>
    ranges.some(([low, high]) => low <= c && c <= high) !== negated
  return { token, end: at }
}

function syntaxError(): Error {
  return invalidParameter('syntax error in pattern')
}
