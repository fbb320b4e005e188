import { quote } from '../../flag/scalar.ts'
import { sprintf } from './printf.ts'
import { isNil, isObject, isTrue, nilMap, print, toJson } from './value.ts'
import type { Method, Value } from './value.ts'

/** Functions that Go's text/template has by itself, and those the docker CLI adds. */
export const functions: Readonly<Record<string, Method>> = {
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
  eq: (first, ...others) => others.some((other) => equal(first, other)),
  ne: (a, b) => !equal(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  len: (value) => length(value),
  index: (value, ...keys) => keys.reduce(indexOne, value),
  slice: (value, from = 0, to) => sliceValue(value, from, to),
  print: (...values) => sprint(values),
  println: (...values) => `${values.map(print).join(' ')}\n`,
  printf: (format, ...values) => sprintf(print(format), values),
  html: (...values) => escapeHtml(sprint(values)),
  urlquery: (...values) => encodeURIComponent(sprint(values)).replaceAll('%20', '+'),
  js: (...values) => quote(sprint(values)).slice(1, -1).replaceAll("'", "\\'"),
  call: (method, ...values) => (method as Method)(...values),
  json: (value) => toJson(value),
  split: (text, separator) => splitText(print(text), print(separator)),
  join: (list, separator) => joinValues(list, print(separator)),
  title: (text) =>
    print(text).replace(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (text) => print(text).toLowerCase(),
  upper: (text) => print(text).toUpperCase(),
  pad: (text, before, after) => pad(print(text), Number(before), Number(after)),
  truncate: (text, count) => truncate(print(text), Number(count)),
}

/** Functions in the header row of a table: the ones that change values leave titles alone. */
export const headerFunctions: Readonly<Record<string, Method>> = {
  ...functions,
  json: (value) => value,
  split: (value) => value,
  join: (value) => value,
  title: (value) => value,
  lower: (value) => value,
  upper: (value) => value,
  truncate: (value) => value,
}

function sprint(values: readonly Value[]): string {
  let out = ''
  for (const [i, value] of values.entries()) {
    // Go puts a space only between two operands that are both no strings.
    if (i > 0 && typeof value !== 'string' && typeof values[i - 1] !== 'string') out += ' '
    out += print(value)
  }
  return out
}

function equal(a: Value, b: Value): boolean {
  if (isNumeric(a) && isNumeric(b)) return Number(a) === Number(b)
  if (a === null || b === null || a === undefined || b === undefined)
    return (a ?? null) === (b ?? null)
  if (typeof a !== typeof b) throw new Error('error calling eq: incompatible types for comparison')
  if (typeof a === 'object') throw new Error('error calling eq: non-comparable type')
  return a === b
}

function isNumeric(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function compare(a: Value, b: Value): number {
  if (isNumeric(a) && isNumeric(b)) return a < b ? -1 : a > b ? 1 : 0
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  throw new Error('error calling lt: incompatible types for comparison')
}

function length(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return value.length
  if (isObject(value)) return Object.keys(value).length
  if (isNil(value)) return 0
  throw new Error(
    `error calling len: len of ${value === null || value === undefined ? 'nil pointer' : `type ${typeof value === 'number' ? 'int' : typeof value}`}`,
  )
}

function indexOne(value: Value, key: Value): Value {
  if (value === null || value === undefined)
    throw new Error('error calling index: index of untyped nil')
  if (Array.isArray(value)) return indexArray(value, key)
  if (value === nilMap) return ''
  if (typeof value === 'string') return Buffer.from(value)[Number(key)]
  if (isObject(value)) return Object.hasOwn(value, print(key)) ? value[print(key)] : ''
  throw new Error(`error calling index: can't index item of type ${typeof value}`)
}

function indexArray(list: readonly Value[], key: Value): Value {
  const at = Number(key)
  if (!Number.isInteger(at))
    throw new Error(`error calling index: cannot index slice/array with type string`)
  if (at < 0 || at >= list.length) {
    throw new Error(`error calling index: index out of range: ${at}`)
  }
  return list[at]
}

function sliceValue(value: Value, from: Value, to: Value): Value {
  const end = to === undefined ? undefined : Number(to)
  if (typeof value === 'string') return Buffer.from(value).subarray(Number(from), end).toString()
  if (Array.isArray(value)) return value.slice(Number(from), end)
  throw new Error("error calling slice: can't slice item")
}

function joinValues(list: Value, separator: string): string {
  if (list === null || list === undefined) return ''
  if (isNil(list)) return ''
  if (Array.isArray(list)) return list.map(print).join(separator)
  if (isObject(list)) return Object.values(list).map(print).sort().join(separator)
  throw new Error(`error calling join: expected slice, got ${typeof list}`)
}

function splitText(text: string, separator: string): string[] {
  return separator === '' ? [...text] : text.split(separator)
}

function pad(text: string, before: number, after: number): string {
  return text === '' ? text : ' '.repeat(before) + text + ' '.repeat(after)
}

function truncate(text: string, count: number): string {
  return Buffer.byteLength(text) < count ? text : Buffer.from(text).subarray(0, count).toString()
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&#34;',
    "'": '&#39;',
  }
  return text.replace(/[&<>"']/g, (char) => entities[char] as string)
}
