/**
 * Elastic columns as Go's text/tabwriter makes them, padded with spaces: a column is a block of
 * consecutive lines that have a tab-terminated cell at that place. The last cell of a line belongs
 * to no column.
 */
export function tabulate(
  text: string,
  { minWidth, padding }: { minWidth: number; padding: number },
): string {
  const endsOpen = !text.endsWith('\n')
  const lines = (endsOpen ? text : text.slice(0, -1)).split('\n').map((line) => line.split('\t'))
  const widths = lines.map((cells) => cells.slice(0, -1).map(() => 0))
  layOut(lines, widths, 0, 0, lines.length, { minWidth, padding })
  const out = lines.map((cells, row) =>
    cells.map((cell, column) => padTo(cell, widths[row]?.[column])).join(''),
  )
  return out.join('\n') + (endsOpen ? '' : '\n')
}

function layOut(
  lines: readonly string[][],
  widths: number[][],
  column: number,
  from: number,
  to: number,
  measures: { minWidth: number; padding: number },
): void {
  for (let row = from; row < to; row++) {
    if (column >= (widths[row]?.length ?? 0)) continue
    let end = row
    let width = 0
    for (; end < to && column < (widths[end]?.length ?? 0); end++) {
      width = Math.max(width, displayWidth(lines[end]?.[column] ?? '') + measures.padding)
    }
    const used = Math.max(width, measures.minWidth)
    for (let i = row; i < end; i++) (widths[i] as number[])[column] = used
    layOut(lines, widths, column + 1, row, end, measures)
    row = end - 1
  }
}

function padTo(cell: string, width: number | undefined): string {
  return width === undefined ? cell : cell + ' '.repeat(Math.max(0, width - displayWidth(cell)))
}

/** Columns of a terminal: East Asian wide characters and most pictures take two, marks none. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const char of text) {
    if (/\p{M}|\p{Cf}/u.test(char)) continue
    width += wide.test(char) ? 2 : 1
  }
  return width
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u
