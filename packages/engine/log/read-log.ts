import { Readable } from 'node:stream'
import type { Native } from '@tdocker/kernel/native.ts'
import { Changes } from './changes.ts'
import type { FrameOptions } from './frame-writer.ts'
import type { LogFiles } from './log-files.ts'
import { type LogReader, LogReaders } from './log-readers.ts'
import { type Cursor, seekSince, seekTail } from './seek.ts'
import { type LogDecoder, SegmentReader, sendUnsent } from './segment-reader.ts'
import { openSegments, type Segment, segmentAfter } from './segments.ts'

const BUFFERED = 1024 * 1024

export interface ReadLogOptions extends FrameOptions {
  files: LogFiles
  stdout: boolean
  stderr: boolean
  follow: boolean
  sinceNs?: bigint
  untilNs?: bigint
  /** Lines from the end; undefined for all. */
  tail?: number
  /**
   * Stop at this place of the log (of the newest file, where files are numbered): what came later
   * is delivered by an attach.
   */
  endOffset?: number
  /** Settles when the writer is done; following then ends at the end of the log. */
  ended: Promise<unknown>
  /** Shared with whoever compresses the log. */
  readers?: LogReaders
  signal: AbortSignal
  /** Blocks go straight to this descriptor, as HTTP chunks; for `sendLog`. */
  socket?: number
}

/**
 * The log as the API streams it. Rotated files read as one; nothing is held but a chunk. Without a
 * decoder lines are parsed here, on the event loop.
 */
export function readLog(o: ReadLogOptions, decoder?: LogDecoder): Readable {
  return Readable.from(chunks(o, decoder), { objectMode: false, highWaterMark: BUFFERED })
}

/** What ends an HTTP body in chunks. */
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/**
 * The log as the chunks of an HTTP answer, written to a socket past Node: no copy, and no buffer
 * for the collector. `fd` is lent. Rejects with EPIPE or ECONNRESET when the client is gone.
 */
export async function sendLog(
  o: ReadLogOptions,
  native: LogDecoder & Pick<Native, 'dupFd' | 'closeFd'>,
  fd: number,
): Promise<void> {
  // Node may close its own when the daemon ends.
  const socket = native.dupFd(fd)
  try {
    for await (const rest of chunks({ ...o, socket }, native))
      throw new Error(`${rest.length} bytes of a log were not sent`)
    await sendRest(o, native, socket)
  } finally {
    native.closeFd(socket)
  }
}

async function sendRest(o: ReadLogOptions, native: LogDecoder, socket: number): Promise<void> {
  if (o.signal.aborted) return
  const flags = { stdout: false, stderr: false, timestamps: false, tty: false }
  const request = { fd: socket, position: 0, end: 0, length: 1, socket, ...flags }
  const { frames } = await native.logFrames({ ...request, unsent: LAST_CHUNK })
  await sendUnsent(native, request, frames, o.signal)
}

async function* chunks(o: ReadLogOptions, decoder?: LogDecoder): AsyncGenerator<Buffer> {
  const readers = o.readers ?? new LogReaders()
  using reader = readers.enter(o.files)
  const opened = await readers.exclusive(o.files, async () => {
    const segments = await openSegments(o.files)
    reader.inode = segments.at(-1)?.inode
    return segments
  })
  try {
    const start = await seek(opened, o)
    let last: SegmentReader | undefined
    for (let index = start.segment; index < opened.length; index++) {
      const segment = opened[index]!
      const from = index === start.segment ? start.offset : 0
      last = new SegmentReader(segment, from, o, decoder)
      yield* last.toEnd(limitOf(segment, index === opened.length - 1, o))
      if (last.pastUntil || o.signal.aborted) return
      // What inflated files take on disk is given back as soon as can be.
      if (segment.compressed) await segment[Symbol.asyncDispose]()
    }
    if (o.follow && o.endOffset === undefined)
      yield* follow(last, o, { opened, reader, readers, ...(decoder && { decoder }) })
  } finally {
    for (const segment of opened) await segment[Symbol.asyncDispose]()
  }
}

function limitOf(segment: Segment, isNewest: boolean, o: ReadLogOptions): number | undefined {
  if (o.endOffset === undefined) return undefined
  if (o.files.naming === 'segments') return o.endOffset - segment.start
  return isNewest ? o.endOffset : undefined
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

interface Followed {
  decoder?: LogDecoder
  /** Of which the last is being read; the follower adds and closes. */
  opened: Segment[]
  reader: LogReader
  readers: LogReaders
}

/** Waits for more of the log and yields it until the writer ended or the reader went away. */
async function* follow(
  last: SegmentReader | undefined,
  o: ReadLogOptions,
  { decoder, opened, reader, readers }: Followed,
): AsyncGenerator<Buffer> {
  using changes = new FollowedChanges(o)
  let current = last
  for (;;) {
    // Read once more after `ended`: the last lines were written before it settled.
    const { ended } = changes
    if (current) yield* current.toEnd()
    if (current?.pastUntil || o.signal.aborted) return
    // No file is replaced by its compressed copy between being found and being known as read.
    const next = await readers.exclusive(o.files, async () => {
      const found = await nextSegment(o.files, current?.segment)
      if (found) reader.inode = found.inode
      return found
    })
    if (next) {
      // Lines may have come between the last read and the rotation.
      if (current) yield* current.toEnd()
      opened.push(next)
      while (opened.length > 1) await opened.shift()![Symbol.asyncDispose]()
      current = new SegmentReader(next, 0, o, decoder)
      continue
    }
    if (ended) return
    await changes.next()
  }
}

async function nextSegment(
  files: LogFiles,
  current: Segment | undefined,
): Promise<Segment | undefined> {
  if (current) return segmentAfter(files, current)
  const [first, ...others] = await openSegments(files)
  for (const other of others) await other[Symbol.asyncDispose]()
  return first
}

/** Changes of the log, the writer's end, `until`, and abort. */
class FollowedChanges implements Disposable {
  ended = false
  readonly #changes: Changes
  readonly #stop: () => void

  constructor(o: ReadLogOptions) {
    this.#changes = new Changes(o.files)
    const onAbort = (): void => this.#changes.signal()
    o.signal.addEventListener('abort', onAbort)
    const onEnd = (): void => {
      this.ended = true
      this.#changes.signal()
    }
    const follower: Follower = { onEnd }
    tellOnEnd(o.ended, follower)
    const untilTimer = o.untilNs === undefined ? undefined : endAt(o.untilNs, onEnd)
    this.#stop = () => {
      follower.onEnd = undefined
      o.signal.removeEventListener('abort', onAbort)
      clearTimeout(untilTimer)
    }
  }

  next(): Promise<void> {
    return this.#changes.next()
  }

  [Symbol.dispose](): void {
    this.#stop()
    this.#changes[Symbol.dispose]()
  }
}

interface Follower {
  onEnd: (() => void) | undefined
}

/** A container may run for years: of a follower that has gone nothing but this stays with the promise. */
function tellOnEnd(ended: Promise<unknown>, follower: Follower): void {
  const tell = (): void => follower.onEnd?.()
  ended.then(tell, tell)
}

function endAt(untilNs: bigint, end: () => void): NodeJS.Timeout {
  const milliseconds = Number(untilNs / 1_000_000n) - Date.now()
  return setTimeout(end, Math.min(Math.max(milliseconds, 0), 2 ** 31 - 1))
}
