import { parseLogLine, timeToNs } from './json-line.ts'
import type { Segment } from './segments.ts'

const BLOCK = 64 * 1024
/** Below this a linear scan is as fast as another step of bisection. */
const LINEAR = 128 * 1024
const NEWLINE = 0x0a

/** A place in a list of segments. */
export interface Cursor {
  segment: number
  offset: number
}

/** Where the last `lines` lines begin, scanning backward. */
export async function seekTail(segments: readonly Segment[], lines: number): Promise<Cursor> {
  let wanted = lines
  for (let index = segments.length - 1; index >= 0; index--) {
    const segment = segments[index]!
    let end = await segment.size()
    // The newline that ends the last line begins no further one.
    if (wanted === 0) return { segment: index, offset: end }
    let isLastByte = true
    while (end > 0) {
      const start = Math.max(0, end - BLOCK)
      const block = await segment.read(start, end - start)
      for (let at = block.length - 1; at >= 0; at--) {
        if (block[at] !== NEWLINE) {
          isLastByte = false
          continue
        }
        if (!isLastByte && --wanted === 0) return { segment: index, offset: start + at + 1 }
        isLastByte = false
      }
      end = start
    }
    // The file's first line has no newline before it.
    if (!isLastByte && --wanted === 0) return { segment: index, offset: 0 }
  }
  return { segment: 0, offset: 0 }
}

/** At or a little before the first line not older than `sinceNs`, bisecting by time. */
export async function seekSince(segments: readonly Segment[], sinceNs: bigint): Promise<Cursor> {
  let index = segments.length - 1
  while (index > 0) {
    const first = await timeAfter(segments[index]!, 0)
    if (first && first.timeNs < sinceNs) break
    index--
  }
  const segment = segments[index]
  if (!segment) return { segment: 0, offset: 0 }
  let low = 0
  let high = await segment.size()
  while (high - low > LINEAR) {
    const middle = low + Math.floor((high - low) / 2)
    const line = await timeAfter(segment, middle)
    if (line && line.timeNs < sinceNs) low = line.offset
    else high = middle
  }
  return { segment: index, offset: low }
}

/** The first whole line that begins at or behind `offset` (0, or in the middle of some line). */
async function timeAfter(
  segment: Segment,
  offset: number,
): Promise<{ offset: number; timeNs: bigint } | undefined> {
  let length = BLOCK
  for (;;) {
    const block = await segment.read(offset, length)
    let start = offset === 0 ? 0 : block.indexOf(NEWLINE) + 1
    const hasStart = offset === 0 || start > 0
    while (hasStart) {
      const end = block.indexOf(NEWLINE, start)
      if (end === -1) break
      const line = parseLogLine(block, start, end)
      if (line) return { offset: offset + start, timeNs: timeToNs(line.time) }
      start = end + 1
    }
    if (block.length < length) return undefined
    length *= 4
  }
}
