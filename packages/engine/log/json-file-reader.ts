import { watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Readable } from 'node:stream'
import { fixedNanoTime, type LogLine, parseLogLine, timeToNs } from './json-line.ts'
import { type Cursor, seekSince, seekTail } from './seek.ts'
import { openSegment, openSegments, type Segment } from './segments.ts'

const CHUNK = 256 * 1024
const NEWLINE = 0x0a

export interface ReadLogOptions {
  /** The newest file; rotated ones are `path.1`, `path.2` (perhaps `.gz`) beside it. */
  path: string
  stdout: boolean
  stderr: boolean
  follow: boolean
  timestamps: boolean
  /** Prefix each line with its attrs, `k=v,k2=v2 `. */
  details: boolean
  sinceNs?: bigint
  untilNs?: bigint
  /** Lines from the end; undefined for all. */
  tail?: number
  /** Raw bytes instead of stdcopy frames. */
  tty: boolean
  /** Stop at this size of the newest file: what came later is delivered by an attach. */
  endOffset?: number
  /** Settles when the writer is done; following then ends at the end of the log. */
  ended: Promise<unknown>
  signal: AbortSignal
}

/** The log as the API streams it. Rotated files read as one; nothing is held but a chunk. */
export function readLog(o: ReadLogOptions): Readable {
  return Readable.from(chunks(o), { objectMode: false, highWaterMark: 2 * CHUNK })
}

async function* chunks(o: ReadLogOptions): AsyncGenerator<Buffer> {
  const opened = await openSegments(o.path)
  // Following opens further ones, which it reads itself.
  const { length } = opened
  try {
    const start = await seek(opened, o)
    for (let index = start.segment; index < length; index++) {
      const newest = index === length - 1
      const from = index === start.segment ? start.offset : 0
      const reader = new SegmentReader(opened[index]!, from, o)
      yield* reader.toEnd(newest ? o.endOffset : undefined)
      if (reader.pastUntil || o.signal.aborted) return
      if (newest && o.follow && o.endOffset === undefined) yield* follow(reader, o, opened)
    }
    if (length === 0 && o.follow) yield* followFromNothing(o, opened)
  } finally {
    for (const segment of opened) await segment[Symbol.asyncDispose]()
  }
}

async function seek(segments: readonly Segment[], o: ReadLogOptions): Promise<Cursor> {
  const byTail = o.tail === undefined ? undefined : await seekTail(segments, o.tail)
  const bySince = o.sinceNs === undefined ? undefined : await seekSince(segments, o.sinceNs)
  if (!byTail || !bySince) return byTail ?? bySince ?? { segment: 0, offset: 0 }
  const later =
    byTail.segment > bySince.segment ||
    (byTail.segment === bySince.segment && byTail.offset > bySince.offset)
  return later ? byTail : bySince
}

/** Waits for more of the log and yields it until the writer ended or the reader went away. */
async function* follow(
  reader: SegmentReader,
  o: ReadLogOptions,
  opened: Segment[],
): AsyncGenerator<Buffer> {
  using changes = new Changes(o)
  let current = reader
  for (;;) {
    // Read once more after `ended`: the last lines were written before it settled.
    const { ended } = changes
    yield* current.toEnd()
    if (current.pastUntil || o.signal.aborted) return
    const next = await newerThan(current.segment, o.path)
    if (next) {
      // Lines may have come between the last read and the rename.
      yield* current.toEnd()
      opened.push(next)
      current = new SegmentReader(next, 0, o)
      continue
    }
    if (ended) return
    await changes.next()
  }
}

async function* followFromNothing(o: ReadLogOptions, opened: Segment[]): AsyncGenerator<Buffer> {
  using changes = new Changes(o)
  for (;;) {
    const { ended } = changes
    const first = await openSegment(o.path)
    if (first) {
      opened.push(first)
      yield* follow(new SegmentReader(first, 0, o), o, opened)
      return
    }
    if (ended || o.signal.aborted) return
    await changes.next()
  }
}

/** The segment that was begun after `current`, when the log has been rotated since. */
async function newerThan(current: Segment, path: string): Promise<Segment | undefined> {
  const newest = await stat(path, { bigint: true }).catch(() => undefined)
  if (!newest || newest.ino === current.inode) return undefined
  let candidate = await openSegment(path)
  for (let n = 1; candidate; n++) {
    const older = await openSegment(`${path}.${n}`)
    if (!older) break
    const isCurrent = older.inode === current.inode
    if (isCurrent) {
      await older[Symbol.asyncDispose]()
      break
    }
    await candidate[Symbol.asyncDispose]()
    candidate = older
  }
  return candidate
}

/** Reads one segment forward, line by line, into frames. */
class SegmentReader {
  readonly segment: Segment
  /** A line younger than `until` was met. */
  pastUntil = false
  #position: number
  #rest: Buffer = Buffer.alloc(0)
  readonly #options: ReadLogOptions

