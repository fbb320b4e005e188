/** A terminal of few rows, as far as displays need one: what stands where in the end. */
export class Screen {
  readonly #rows: string[][] = [[]]
  #row = 0
  #column = 0
  width: number
  /** Writes that cleared the screen at once would flicker. */
  isCursorShown = true

  constructor(width: number) {
    this.width = width
  }

  write(text: string): void {
    // oxlint-disable-next-line no-control-regex
    for (const [piece] of text.matchAll(/\x1b\[[?\d;]*[A-Za-z]|[^]/gu)) this.#put(piece)
  }

  #put(piece: string): void {
    if (piece === '\r') this.#column = 0
    else if (piece === '\n') this.#down()
    else if (piece.startsWith('\x1b')) this.#control(piece)
    else {
      if (this.#column >= this.width) this.#down()
      this.#line()[this.#column++] = piece
    }
  }

  #down(): void {
    this.#row++
    this.#column = 0
    this.#line()
  }

  #line(): string[] {
    while (this.#rows.length <= this.#row) this.#rows.push([])
    return this.#rows[this.#row]!
  }

  #control(sequence: string): void {
    const count = Number(sequence.slice(2, -1)) || 1
    if (sequence.endsWith('A')) this.#row = Math.max(0, this.#row - count)
    else if (sequence.endsWith('K')) this.#line().length = this.#column
    else if (sequence.endsWith('J')) {
      this.#line().length = this.#column
      this.#rows.length = this.#row + 1
    } else if (sequence === '\x1b[?25l') this.isCursorShown = false
    else if (sequence === '\x1b[?25h') this.isCursorShown = true
  }

  /** As terminals do that wrap what stands there anew. */
  resize(width: number): void {
    const wrapped = this.#rows.flatMap((row) => {
      const parts: string[][] = []
      for (let at = 0; at < Math.max(row.length, 1); at += width)
        parts.push(row.slice(at, at + width))
      return parts
    })
    this.#rows.splice(0, this.#rows.length, ...wrapped)
    this.#row = this.#rows.length - 1
    this.width = width
  }

  /** Lines without blanks at their end. */
  get lines(): string[] {
    const lines = this.#rows.map((row) =>
      Array.from(row, (each) => each ?? ' ')
        .join('')
        .trimEnd(),
    )
    while (lines.at(-1) === '') lines.pop()
    return lines
  }
}
