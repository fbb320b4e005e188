/** Columns as Go's tabwriter lays them out. */

/** The last column of a row is as long as it is; every other is padded to the longest. */
export function table(rows: ReadonlyArray<readonly string[]>, padding: number): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => [...(row[column] ?? '')].length)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1
            ? cell
            : cell + ' '.repeat(widths[column]! - [...cell].length + padding),
        )
        .join(''),
    )
    .map((line) => `${line}\n`)
    .join('')
}