  constructor(segment: Segment, position: number, options: ReadLogOptions) {
    this.segment = segment
    this.#position = position
    this.#options = options
  }

  /** Yields until the present end of the segment (or `limit`); a line not yet ended waits. */
  async *toEnd(limit = Infinity): AsyncGenerator<Buffer> {
    while (!this.pastUntil && !this.#options.signal.aborted) {
      const length = Math.min(CHUNK, limit - this.#position)
      if (length <= 0) return
      const block = await this.segment.read(this.#position, length)
      if (block.length === 0) return
      this.#position += block.length
      const output = this.#frames(
        this.#rest.length > 0 ? Buffer.concat([this.#rest, block]) : block,
      )
      if (output.length > 0) yield output
    }
  }

  #frames(buffer: Buffer): Buffer {
    const out = new FrameWriter(buffer.length, this.#options)
    let start = 0
    for (;;) {
      const end = buffer.indexOf(NEWLINE, start)
      if (end === -1) break
      const line = parseLogLine(buffer, start, end)
      start = end + 1
      if (!line) continue
      const verdict = this.#judge(line)
      if (verdict === 'stop') {
        this.pastUntil = true
        break
      }
      if (verdict === 'take') out.write(line)
    }
    this.#rest = Buffer.from(buffer.subarray(start))
    return out.bytes()
  }

  #judge(line: LogLine): 'take' | 'skip' | 'stop' {
    const { sinceNs, untilNs, stdout, stderr } = this.#options
    if (sinceNs !== undefined || untilNs !== undefined) {
      const timeNs = timeToNs(line.time)
      if (untilNs !== undefined && timeNs > untilNs) return 'stop'
      if (sinceNs !== undefined && timeNs < sinceNs) return 'skip'
    }
    return (line.stream === 1 ? stdout : stderr) ? 'take' : 'skip'
  }
}

/** Appends lines to one growing buffer, framed unless on a tty. */
class FrameWriter {
  #buffer: Buffer
  #length = 0
  readonly #options: ReadLogOptions

  constructor(expected: number, options: ReadLogOptions) {
    this.#buffer = Buffer.allocUnsafe(expected + 1024)
    this.#options = options
  }

  write(line: LogLine): void {
    const prefix = this.#prefix(line)
    const size = prefix.length + line.payload.length
    this.#reserve(8 + size)
    if (!this.#options.tty) {
      this.#buffer.writeUInt32BE(line.stream << 24, this.#length)
      this.#buffer.writeUInt32BE(size, this.#length + 4)
      this.#length += 8
    }
    if (prefix.length > 0) this.#length += this.#buffer.write(prefix, this.#length, 'latin1')
    this.#buffer.set(line.payload, this.#length)
    this.#length += line.payload.length
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #prefix(line: LogLine): string {
    const { timestamps, details } = this.#options
    if (!timestamps && !details) return ''
    let prefix = timestamps ? `${fixedNanoTime(line.time)} ` : ''
    if (details) prefix += `${detailText(line.attrs ?? {})} `
    return prefix
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/** `k=v,k2=v2`, sorted, URL-escaped as moby does; latin1 because escaping leaves ASCII only. */
function detailText(attrs: Readonly<Record<string, string>>): string {
  return Object.keys(attrs)
    .sort()
    .map((key) => `${encodeURIComponent(key)}=${encodeURIComponent(attrs[key]!)}`)
    .join(',')
}

/** Tells of changes of the log's directory, of the writer's end, and of abort. */
class Changes implements Disposable {
  ended = false
  #changed = false
  #wake: (() => void) | undefined
  readonly #stop: () => void

  constructor(o: ReadLogOptions) {
    const name = basename(o.path)
    const watcher = watch(dirname(o.path), { persistent: false }, (_, file) => {
      if (file === null || file.startsWith(name)) this.#signal()
    })
    watcher.on('error', () => this.#signal())
    const onAbort = (): void => this.#signal()
    o.signal.addEventListener('abort', onAbort)
    const onEnd = (): void => {
      this.ended = true
      this.#signal()
    }
    o.ended.then(onEnd, onEnd)
    const untilTimer = o.untilNs === undefined ? undefined : endAt(o.untilNs, onEnd)
    this.#stop = () => {
      watcher.close()
      o.signal.removeEventListener('abort', onAbort)
      clearTimeout(untilTimer)
    }
  }

  /** Resolves when something changed since the last call. */
  async next(): Promise<void> {
    if (!this.#changed) await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#changed = false
  }

  [Symbol.dispose](): void {
    this.#stop()
  }

  #signal(): void {
    this.#changed = true
    this.#wake?.()
  }
}

function endAt(untilNs: bigint, end: () => void): NodeJS.Timeout {
  const milliseconds = Number(untilNs / 1_000_000n) - Date.now()
  return setTimeout(end, Math.min(Math.max(milliseconds, 0), 2 ** 31 - 1))
}
