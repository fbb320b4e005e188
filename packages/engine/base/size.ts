/** Units as go-units reads them: https://pkg.go.dev/github.com/docker/go-units */
const SI: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 }
const BINARY: Readonly<Record<string, number>> = {
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}

/** `10m`, `1.5 GB` in SI units, as the sizes of log files are. Throws a plain Error in Go's words. */
export function fromHumanSize(text: string): number {
  return parse(text, SI)
}

/** The same in powers of 1024, as the sizes of buffers are. */
export function ramInBytes(text: string): number {
  return parse(text, BINARY)
}

function parse(text: string, units: Readonly<Record<string, number>>): number {
  const digits = lastDigit(text)
  if (digits === -1) throw new Error(`invalid size: '${text}'`)
  // One blank may stand between number and unit.
  const number = text.slice(0, digits + 1)
  let suffix = text.slice(digits + 1)
  if (text[digits + 1] === ' ') suffix = suffix.slice(1)
  const value = goFloat(number)
  if (value < 0) throw new Error(`invalid size: '${number}'`)
  const unit = suffix.toLowerCase()
  if (unit === '') return Math.trunc(value)
  const factor = unit[0] === 'b' ? 1 : units[unit[0]!]
  const rest = unit.slice(1)
  const known = unit[0] === 'b' ? rest === '' : rest === '' || rest === 'b' || rest === 'ib'
  if (factor === undefined || !known) throw new Error(`invalid suffix: '${suffix}'`)
  return Math.trunc(value * factor)
}

function lastDigit(text: string): number {
  for (let at = text.length - 1; at >= 0; at--) if ('0123456789. '.includes(text[at]!)) return at
  return -1
}

function goFloat(text: string): number {
  const trimmed = text.endsWith(' ') ? text.slice(0, -1) : text
  if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(trimmed)) return Number(trimmed)
  throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(trimmed)}: invalid syntax`)
}

/** Go's strconv.Atoi; throws its words. */
export function goInteger(text: string): number {
  if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  const why = /^[+-]?\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
  throw new Error(`strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`)
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

/** Go's strconv.ParseBool; throws its words. */
export function goBoolean(text: string): boolean {
  if (TRUE.has(text)) return true
  if (FALSE.has(text)) return false
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}
