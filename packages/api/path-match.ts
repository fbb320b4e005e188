/**
 * Wildcards of paths as Go's filepath.Match has them: `*` and `?` do not take a slash, `[a-z]`,
 * `[^a]`, `\` before a character that means itself. The whole name must match.
 */

export type CharTest = (char: string) => boolean

/** One piece of a pattern: a literal character, `?`, `*`, or one of a class. */
export type Piece = string | { one: true } | { many: true } | { of: CharTest }

/** Whether all of `name` matches. Throws `syntax error in pattern`. */
export function matchPath(pattern: string, name: string): boolean {
  return matchPieces(parsePattern(pattern), [...name])
}

/** Whether there is anything to match in it. */
export function hasWildcards(pattern: string): boolean {
  return /[*?[\\]/.test(pattern)
}

/** Throws `syntax error in pattern`. */
export function parsePattern(pattern: string): Piece[] {
  const chars = [...pattern]
  const pieces: Piece[] = []
  let at = 0
  while (at < chars.length) {
    const char = chars[at]!
    if (char === '[') {
      const { test, end } = parseClass(chars, at + 1)
      pieces.push({ of: test })
      at = end
    } else if (char === '\\') {
      pieces.push(need(chars[at + 1]))
      at += 2
    } else {
      pieces.push(char === '*' ? { many: true } : char === '?' ? { one: true } : char)
      at++
    }
  }
  return pieces
}

/** From behind the `[`; `end` is behind the `]`. */
export function parseClass(
  chars: readonly string[],
  start: number,
): { test: CharTest; end: number } {
  const negated = chars[start] === '^'
  let at = negated ? start + 1 : start
  const ranges: Array<[low: string, high: string]> = []
  while (chars[at] !== ']' || ranges.length === 0) {
    const low = classChar(chars, at)
    at = low.end
    const high = chars[at] === '-' ? classChar(chars, at + 1) : low
    at = high.end
    // A class that nothing closes is wrong, whatever is in it.
    need(chars[at])
    ranges.push([low.char, high.char])
  }
  const within = (char: string): boolean =>
    ranges.some(([low, high]) => code(char) >= code(low) && code(char) <= code(high))
  return { test: (char) => within(char) !== negated, end: at + 1 }
}

function classChar(chars: readonly string[], at: number): { char: string; end: number } {
  const char = need(chars[at])
  if (char === '-' || char === ']') throw badPattern()
  return char === '\\' ? { char: need(chars[at + 1]), end: at + 2 } : { char, end: at + 1 }
}

const code = (char: string): number => char.codePointAt(0)!
const badPattern = (): Error => new Error('syntax error in pattern')

function need(char: string | undefined): string {
  if (char === undefined) throw badPattern()
  return char
}

/** Only the last `*` is ever tried further on: an earlier one could not do better. */
function matchPieces(pieces: readonly Piece[], name: readonly string[]): boolean {
  let at = 0
  let piece = 0
  let star = -1
  let retry = 0
  while (at < name.length || piece < pieces.length) {
    const current = pieces[piece]
    if (typeof current === 'object' && 'many' in current) {
      star = piece++
      retry = at
    } else if (current !== undefined && at < name.length && fits(current, name[at]!)) {
      piece++
      at++
    } else if (star >= 0 && retry < name.length && name[retry] !== '/') {
      at = ++retry
      piece = star + 1
    } else {
      return false
    }
  }
  return true
}

function fits(piece: Exclude<Piece, { many: true }>, char: string): boolean {
  if (typeof piece === 'string') return piece === char
  return 'of' in piece ? piece.of(char) : char !== '/'
}
