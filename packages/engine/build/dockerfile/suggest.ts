/** "did you mean": the nearest word at an edit distance below three. */

const TOO_FAR = 3
/** A hostile file may define thousands of names. */
const MAX_OPTIONS = 1000
/** Nobody mistypes a longer one, and distances take the square of it. */
const MAX_LENGTH = 64

/** The nearest of `options`; undefined without one, or when `word` is one itself. */
export function nearest(
  word: string,
  options: Iterable<string>,
  caseSensitive = true,
): string | undefined {
  if (word.length > MAX_LENGTH) return undefined
  const wanted = caseSensitive ? word : word.toLowerCase()
  let found: string | undefined
  let least = TOO_FAR
  let tried = 0
  for (const option of options) {
    if (tried++ >= MAX_OPTIONS) break
    const candidate = caseSensitive ? option : option.toLowerCase()
    if (candidate === wanted) return undefined
    const distance = editDistance(wanted, candidate, least)
    if (distance >= least) continue
    least = distance
    found = caseSensitive ? candidate : inCaseOf(word, candidate)
  }
  return found
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(word: string, options: Iterable<string>, caseSensitive = true): string {
  const found = nearest(word, options, caseSensitive)
  return found ? ` (did you mean ${found}?)` : ''
}

function inCaseOf(model: string, word: string): string {
  return model === model.toUpperCase() && model !== model.toLowerCase() ? word.toUpperCase() : word
}

/** Levenshtein's, or `limit` when it is no less; looks only at the band that can be below it. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = Array.from({ length: b.length + 1 }, () => limit)
    row[0] = i
    let least = i
    const last = Math.min(b.length, i + limit)
    for (let j = Math.max(1, i - limit); j <= last; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(before[j]! + 1, row[j - 1]! + 1, before[j - 1]! + changed)
      least = Math.min(least, row[j]!)
    }
    if (least >= limit) return limit
    before = row
  }
  return Math.min(before[b.length]!, limit)
}
