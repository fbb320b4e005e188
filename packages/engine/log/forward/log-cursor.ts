import { type LogFiles, listLogFiles } from '../log-files.ts'
import { Segment } from '../segments.ts'
import { type LogEntry, EntryParser } from './entry.ts'

const CHUNK = 128 * 1024
const LONGEST_LINE = 16 * 1024 * 1024
const NEWLINE = 0x0a

/** Reads a segmented log forward by places in the stream of all bytes ever logged. */
export class LogCursor implements AsyncDisposable {
  /** Behind what was last read. */
  position: number
  readonly #files: LogFiles
  #parser = new EntryParser()
  #segment: Segment | undefined

  constructor(files: LogFiles, position: number) {
    this.#files = files
    this.position = position
  }

  /**
   * The next whole lines, undefined at the present end. What rotation has taken away meanwhile is
   * passed over.
   */
  async read(): Promise<LogEntry[] | undefined> {
    for (;;) {
      const segment = await this.#current()
      if (!segment) return undefined
      const block = await this.#wholeLines(segment)
      if (block) {
        this.position += block.length
        return this.#parser.parse(block)
      }
      const next = await this.#after(segment)
      if (!next) return undefined
      // Its last lines may have come between the read and the rotation.
      if (next.retry) continue
      await this.#leave(next.start)
    }
  }

  /** Goes elsewhere; at the beginning of a line when `align` finds itself amid one. */
  async seek(position: number, align = false): Promise<void> {
    await this.#leave(position)
    this.#parser = new EntryParser()
    if (!align || position === 0) return
    const segment = await this.#current()
    if (!segment || this.position === segment.start) return
    const before = await segment.read(this.position - segment.start - 1, CHUNK)
    const newline = before.indexOf(NEWLINE)
    if (newline > 0) this.position += newline
  }

  /** Where the log ends now. */
  async end(): Promise<number> {
    const newest = (await listLogFiles(this.#files)).at(-1)
    const segment = newest && (await Segment.open(newest))
    if (!segment) return this.position
    const size = await segment.size()
    await segment[Symbol.asyncDispose]()
    return segment.start + size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#segment?.[Symbol.asyncDispose]()
    this.#segment = undefined
  }

  async #leave(position: number): Promise<void> {
    await this[Symbol.asyncDispose]()
    this.position = position
  }

  /** The segment that holds the position, or the first behind it. */
  async #current(): Promise<Segment | undefined> {
    if (this.#segment) return this.#segment
    const files = await listLogFiles(this.#files)
    const holding = files.findLast(({ start }) => start <= this.position) ?? files[0]
    if (!holding) return undefined
    this.#segment = await Segment.open(holding)
    if (this.position < holding.start) this.position = holding.start
    return this.#segment
  }

  async #wholeLines(segment: Segment): Promise<Buffer | undefined> {
    for (let length = CHUNK; length <= LONGEST_LINE; length *= 4) {
      const block = await segment.read(this.position - segment.start, length)
      const newline = block.lastIndexOf(NEWLINE)
      if (newline >= 0) return block.subarray(0, newline + 1)
      if (block.length < length) return undefined
    }
    return undefined
  }

  /** `retry`: the segment got whole lines meanwhile. */
  async #after(segment: Segment): Promise<{ start: number; retry: boolean } | undefined> {
    const next = (await listLogFiles(this.#files)).find(({ start }) => start > segment.start)
    if (!next) return undefined
    return { start: next.start, retry: (await this.#wholeLines(segment)) !== undefined }
  }
}
