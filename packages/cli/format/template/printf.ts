import { isObject, print, quoteValue } from './value.ts'
import type { Value } from './value.ts'

const verb = /%([-+# 0]*)(\d+|\*)?(?:\.(\d+|\*))?([a-zA-Z%])/g

/** Go's fmt.Sprintf for the verbs that make sense here: v s q d t x X o b c e f g T U. */
export function sprintf(format: string, values: readonly Value[]): string {
  let next = 0
  const take = (): Value => values[next++]
  const text = format.replace(
    verb,
    (
      _,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      letter: string,
    ) => {
      if (letter === '%') return '%'
      const measures = {
        width: width === '*' ? Number(take()) : Number(width ?? 0),
        precision:
          precision === '*'
            ? Number(take())
            : precision === undefined
              ? undefined
              : Number(precision),
      }
      if (next >= values.length) return `%!${letter}(MISSING)`
      return fit(formatOne(letter, take(), flags, measures.precision), flags, measures.width)
    },
  )
  if (next >= values.length) return text
  const extra = values.slice(next).map((value) => `${typeName(value)}=${print(value)}`)
  return `${text}%!(EXTRA ${extra.join(', ')})`
}

function fit(text: string, flags: string, width: number): string {
  if (flags.includes('-')) return text.padEnd(width)
  if (flags.includes('0') && /^[+-]?\d/.test(text)) {
    const sign = /^[+-]/.exec(text)?.[0] ?? ''
    return sign + text.slice(sign.length).padStart(width - sign.length, '0')
  }
  return text.padStart(width)
}

function formatOne(letter: string, value: Value, flags: string, precision?: number): string {
  const bad = `%!${letter}(${typeName(value)}=${print(value)})`
  switch (letter) {
    case 'v':
      return flags.includes('+') || flags.includes('#') ? printPlus(value) : print(value ?? null)
    case 's':
      return cutText(textOf(value, letter), precision)
    case 'q':
      return typeof value === 'number' ? `'${String.fromCodePoint(value)}'` : quoteEach(value)
    case 't':
      return typeof value === 'boolean' ? String(value) : bad
    case 'T':
      return typeName(value)
    default:
      return formatNumber(letter, value, flags, precision) ?? bad
  }
}

function formatNumber(
  letter: string,
  value: Value,
  flags: string,
  precision?: number,
): string | undefined {
  if (typeof value === 'string' && (letter === 'x' || letter === 'X')) {
    const hex = Buffer.from(value).toString('hex')
    return letter === 'X' ? hex.toUpperCase() : hex
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined
  const sign = flags.includes('+') && value >= 0 ? '+' : ''
  if ('dxXobcU'.includes(letter))
    return Number.isInteger(Number(value)) ? sign + formatInteger(letter, value, flags) : undefined
  return 'fFeg'.includes(letter) ? sign + formatFloat(letter, Number(value), precision) : undefined
}

function formatInteger(letter: string, value: number | bigint, flags: string): string {
  const alternate = flags.includes('#')
  switch (letter) {
    case 'x':
      return (alternate ? '0x' : '') + value.toString(16)
    case 'X':
      return (alternate ? '0X' : '') + value.toString(16).toUpperCase()
    case 'o':
      return (alternate ? '0' : '') + value.toString(8)
    case 'b':
      return value.toString(2)
    case 'c':
      return String.fromCodePoint(Number(value))
    case 'U':
      return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`
    default:
      return BigInt(value).toString()
  }
}

function formatFloat(letter: string, value: number, precision?: number): string {
  if (letter === 'f' || letter === 'F') return value.toFixed(precision ?? 6)
  if (letter === 'e') return value.toExponential(precision ?? 6).replace(/e([+-])(\d)$/, 'e$10$2')
  return precision === undefined ? String(value) : String(Number(value.toPrecision(precision || 1)))
}

function quoteEach(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(quoteEach).join(' ')}]`
  return quoteValue(value)
}

function textOf(value: Value, letter: string): string {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return `%!${letter}(${typeName(value)}=${print(value)})`
  }
  return value === null || value === undefined ? `%!${letter}(<nil>)` : print(value)
}

function cutText(text: string, precision?: number): string {
  return precision === undefined ? text : [...text].slice(0, precision).join('')
}

function printPlus(value: Value): string {
  return print(value ?? null)
}

function typeName(value: Value): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'boolean') return 'bool'
  if (Array.isArray(value)) return '[]interface {}'
  if (isObject(value)) return 'map[string]interface {}'
  return 'string'
}
