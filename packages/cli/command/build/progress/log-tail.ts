/** The last lines of a running step, as its terminal would show them. */
import { printable } from '../../../format/cells.ts'

const KEPT = 6
/** Of one line: enough for any screen. */
const MAX_LINE = 2000

export class LogTail {
  readonly #lines: string[] = []
  #open = ''
  /** A carriage return came: what follows writes over the line. */
  #isReturned = false

  push(text: string): void {
    for (const [piece] of text.matchAll(/[^\r\n]+|[\r\n]/g)) {
      if (piece === '\r') this.#isReturned = true
      else if (piece === '\n') this.#end()
      else this.#write(piece)
    }
  }

  #write(piece: string): void {
    if (this.#isReturned) this.#open = ''
    this.#isReturned = false
    if (this.#open.length < MAX_LINE) this.#open += piece.slice(0, MAX_LINE)
  }

  #end(): void {
    this.#lines.push(this.#open)
    if (this.#lines.length > KEPT) this.#lines.shift()
    this.#open = ''
    this.#isReturned = false
  }

  /** Without those that are empty. */
  get lines(): string[] {
    return [...this.#lines, this.#open]
      .map((line) => printable(line).trimEnd())
      .filter((line) => line !== '')
      .slice(-KEPT)
  }
}
