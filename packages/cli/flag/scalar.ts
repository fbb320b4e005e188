/** Scalar values as Go's strconv, time and units packages read them: the sentences are theirs. */

/** Go's %q for ordinary text. */
export function quote(text: string): string {
  let out = '"'
  for (const char of text) out += quoteChar(char)
  return `${out}"`
}

const escapes: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
}

function quoteChar(char: string): string {
  const known = escapes[char]
  if (known) return known
  const code = char.codePointAt(0) as number
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) return char
  const hex = code.toString(16)
  return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`
}

const truths = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const falsehoods = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

export function parseBool(text: string): boolean {
  if (truths.has(text)) return true
  if (falsehoods.has(text)) return false
  throw new Error(`strconv.ParseBool: parsing ${quote(text)}: invalid syntax`)
}

/** Whole number in Go's base-0 notation (`0x1f`, `0b1`, `0o17`, `017`, `1_000`), `bits` wide. */
export function parseInteger(text: string, bits: number, func: 'ParseInt' | 'ParseUint'): number {
  const fail = (reason: string): Error =>
    new Error(`strconv.${func}: parsing ${quote(text)}: ${reason}`)
  const sign = func === 'ParseInt' ? /^[+-]?/.exec(text)![0] : ''
  const magnitude = parseMagnitude(text.slice(sign.length))
  if (magnitude === undefined) throw fail('invalid syntax')
  const value = sign === '-' ? -magnitude : magnitude
  const [low, high] =
    func === 'ParseInt'
      ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
      : [0n, (1n << BigInt(bits)) - 1n]
  if (value < low || value > high) throw fail('value out of range')
  return Number(value)
}

function parseMagnitude(text: string): bigint | undefined {
  const plain = text.replace(/(?<=[0-9a-fA-FxXoObB])_(?=[0-9a-fA-F])/g, '')
  if (/^(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+)$/.test(plain)) return BigInt(plain.toLowerCase())
  if (/^0[0-7]+$/.test(plain)) return BigInt(`0o${plain.slice(1)}`)
  if (/^(0|[1-9][0-9]*)$/.test(plain)) return BigInt(plain)
  return undefined
}

export const parseInt64 = (text: string): number => parseInteger(text, 64, 'ParseInt')
export const parseUint64 = (text: string): number => parseInteger(text, 64, 'ParseUint')
export const parseUint16 = (text: string): number => parseInteger(text, 16, 'ParseUint')

/** Plain decimal number (Go's Atoi); undefined where it is not one. */
export function parseDecimal(text: string): number | undefined {
  return /^[+-]?[0-9]+$/.test(text) ? Number(text) : undefined
}

const powers: Record<string, number> = { k: 1, m: 2, g: 3, t: 4, p: 5 }

/** Bytes with a binary suffix: `512m`, `1.5g`, `64kb`, `10MiB`, `100`. (go-units RAMInBytes) */
export function parseBytes(text: string): number {
  const end = Math.max(...[...'0123456789. '].map((char) => text.lastIndexOf(char)))
  if (end < 0) throw new Error(`invalid size: '${text}'`)
  const number = text[end] === ' ' ? text.slice(0, end) : text.slice(0, end + 1)
  const suffix = text.slice(end + 1).toLowerCase()
  if (!/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(number)) {
    throw new Error(`strconv.ParseFloat: parsing ${quote(number)}: invalid syntax`)
  }
  const value = Number(number)
  if (value < 0) throw new Error(`invalid size: '${text}'`)
  if (suffix === '' || suffix === 'b') return Math.trunc(value)
  const power = powers[suffix[0] as string]
  if (power === undefined || !['', 'b', 'ib'].includes(suffix.slice(1))) {
    throw new Error(`invalid suffix: '${suffix}'`)
  }
  return Math.trunc(value * 1024 ** power)
}

/** As parseBytes, and -1 for "no limit". */
export function parseSwapBytes(text: string): number {
  return text === '-1' ? -1 : parseBytes(text)
}

const durationUnits: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
}

/** Go's time.ParseDuration: `1h30m`, `-1.5s`, `300ms`; the result is in nanoseconds. */
export function parseDuration(text: string): number {
  const fail = (reason: string): Error => new Error(`time: ${reason}`)
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  let rest = text.slice(sign.length)
  if (rest === '0') return 0
  if (rest === '') throw fail(`invalid duration ${quote(text)}`)
  let total = 0
  while (rest !== '') {
    const match = /^([0-9]*)(\.[0-9]*)?([^0-9.]*)/.exec(rest)!
    const [whole, digits, fraction, unit] = match
    if ((digits ?? '') === '' && (fraction ?? '.') === '.') {
      throw fail(`invalid duration ${quote(text)}`)
    }
    if (!unit) throw fail(`missing unit in duration ${quote(text)}`)
    const scale = durationUnits[unit]
    if (scale === undefined) throw fail(`unknown unit ${quote(unit)} in duration ${quote(text)}`)
    total += Number(`${digits || '0'}${fraction === '.' ? '' : (fraction ?? '')}`) * scale
    rest = rest.slice(whole.length)
  }
  return Math.trunc(sign === '-' ? -total : total)
}

/** Number of CPUs as decimal or fraction, in units of 10⁻⁹ CPU. */
export function parseCpus(text: string): number {
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:\/([0-9]+))?$/.exec(text)
  const digits = `${match?.[2] ?? ''}${match?.[3] ?? ''}`
  if (!match || digits === '' || (match[4] !== undefined && match[3] !== undefined)) {
    throw new Error(`failed to parse ${text} as a rational number`)
  }
  const denominator = BigInt(match[4] ?? '1') * 10n ** BigInt(match[3]?.length ?? 0)
  if (denominator === 0n) throw new Error(`failed to parse ${text} as a rational number`)
  const scaled = BigInt(digits) * 1_000_000_000n
  if (scaled % denominator !== 0n) throw new Error('value is too precise')
  const nano = Number(scaled / denominator)
  return match[1] === '-' ? -nano : nano
}
