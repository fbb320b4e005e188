/** The daemon's own log, on stderr: JSON lines, or text lines for people. */
import pino, { type Logger } from 'pino'

export type Log = Logger

/** pino's names for dockerd's levels. */
const levels: Readonly<Record<string, string>> = { panic: 'fatal' }

export function levelFor(o: { logLevel: string; debug: boolean }): string {
  return o.debug ? 'debug' : (levels[o.logLevel] ?? o.logLevel)
}

/** Never log environment values, bodies or auth headers: objects go out as they are. */
export function createLog(o: {
  logLevel: string
  logFormat: 'text' | 'json'
  debug: boolean
  /** For tests; stderr otherwise. */
  write?: (line: string) => void
}): Log {
  const destination = o.write ? { write: o.write } : stderr()
  const stream =
    o.logFormat === 'json'
      ? destination
      : { write: (line: string) => void destination.write(toText(line)) }
  return pino(
    {
      level: levelFor(o),
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
}

/** Lines that cannot be written (a full disk, a closed pipe) wait for the next one, up to a limit. */
function stderr(): { write(line: string): unknown } {
  const destination = pino.destination({ fd: 2, sync: true, maxLength: 1 << 20 })
  // Whatever becomes of the log: it is no reason for the daemon to end.
  destination.on('error', () => {})
  return destination
}

/** `time=… level=info msg="…" key=value`, as dockerd writes to a file. */
function toText(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const parts = Object.entries({ time, level, msg, ...flat(fields) })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quote(value)}`)
  return `${parts.join(' ')}\n`
}

/** An error's message is enough for people; its stack is in the JSON format. */
function flat(fields: Record<string, unknown>): Record<string, unknown> {
  const { err, ...rest } = fields
  if (typeof err !== 'object' || err === null) return fields
  return { ...rest, error: (err as { message?: unknown }).message }
}

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[\w.:/+-]+$/.test(text) ? text : JSON.stringify(text)
}
