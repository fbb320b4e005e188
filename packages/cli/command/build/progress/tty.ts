/**
 * Progress on a terminal, drawn over itself. Each frame is one write that clears each line as it goes,
 * so nothing flickers; the cursor is hidden only within it, so an interrupted client leaves it shown.
 */
import { type FrameLine, type FrameSize, frameOf } from './frame.ts'
import { failureText } from './plain.ts'
import type { BuildState } from './state.ts'

const HIDE = '\x1b[?25l'
const SHOW = '\x1b[?25h'

export interface Terminal {
  write(text: string): void
  /** Columns and rows. */
  size(): { width: number; height: number }
  colours: boolean
}

export class TtyDisplay {
  readonly #terminal: Terminal
  readonly #state: BuildState
  #last: FrameLine[] = []

  constructor(terminal: Terminal, state: BuildState) {
    this.#terminal = terminal
    this.#state = state
  }

  draw(now: number): void {
    if (this.#state.begun.length === 0) return
    this.#show(now, this.#terminal.size())
  }

  /** All steps, then what those that failed said. */
  finish(now: number): void {
    if (this.#state.begun.length > 0) {
      const { width } = this.#terminal.size()
      this.#show(now, { width, height: undefined })
    }
    this.#terminal.write(failureText(this.#state, 500))
  }

  #show(now: number, size: FrameSize): void {
    const { colours } = this.#terminal
    const lines = frameOf(this.#state, size, { now, colours })
    const up = rowsOf(this.#last, size.width)
    const back = up > 0 ? `\x1b[${up}A\r` : '\r'
    const text = lines.map((line) => `${line.text}\x1b[K\n`).join('')
    this.#terminal.write(`${HIDE}${back}${text}\x1b[J${SHOW}`)
    this.#last = lines
  }
}

/** Rows that lines take now: a terminal that became narrower has wrapped them. */
function rowsOf(lines: readonly FrameLine[], width: number): number {
  return lines.reduce(
    (sum, { cells }) => sum + Math.max(1, Math.ceil(cells / Math.max(width, 1))),
    0,
  )
}
