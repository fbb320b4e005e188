import { InvalidRequest } from './invalid.ts'

const nanosPerSecond = 1_000_000_000n

/** Go's zero time, which Docker writes for "never". */
export const zeroTime = '0001-01-01T00:00:00Z'

/** RFC 3339 in UTC with nanoseconds, trailing zeros cut as Go's RFC3339Nano does. */
export function formatTime(ns: bigint): string {
  let seconds = ns / nanosPerSecond
  let nanos = ns % nanosPerSecond
  if (nanos < 0n) {
    seconds -= 1n
    nanos += nanosPerSecond
  }
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, -'.000Z'.length)
  const fraction = nanos.toString().padStart(9, '0').replace(/0+$/, '')
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`
}

/** As `formatTime`, always with nine digits: timestamps in front of log lines. */
export function formatTimeFixed(ns: bigint): string {
  const text = formatTime(ns).slice(0, -1)
  const [whole, fraction = ''] = text.split('.')
  return `${whole}.${fraction.padEnd(9, '0')}Z`
}

/**
 * RFC 3339, any offset, up to nine digits of fraction, to nanoseconds since 1970; undefined for
 * other text and for Go's zero time.
 */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (!match || text === zeroTime) return undefined
  const [, whole, fraction = '', zone] = match
  const milliseconds = Date.parse(`${whole}${zone}`)
  if (Number.isNaN(milliseconds)) return undefined
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}

/**
 * `since=` and `until=`: unix seconds with an optional fraction; undefined when empty. Throws the
 * words of moby's timestamp parser without its prefix.
 */
export function parseUnixTime(text: string): bigint | undefined {
  if (text === '') return undefined
  const fail = (why: string): never => {
    throw new InvalidRequest(`invalid timestamp ${JSON.stringify(text)}: ${why}`)
  }
  const dot = text.indexOf('.')
  const seconds = dot < 0 ? text : text.slice(0, dot)
  const fraction = dot < 0 ? '' : text.slice(dot + 1)
  if (!/^[+-]?\d+$/.test(seconds)) {
    return fail(`invalid seconds ${JSON.stringify(seconds)}: invalid syntax`)
  }
  const whole = BigInt(seconds.replace(/^\+/, ''))
  if (BigInt.asIntN(64, whole) !== whole) {
    return fail(`invalid seconds ${JSON.stringify(seconds)}: value out of range`)
  }
  if (fraction.length > 20) {
    return fail(`invalid nanoseconds: length ${fraction.length} exceeds maximum 20`)
  }
  const bad = fraction.search(/\D/)
  if (bad >= 0) {
    return fail(`invalid nanoseconds: invalid character '${fraction[bad]}' at position ${bad}`)
  }
  return whole * nanosPerSecond + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
}
