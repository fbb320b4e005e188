import { setTimeout as delay } from 'node:timers/promises'
import type { Native } from '@tdocker/kernel/native.ts'
import { FrameWriter } from './frame-writer.ts'
import { type LogLine, parseLogLine, timeToNs } from './json-line.ts'
import type { ReadLogOptions } from './read-log.ts'
import type { Segment } from './segments.ts'

const CHUNK = 256 * 1024
const NATIVE_CHUNK = 512 * 1024
/** A line that is longer is none that any driver wrote. */
const LONGEST_LINE = 16 * 1024 * 1024
const NEWLINE = 0x0a
const NOTHING = Buffer.alloc(0)

export type LogDecoder = Pick<Native, 'logFrames'>

/** What one read of a segment gave. */
interface Block {
  frames: Buffer
  /** Behind the last whole line. */
  position: number
  /** A line younger than `until` was met. */
  pastUntil: boolean
}

/** Reads one segment forward, block by block, into frames. */
export class SegmentReader {
  readonly segment: Segment
  pastUntil = false
  #position: number
  readonly #options: ReadLogOptions
  readonly #decoder: LogDecoder | undefined

  constructor(
    segment: Segment,
    position: number,
    options: ReadLogOptions,
    decoder: LogDecoder | undefined,
  ) {
    this.segment = segment
    this.#position = position
    this.#options = options
    // What few ask for is decoded here.
    this.#decoder = options.details || options.json ? undefined : decoder
  }

  /** Yields until the present end of the segment (or `limit`); a line not yet ended waits. */
  async *toEnd(limit: number = Infinity): AsyncGenerator<Buffer> {
    let wanted = this.#decoder ? NATIVE_CHUNK : CHUNK
    while (!this.pastUntil && !this.#options.signal.aborted) {
      const length = Math.min(wanted, limit - this.#position)
      if (length <= 0) return
      const block = await this.#read(length, limit)
      this.pastUntil = block.pastUntil
      if (block.frames.length > 0) yield block.frames
      if (block.position === this.#position && !block.pastUntil) {
        // No line ends here: it is unfinished, or longer than the block.
        const size = await this.segment.size()
        if (size >= this.#position && (size < this.#position + length || wanted >= LONGEST_LINE))
          return
        // Smaller than it was: emptied in its place.
        if (size < this.#position) block.position = 0
        else wanted *= 4
      }
      this.#position = block.position
    }
  }

  async #read(length: number, limit: number): Promise<Block> {
    const o = this.#options
    if (this.#decoder) {
      const { stdout, stderr, timestamps, tty, sinceNs, untilNs } = o
      const request = {
        fd: await this.segment.descriptor(),
        position: this.#position,
        length,
        stdout,
        stderr,
        timestamps,
        tty,
        ...(sinceNs !== undefined && { sinceNs }),
        ...(untilNs !== undefined && { untilNs }),
      }
      if (o.socket === undefined) return this.#decoder.logFrames(request)
      const end = Number.isFinite(limit) ? { end: limit } : {}
      return this.#send(this.#decoder, { ...request, ...end, socket: o.socket })
    }
    return decodeBlock(await this.segment.read(this.#position, length), this.#position, o)
  }

  /** Nothing is left to be yielded: it is sent when this returns, or the reader is gone. */
  async #send(
    decoder: LogDecoder,
    request: Parameters<LogDecoder['logFrames']>[0],
  ): Promise<Block> {
    const block = await decoder.logFrames(request)
    // The same place: the block is decoded already, and only its rest has to go.
    const rest = { ...request, position: block.position, end: block.position }
    await sendUnsent(decoder, rest, block.frames, this.#options.signal)
    return { ...block, frames: NOTHING }
  }
}

/** A slow client is asked again after so long, one that takes nothing less and less often. */
const SLOW_CLIENT_MS = { first: 10, longest: 1000 }

/** Until the client has all of it or is gone. */
export async function sendUnsent(
  decoder: LogDecoder,
  request: Parameters<LogDecoder['logFrames']>[0],
  unsent: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = SLOW_CLIENT_MS.first
  while (unsent.length > 0 && !signal.aborted) {
    await delay(waitMs)
    const { frames } = await decoder.logFrames({ ...request, unsent })
    if (frames.length < unsent.length) waitMs = SLOW_CLIENT_MS.first
    else waitMs = Math.min(waitMs * 2, SLOW_CLIENT_MS.longest)
    unsent = frames
  }
}

function decodeBlock(block: Buffer, position: number, o: ReadLogOptions): Block {
  const out = new FrameWriter(block.length, o)
  let start = 0
  for (;;) {
    const end = block.indexOf(NEWLINE, start)
    if (end === -1) break
    const line = parseLogLine(block, start, end)
    start = end + 1
    if (!line) continue
    const verdict = judge(line, o)
    if (verdict === 'stop') return { frames: out.bytes(), position, pastUntil: true }
    if (verdict === 'take') out.write(line)
  }
  return { frames: out.bytes(), position: position + start, pastUntil: false }
}

function judge(line: LogLine, o: ReadLogOptions): 'take' | 'skip' | 'stop' {
  const { sinceNs, untilNs, stdout, stderr } = o
  if (sinceNs !== undefined || untilNs !== undefined) {
    const timeNs = timeToNs(line.time)
    if (untilNs !== undefined && timeNs > untilNs) return 'stop'
    if (sinceNs !== undefined && timeNs < sinceNs) return 'skip'
  }
  return (line.stream === 1 ? stdout : stderr) ? 'take' : 'skip'
}
