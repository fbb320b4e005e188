import { parseDuration } from './scalar.ts'

const shape =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/

/**
 * `--since` and `--until` as the API takes them, `seconds.nanoseconds`: a date with or without
 * time and zone (local where none is given), a duration counted back from now, or unix seconds.
 */
export function parseTimestamp(text: string, now: Date): string {
  const ago = durationOf(text)
  if (ago !== undefined) return fromNanoseconds(BigInt(now.getTime()) * 1_000_000n - BigInt(ago))
  const match = shape.exec(text)
  if (match) return fromDate(match, text)
  if (/^-?\d+(\.\d{1,9})?$/.test(text)) return text
  throw new Error(`failed to parse value as time or duration: "${text}"`)
}

function durationOf(text: string): number | undefined {
  // The beginning of time, not "no time ago".
  if (text === '0') return undefined
  try {
    return parseDuration(text)
  } catch {
    return undefined
  }
}

function fromDate(match: RegExpExecArray, text: string): string {
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = ''] =
    match
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`)
  if (Number.isNaN(date.getTime())) {
    throw new Error(`failed to parse value as time or duration: "${text}"`)
  }
  return `${Math.floor(date.getTime() / 1000)}.${fraction.padEnd(9, '0')}`
}

function fromNanoseconds(value: bigint): string {
  const billion = 1_000_000_000n
  return `${value / billion}.${String(value % billion).padStart(9, '0')}`
}
