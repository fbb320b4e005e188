import { quote } from '../../flag/scalar.ts'

/**
 * Values of templates are plain JavaScript: objects stand for Go's maps and structs, arrays for
 * slices, functions in fields for methods. `undefined` is Go's "no value", `null` its nil.
 */
export type Value = unknown

export type Method = (...args: Value[]) => Value

export function isObject(value: Value): value is Record<string, Value> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isNil(value)
}

/** Go's nil slice and nil map: empty in every respect, but `null` in JSON. */
class TypedNil {
  readonly shown: string

  constructor(shown: string) {
    this.shown = shown
  }
}

export const nilList: Value = new TypedNil('[]')
export const nilMap: Value = new TypedNil('map[]')

export function isNil(value: Value): value is TypedNil {
  return value instanceof TypedNil
}

/** Go's rule for `if`, `and`, `or`, `not`: empty things are false. */
export function isTrue(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (isNil(value)) return false
  if (isObject(value)) return isStruct(value) || Object.keys(value).length > 0
  return Boolean(value)
}

const structs = new WeakSet<object>()

/** Marks an object as a struct: it is true even when empty, unknown fields of it are errors. */
export function asStruct<T extends object>(value: T): T {
  structs.add(value)
  return value
}

export function isStruct(value: object): boolean {
  return structs.has(value)
}

/** Go's `%v`. */
export function print(value: Value): string {
  if (value === undefined) return '<no value>'
  return printInner(value)
}

function printInner(value: Value): string {
  if (value === null || value === undefined) return '<nil>'
  if (isNil(value)) return value.shown
  if (typeof value === 'number') return printNumber(value)
  if (Array.isArray(value)) return `[${value.map(printInner).join(' ')}]`
  if (isObject(value)) {
    const keys = Object.keys(value)
    if (isStruct(value)) return `{${keys.map((key) => printInner(value[key])).join(' ')}}`
    return `map[${keys
      .sort()
      .map((key) => `${key}:${printInner(value[key])}`)
      .join(' ')}]`
  }
  return String(value as string | boolean | bigint)
}

function printNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return BigInt(value).toString()
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}

/** Go's encoding/json without HTML escapes, keys of maps in order. */
export function toJson(value: Value): string {
  if (value === undefined || value === null || isNil(value)) return 'null'
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`
  if (!isObject(value)) return jsonText(value)
  const methods = Object.values(value).some((field) => typeof field === 'function')
  const entries = Object.entries(value)
    .map(([key, field]): [string, Value] => [key, methodResult(field)])
    .filter(([, field]) => field !== undefined)
  // Rows of tables print their fields in order of name; data as it came.
  if (methods) entries.sort(([a], [b]) => (a < b ? -1 : 1))
  const text = `{${entries.map(([key, field]) => `${jsonText(key)}:${toJson(field)}`).join(',')}}`
  return methods ? text.replace(/[<>&]/g, escapeAngle) : text
}

/** Rows are written by Go's default encoder, which keeps HTML in mind. */
function escapeAngle(char: string): string {
  return `\\u00${char.charCodeAt(0).toString(16)}`
}

function methodResult(field: Value): Value {
  if (typeof field !== 'function') return field
  return field.length === 0 ? (field as Method)() : undefined
}

function jsonText(value: Value): string {
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (char) =>
    char === '\u2028' ? '\\u2028' : '\\u2029',
  )
}

/** Go's `%q` and friends take text; everything else is printed first. */
export function quoteValue(value: Value): string {
  return quote(print(value))
}
