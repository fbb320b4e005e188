/** Text on a terminal is as wide as the cells it takes, not as its characters are many. */

const ASCII = /^[\x20-\x7e]*$/
/** Two cells each: East Asian Wide and Fullwidth (UAX #11), and what is drawn as an emoji. */
const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u
const NOTHING = /^[\p{M}\p{Cf}\p{Cc}]+$/u

let segmenter: Intl.Segmenter | undefined

function clusters(text: string): string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}

function widthOf(cluster: string): number {
  if (WIDE.test(cluster)) return 2
  return NOTHING.test(cluster) ? 0 : 1
}

/** Cells that `text` takes; it has no escape sequences. */
export function cellsOf(text: string): number {
  if (ASCII.test(text)) return text.length
  return clusters(text).reduce((sum, cluster) => sum + widthOf(cluster), 0)
}

/** As much of its beginning as `width` cells hold. */
export function clipCells(text: string, width: number): string {
  if (ASCII.test(text)) return text.slice(0, Math.max(width, 0))
  let used = 0
  let clipped = ''
  for (const cluster of clusters(text)) {
    used += widthOf(cluster)
    if (used > width) break
    clipped += cluster
  }
  return clipped
}

// oxlint-disable-next-line no-control-regex
const SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g

/** On one line, without what would move the cursor or change colours. */
export function printable(text: string): string {
  return text
    .replace(SEQUENCE, '')
    .replace(/[\t\n]/g, ' ')
    .replace(CONTROL, '')
}
