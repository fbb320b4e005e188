import { humanSize } from '../../format/units.ts'

const save = '\x1b[s'
const restore = '\x1b[u\x1b[2K'
const hide = '\x1b[?25l'
const show = '\x1b[?25h'
const interval = 75

/** Counts the bytes of a copy and shows them in one line, which is gone at the end. */
export class CopyProgress {
  total = 0
  private readonly out: NodeJS.WriteStream | undefined
  private readonly timer: NodeJS.Timeout | undefined
  private shown = 0

  /** Without a terminal, or without `out`, it counts silently. */
  constructor(out: NodeJS.WriteStream | undefined, title: string) {
    this.out = out?.isTTY ? out : undefined
    if (!this.out) return
    this.out.write(`${save}Preparing to copy...${hide}${restore}${title}${humanSize(0, 3)}`)
    this.timer = setInterval(() => this.redraw(title), interval)
  }

  private redraw(title: string): void {
    if (this.shown === this.total) return
    this.shown = this.total
    this.out?.write(`\x1b[${title.length + 1}G\x1b[0K${humanSize(this.total, 3)}`)
  }

  async *count(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const part of content) {
      this.total += part.length
      yield part
    }
  }

  stop(): void {
    clearInterval(this.timer)
    this.out?.write(`${show}${restore}`)
  }
}
