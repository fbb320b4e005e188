/**
 * One line of a json-file log as the shim (and moby's jsonfilelog) writes it:
 * `{"log":"text\n","stream":"stdout","attrs":{…},"time":"2026-01-02T03:04:05.123456789Z"}`.
 */
export interface LogLine {
  /** 1 stdout, 2 stderr. */
  stream: 1 | 2
  /** RFC 3339 with nanoseconds, trailing zeros cut. */
  time: string
  payload: Uint8Array
  attrs: Readonly<Record<string, string>> | undefined
}

const PREFIX = Buffer.from('{"log":"')
const STDOUT = Buffer.from('","stream":"stdout","time":"')
const STDERR = Buffer.from('","stream":"stderr","time":"')
const BACKSLASH = 0x5c
const QUOTE = 0x22
/** `2026-01-02T03:04:05Z"}` is the shortest time with what follows it, 9 more digits and a dot the longest. */
const MIN_TIME = 20
const MAX_TIME = 30

/**
 * Parses `buffer[start, end)`, without the newline. undefined for a line that is no log line (a
 * write cut short by a full disk): readers pass over it, as moby's do.
 */
export function parseLogLine(buffer: Buffer, start: number, end: number): LogLine | undefined {
  return parsePlain(buffer, start, end) ?? parseJson(buffer, start, end)
}

/** The common case without JSON.parse: no attrs, and no escape but a final `\n`. */
function parsePlain(buffer: Buffer, start: number, end: number): LogLine | undefined {
  if (!startsWith(buffer, start, PREFIX) || end - start < 60) return undefined
  let quote = end - 3
  while (quote > end - MAX_TIME - 3 && buffer[quote] !== QUOTE) quote--
  const timeLength = end - 2 - (quote + 1)
  if (buffer[quote] !== QUOTE || timeLength < MIN_TIME) return undefined
  const head = quote + 1 - STDOUT.length
  const stream = startsWith(buffer, head, STDOUT) ? 1 : startsWith(buffer, head, STDERR) ? 2 : 0
  if (stream === 0) return undefined
  const from = start + PREFIX.length
  const escape = buffer.indexOf(BACKSLASH, from)
  const time = buffer.toString('latin1', quote + 1, end - 2)
  if (escape === -1 || escape >= head)
    return { stream, time, payload: buffer.subarray(from, head), attrs: undefined }
  if (escape !== head - 2 || buffer[head - 1] !== 0x6e) return undefined
  // The two bytes of `\n` become one; the source buffer is the reader's own and read only once.
  buffer[escape] = 0x0a
  return { stream, time, payload: buffer.subarray(from, escape + 1), attrs: undefined }
}

function parseJson(buffer: Buffer, start: number, end: number): LogLine | undefined {
  try {
    const line = JSON.parse(buffer.toString('utf8', start, end)) as {
      log?: string
      stream?: string
      time?: string
      attrs?: Record<string, string>
    }
    if (typeof line.time !== 'string') return undefined
    return {
      stream: line.stream === 'stderr' ? 2 : 1,
      time: line.time,
      payload: Buffer.from(line.log ?? ''),
      attrs: line.attrs,
    }
  } catch {
    return undefined
  }
}

function startsWith(buffer: Buffer, at: number, bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (buffer[at + i] !== bytes[i]) return false
  return true
}

/** Nanoseconds since the epoch of an RFC 3339 UTC time. */
export function timeToNs(time: string): bigint {
  const dot = time.indexOf('.')
  const seconds = Date.parse(dot === -1 ? time : `${time.slice(0, dot)}Z`)
  if (Number.isNaN(seconds)) return 0n
  const fraction = dot === -1 ? '' : time.slice(dot + 1, -1)
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
}

/** Docker's fixed nine digits, as `logs -t` prints them. */
export function fixedNanoTime(time: string): string {
  const dot = time.indexOf('.')
  if (dot === -1) return `${time.slice(0, -1)}.000000000Z`
  return `${time.slice(0, dot + 1)}${time.slice(dot + 1, -1).padEnd(9, '0')}Z`
}
