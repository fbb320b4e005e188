import { invalidParameter } from '../base/errors.ts'

const UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  ns: 1e-6,
}

/**
 * `until=` of filters: a Go duration back from now, unix seconds or a date with or without time and
 * zone (UTC where none is given); milliseconds. Throws in moby's words (daemon/internal/timestamp).
 */
export function parseMoment(text: string, now: number): number {
  const failed = 'failed to parse value as time or duration'
  if (text.trim() === '') throw invalidParameter(`${failed}: value is empty`)
  const duration = text === '0' ? undefined : parseDuration(text)
  if (duration !== undefined) return now - duration
  if (text.includes('-')) return parseDate(text)
  const [seconds = '', fraction = ''] = text.split('.')
  if (!/^\+?\d+$/.test(seconds))
    throw invalidParameter(`${failed}: invalid seconds "${seconds}": invalid syntax`)
  const bad = fraction.search(/\D/)
  if (bad >= 0)
    throw invalidParameter(
      `${failed}: invalid nanoseconds: invalid character '${fraction[bad]}' at position ${bad}`,
    )
  return Number(`${seconds}.${fraction || '0'}`) * 1000
}

/** As `parseMoment`, in the words of images. */
export function untilMoment(text: string, now: number): number {
  try {
    return parseMoment(text, now)
  } catch (error) {
    throw invalidParameter(`invalid value for 'until' filter: ${(error as Error).message}`, error)
  }
}

/** A length of time as `7d`, `12h` or `1d12h30m`, in milliseconds; throws invalidParameter. */
export function parsePeriod(text: string, filter: string): number {
  const [, days, rest = ''] = /^(?:(\d+)d)?(.*)$/.exec(text) ?? []
  const ms = rest === '' && days !== undefined ? 0 : parseDuration(rest)
  if (ms === undefined || ms < 0 || text === '')
    throw invalidParameter(
      `invalid value for '${filter}' filter: ${JSON.stringify(text)} is no duration such as 7d or 12h`,
    )
  return Number(days ?? 0) * 24 * 3_600_000 + ms
}

function parseDuration(text: string): number | undefined {
  if (!/^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|h|m|s))+$/.test(text)) return undefined
  const parts = [...text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|h|m|s)/g)]
  const unit = (name = ''): number => UNIT_MS[name.replace('µ', 'u')] ?? 0
  const ms = parts.reduce((sum, [, n, name]) => sum + Number(n) * unit(name), 0)
  return text.startsWith('-') ? -ms : ms
}

/** Pieces of a layout in Go's spelling, and how each is read. */
const PIECES: ReadonlyArray<[name: string, pattern: RegExp, max?: number]> = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/, 12],
  ['-', /^-/],
  ['02', /^\d\d/, 31],
  ['T', /^T/],
  ['15', /^\d\d/, 23],
  [':', /^:/],
  ['04', /^\d\d/, 59],
  [':', /^:/],
  ['05', /^\d\d(?:\.\d+)?/, 59],
]
const RANGES: Readonly<Record<string, string>> = {
  '01': 'month',
  '02': 'day',
  '15': 'hour',
  '04': 'minute',
  '05': 'second',
}
/** Pieces of a date; with hours, with minutes, with seconds. */
const LENGTHS = [5, 7, 9, 11]

function parseDate(text: string): number {
  const local = !/[zZ+]/.test(text) && text.split('-').length !== 4
  const colons = text.split(':').length - 1 - (local || /[zZ]/.test(text) ? 0 : 1)
  const precision = text.includes('.') ? 3 : text.includes('T') ? 1 + Math.min(2, colons) : 0
  const pieces = [...PIECES.slice(0, LENGTHS[Math.max(0, precision)])]
  if (!local) pieces.push(['Z07:00', /^(?:Z|[+-]\d\d:\d\d)/])
  const fraction = text.includes('.') ? '.999999999' : ''
  const layout = pieces.map(([name]) => (name === '05' ? `05${fraction}` : name)).join('')
  let rest = text
  for (const [name, pattern, max] of pieces) {
    const [found] = pattern.exec(rest) ?? []
    if (found === undefined)
      throw invalidParameter(
        `parsing time "${text}" as "${layout}": cannot parse "${rest}" as "${name}"`,
      )
    const least = name === '01' || name === '02' ? 1 : 0
    if (max !== undefined && (Math.trunc(Number(found)) > max || Number(found) < least))
      throw invalidParameter(`parsing time "${text}": ${RANGES[name]} out of range`)
    rest = rest.slice(found.length)
  }
  if (rest !== '') throw invalidParameter(`parsing time "${text}": extra text: "${rest}"`)
  return toTime(text)
}

function toTime(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?)?(.*)$/.exec(text)
  const [, date, hour = '00', minute = '00', second = '00', zone = ''] = match ?? []
  const time = Date.parse(`${date}T${hour}:${minute}:${second}${zone || 'Z'}`)
  // The days of a month: what JavaScript rolls over or refuses.
  const day = new Date(`${date}T00:00:00Z`)
  if (Number.isNaN(time) || Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date)
    throw invalidParameter(`parsing time "${text}": day out of range`)
  return time
}
