import { hostname } from 'node:os'
import type { SyslogFormat } from '../driver/syslog-options.ts'
import type { LogEntry } from './entry.ts'

const INFO = 6
const ERROR = 3
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export interface SyslogSettings {
  format: SyslogFormat
  /** 0 to 23. */
  facility: number
  tag: string
  /** RFC 5425: each message behind its length. */
  counted: boolean
}

/**
 * One syslog message, as moby's driver and srslog write it: the tag is the APP-NAME, the daemon's
 * pid the PROCID, stderr is `err` and stdout `info`. The time is that of the line, not of the
 * sending. undefined for an empty line, which moby does not send.
 */
export function syslogMessage(entry: LogEntry, o: SyslogSettings): Buffer | undefined {
  if (entry.text.length === 0) return undefined
  const head = header(entry, o)
  const parts = [Buffer.from(head), entry.text]
  if (entry.text.at(-1) !== 0x0a) parts.push(NEWLINE)
  if (!o.counted) return Buffer.concat(parts)
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Buffer.from(`${length} `), ...parts])
}

const NEWLINE = Buffer.from('\n')

// Labels of images may be in the tag, and a newline ends a message.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\0-\x1f\x7f]/g

function header(entry: LogEntry, o: SyslogSettings): string {
  const { format, facility } = o
  const tag = o.tag.replace(CONTROL, ' ')
  const priority = facility * 8 + (entry.stream === 2 ? ERROR : INFO)
  const host = hostname()
  const id = process.pid
  if (format === 'unix') return `<${priority}>${stamp(entry.time)} ${tag}[${id}]: `
  if (format === 'rfc3164') return `<${priority}>${stamp(entry.time)} ${host} ${tag}[${id}]: `
  const time = format === 'rfc5424' ? localTime(entry.time, 0) : localTime(entry.time, 6)
  return `<${priority}>1 ${time} ${host} ${tag} ${id} ${tag} - `
}

/** Go's time.Stamp, local: `Jan _2 15:04:05`. */
function stamp(time: string): string {
  const date = new Date(time)
  const day = String(date.getDate()).padStart(2, ' ')
  return `${MONTHS[date.getMonth()]!} ${day} ${clock(date)}`
}

function clock(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
}

const two = (number: number): string => String(number).padStart(2, '0')

/** RFC 3339 in the local zone with that many digits of the second. */
function localTime(time: string, digits: number): string {
  const date = new Date(time)
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? ''
  const offset = -date.getTimezoneOffset()
  const zone =
    offset === 0
      ? 'Z'
      : `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const rest = digits === 0 ? '' : `.${fraction.padEnd(digits, '0').slice(0, digits)}`
  return `${day}T${clock(date)}${rest}${zone}`
}
