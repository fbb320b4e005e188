/** Booleans, integers and durations as Go reads them; the sentences are Go's or BuildKit's. */
import { quote } from './go-text.ts'

const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

/** undefined for what is no boolean. */
export function findBool(text: string): boolean | undefined {
  if (TRUE.has(text)) return true
  return FALSE.has(text) ? false : undefined
}

/** Throws BuildKit's words about the value of `key`. */
export function parseBool(text: string, key: string): boolean {
  const value = findBool(text)
  if (value === undefined) throw new Error(`invalid value for ${key}: ${text}`)
  return value
}

/** Go's strconv.ParseUint with 32 bits, without a prefix of the base; undefined for other text. */
export function findUint32(text: string, base: 8 | 10): number | undefined {
  const digits = base === 8 ? /^[0-7]+$/ : /^[0-9]+$/
  if (text.length > 64 || !digits.test(text)) return undefined
  const value = parseInt(text, base)
  return value <= 0xffff_ffff ? value : undefined
}

/** Go's strconv.ParseInt(text, 10, 32). */
export function parseInt32(text: string): number {
  const fail = (why: string): Error => new Error(`strconv.ParseInt: parsing ${quote(text)}: ${why}`)
  if (!/^[+-]?[0-9]+$/.test(text)) throw fail('invalid syntax')
  const value = Number(text)
  if (value > 0x7fff_ffff || value < -0x8000_0000) throw fail('value out of range')
  return value
}

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const MAX = 2n ** 63n

/** Go's time.ParseDuration: `1h30m`, `-1.5s`, `300ms`, in nanoseconds. */
export function parseDuration(text: string): number {
  const fail = (why: string): Error => new Error(`time: ${why}duration ${quote(text)}`)
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  let rest = text.slice(sign.length)
  if (rest === '0') return 0
  if (rest === '') throw fail('invalid ')
  let total = 0n
  while (rest !== '') {
    const [match, whole = '', fraction = '', unit = ''] = /^([0-9]*)(\.[0-9]*)?([^0-9.]*)/.exec(
      rest,
    )!
    if (whole === '' && fraction.length < 2) throw fail('invalid ')
    if (unit === '') throw fail('missing unit in ')
    const scale = Object.hasOwn(UNITS, unit) ? UNITS[unit]! : undefined
    if (scale === undefined) throw fail(`unknown unit ${quote(unit)} in `)
    if (whole.length > 20) throw fail('invalid ')
    // More digits than these are below a nanosecond of any unit.
    const digits = fraction.slice(1, 19)
    total += BigInt(whole || '0') * scale
    if (digits !== '') total += (BigInt(digits) * scale) / 10n ** BigInt(digits.length)
    if (total > MAX || (total === MAX && sign !== '-')) throw fail('invalid ')
    rest = rest.slice(match.length)
  }
  return Number(sign === '-' ? -total : total)
}
