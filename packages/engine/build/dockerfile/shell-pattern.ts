/**
 * The shell's wildcards in `${name#pattern}`, `${name%pattern}` and `${name/pattern/text}`: `*` and
 * `?` (neither takes a newline), no brackets. Matched by hand, piece by piece between the stars: the
 * first place for a piece is always as good as a later one, so nothing is tried again.
 */

/** Told how many characters were compared; throws when it is too much. */
export type Spend = (characters: number) => void

const ANY = -1
const NEWLINE = 0x0a
const STAR = '*'

/** What stands between stars: code points, or ANY. */
type Piece = readonly number[]
type Text = readonly number[]

/** Cuts the shortest match, or the longest if `greedy`, off the start or the end. */
export function trimPattern(
  text: string,
  pattern: string,
  options: { side: 'start' | 'end'; greedy: boolean },
  spend: Spend,
): string {
  const fromEnd = options.side === 'end'
  const pieces = parsePattern(fromEnd ? reversePattern(pattern) : pattern, pattern)
  const chars = codePoints(text)
  if (fromEnd) chars.reverse()
  const end = matchAt(chars, 0, pieces, options.greedy, spend)
  if (end === undefined) return text
  const rest = chars.slice(end)
  if (fromEnd) rest.reverse()
  return toText(rest)
}

/** Puts `replacement` in the place of the first longest match, or of all. */
export function replacePattern(
  text: string,
  pattern: string,
  replacement: string,
  all: boolean,
  spend: Spend,
): string {
  const pieces = parsePattern(pattern, pattern)
  const chars = codePoints(text)
  let out = ''
  let copied = 0
  for (let at = 0; at <= chars.length;) {
    const match = search(chars, at, pieces, spend)
    if (!match) break
    out += toText(chars.slice(copied, match.start))
    // An empty match right behind another one is none.
    if (match.end > copied || match.start === 0) {
      spend(replacement.length)
      out += replacement
    }
    copied = match.end
    if (!all) break
    at = Math.max(at + 1, match.end)
  }
  return out + toText(chars.slice(copied))
}

function search(
  chars: Text,
  from: number,
  pieces: readonly Piece[],
  spend: Spend,
): { start: number; end: number } | undefined {
  for (let start = from; start <= chars.length; start++) {
    if (start % 1024 === 0) spend(1024)
    const end = matchAt(chars, start, pieces, true, spend)
    if (end !== undefined) return { start, end }
  }
  return undefined
}

/** Where the match that begins at `start` ends: the longest if `greedy`, else the shortest. */
function matchAt(
  chars: Text,
  start: number,
  [first, ...rest]: readonly Piece[],
  greedy: boolean,
  spend: Spend,
): number | undefined {
  if (!first || !fits(chars, start, first, spend)) return undefined
  let at = start + first.length
  for (const [index, piece] of rest.entries()) {
    const latest = greedy && index === rest.length - 1
    const found = latest ? lastPlace(chars, at, piece, spend) : firstPlace(chars, at, piece, spend)
    if (found === undefined) return undefined
    at = found + piece.length
  }
  return at
}

function firstPlace(chars: Text, from: number, piece: Piece, spend: Spend): number | undefined {
  let at = from
  while (at + piece.length <= chars.length && !fits(chars, at, piece, spend)) {
    if (chars[at] === NEWLINE) break
    at++
  }
  spend(at - from)
  const found = at + piece.length <= chars.length && fits(chars, at, piece, spend)
  return found ? at : undefined
}

function lastPlace(chars: Text, from: number, piece: Piece, spend: Spend): number | undefined {
  const newline = chars.indexOf(NEWLINE, from)
  const lineEnd = newline < 0 ? chars.length : newline
  spend(lineEnd - from)
  for (let at = Math.min(lineEnd, chars.length - piece.length); at >= from; at--) {
    if (fits(chars, at, piece, spend)) return at
  }
  return undefined
}

function fits(chars: Text, at: number, piece: Piece, spend: Spend): boolean {
  if (at + piece.length > chars.length) return false
  let same = 0
  while (same < piece.length && fitsOne(chars[at + same]!, piece[same]!)) same++
  if (same > 0) spend(same)
  return same === piece.length
}

function fitsOne(char: number, wanted: number): boolean {
  return wanted === ANY ? char !== NEWLINE : char === wanted
}

/** The pattern's pieces, one more than it has stars. */
function parsePattern(pattern: string, written: string): Piece[] {
  const pieces: number[][] = [[]]
  const chars = [...(pattern.startsWith('\uFEFF') ? pattern.slice(1) : pattern)]
  for (let at = 0; at < chars.length; at++) {
    const piece = pieces.at(-1)!
    const char = chars[at]!
    if (char === STAR) pieces.push([])
    else if (char === '?') piece.push(ANY)
    else if (char !== '\\') piece.push(char.codePointAt(0)!)
    else {
      const escaped = chars[at + 1] ?? '\uFFFD'
      // In front of these the escape belongs to the braces around the pattern.
      if (escaped === '}' || escaped === '/') continue
      if (!'*?\\'.includes(escaped)) {
        throw new Error(
          `invalid pattern (${written}) in substitution: invalid escape '\\${escaped}'`,
        )
      }
      piece.push(escaped.codePointAt(0)!)
      at++
    }
  }
  return pieces
}

/** Back to front, an escape still in front of what it escapes. */
function reversePattern(pattern: string): string {
  const units = pattern.match(/\\[^]|[^]/gu) ?? []
  return units.reverse().join('')
}

function codePoints(text: string): number[] {
  return Array.from(text, (char) => char.codePointAt(0)!)
}

function toText(chars: Text): string {
  let out = ''
  for (const char of chars) out += String.fromCodePoint(char)
  return out
}
