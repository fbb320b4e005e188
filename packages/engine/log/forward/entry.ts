import { randomBytes } from 'node:crypto'
import { parseLogLine } from '../json-line.ts'

/** One log message on its way to a server. */
export interface LogEntry {
  stream: 1 | 2
  /** RFC 3339 with nanoseconds. */
  time: string
  /** Without the newline. */
  text: Buffer
  /** A part of a line too long for one entry. */
  partial: { id: string; ordinal: number; last: boolean } | undefined
}

const NEWLINE = 0x0a

/** Makes entries of the lines of the local file; remembers which stream is amid a long line. */
export class EntryParser {
  readonly #open = new Map<1 | 2, { id: string; ordinal: number }>()

  /** Of whole lines. What is no log line is passed over. */
  parse(block: Buffer): LogEntry[] {
    const entries: LogEntry[] = []
    for (let start = 0; start < block.length;) {
      const end = block.indexOf(NEWLINE, start)
      if (end === -1) break
      const line = parseLogLine(block, start, end)
      start = end + 1
      if (line) entries.push(this.#entry(line.stream, line.time, Buffer.from(line.payload)))
    }
    return entries
  }

  #entry(stream: 1 | 2, time: string, payload: Buffer): LogEntry {
    const last = payload.at(-1) === NEWLINE
    const text = last ? payload.subarray(0, -1) : payload
    const open = this.#open.get(stream)
    if (last && !open) return { stream, time, text, partial: undefined }
    const { id, ordinal } = open ?? { id: randomBytes(32).toString('hex'), ordinal: 1 }
    if (last) this.#open.delete(stream)
    else this.#open.set(stream, { id, ordinal: ordinal + 1 })
    return { stream, time, text, partial: { id, ordinal, last } }
  }
}
