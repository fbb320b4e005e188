/**
 * Request bodies as Go's `encoding/json` would fill its structs from them, driven by the request
 * schemas of `api`: keys match without regard to case at every depth, null is "not given", unknown
 * keys are ignored, numbers are checked against Go's integer ranges. What comes out fits the
 * schema, so routes and engine never look at raw input. A policy that reads a body must see the
 * same keys as the one who acts on it: nothing else in the daemon may parse bodies.
 */
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import type { Static, TSchema } from 'typebox'
import { parseGoJson } from './go-json.ts'
import { textParsers } from './go-text.ts'

/** Throws InvalidRequest with `invalid JSON: …`. Undefined for a body that is `null`. */
export function decodeBody<S extends TSchema>(schema: S, text: string): Static<S> | undefined {
  const value = parseGoJson(text)
  if (value === null) return undefined
  return decode(schema as Schema, value, undefined, { path: [], struct: undefined }) as Static<S>
}

/** What is used of JSON Schema, and our own words (`api/schema/go.ts`). */
interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly go?: string
  readonly keys?: string
  readonly embeds?: Readonly<Record<string, readonly string[]>>
}

/** Where in the target we are, for error sentences. */
interface Place {
  readonly path: readonly string[]
  readonly struct: string | undefined
}

function decode(schema: Schema, value: unknown, before: unknown, place: Place): unknown {
  if (schema.properties) return decodeStruct(schema, value, before, place)
  if (schema.patternProperties) return decodeMap(schema, value, before, place)
  if (schema.items) return decodeList(schema, schema.items, value, place)
  switch (schema.type) {
    case 'string': {
      if (typeof value !== 'string') return mismatch(schema, value, place)
      return textParsers.get(schema.go ?? '')?.(value) ?? value
    }
    case 'boolean':
      return typeof value === schema.type ? value : mismatch(schema, value, place)
    case 'integer':
      return decodeInteger(schema, value, place)
    case 'number':
      return typeof value === 'number' ? value : mismatch(schema, value, place)
    default:
      return value
  }
}

function decodeStruct(schema: Schema, value: unknown, before: unknown, place: Place): object {
  if (!isObject(value)) return mismatch(schema, value, place)
  const fields = fieldsOf(schema)
  const struct = (schema.go ?? 'struct').split('.').at(-1)
  // Keys of different case may name one field: Go then fills the same struct twice.
  const target = (before ?? {}) as Record<string, unknown>
  for (const [key, given] of Object.entries(value)) {
    const field = fields.get(key) ?? fields.get(fold(key))
    if (!field || given === null) continue
    const at = { path: [...place.path, ...field.path], struct }
    target[field.name] = decode(field.schema, given, target[field.name], at)
  }
  return target
}

function decodeMap(schema: Schema, value: unknown, before: unknown, place: Place): object {
  if (!isObject(value)) return mismatch(schema, value, place)
  const values = valuesOf(schema)
  // Without a prototype, so that `__proto__` and `constructor` are keys like any other.
  const target = (before ?? Object.create(null)) as Record<string, unknown>
  for (const [key, given] of Object.entries(value)) {
    const name = textParsers.get(schema.keys ?? '')?.(key) ?? key
    target[name] = given === null ? zeroOf(values) : decode(values, given, undefined, place)
  }
  return target
}

function decodeList(schema: Schema, items: Schema, value: unknown, place: Place): unknown[] {
  if (!Array.isArray(value)) return mismatch(schema, value, place)
  return value.map((item: unknown) =>
    item === null ? zeroOf(items) : decode(items, item, undefined, place),
  )
}

function decodeInteger(schema: Schema, value: unknown, place: Place): number {
  if (typeof value !== 'number') return mismatch(schema, value, place)
  const [least, most] = rangeOf[schema.go ?? 'int64'] ?? wide
  if (!Number.isInteger(value) || value < least || value > most) {
    return mismatch(schema, value, place, `number ${value}`)
  }
  // Minus zero is not a number anybody means.
  return value + 0
}

const wide: readonly [number, number] = [-(2 ** 63), 2 ** 63]
const rangeOf: Readonly<Record<string, readonly [number, number]>> = {
  int64: wide,
  int: wide,
  uint64: [0, 2 ** 64],
  uint: [0, 2 ** 64],
  uint32: [0, 2 ** 32 - 1],
  uint16: [0, 2 ** 16 - 1],
}

/** What Go leaves in a list or map for a null. */
function zeroOf(schema: Schema): unknown {
  if (schema.properties) return {}
  if (schema.patternProperties) return Object.create(null)
  if (schema.items) return []
  if (schema.type === 'string') return ''
  if (schema.type === 'boolean') return false
  if (schema.type === 'integer' || schema.type === 'number') return 0
  return null
}

interface Field {
  readonly name: string
  readonly schema: Schema
  /** As error sentences have it: the name, behind that of the embedded struct it comes from. */
  readonly path: readonly string[]
}

const fieldCache = new WeakMap<Schema, Map<string, Field>>()

/** Fields of a struct by exact and by folded name. */
function fieldsOf(schema: Schema): Map<string, Field> {
  const cached = fieldCache.get(schema)
  if (cached) return cached
  const fields = new Map<string, Field>()
  const embedded = Object.entries(schema.embeds ?? {})
  for (const [name, type] of Object.entries(schema.properties ?? {})) {
    const from = embedded.find(([, names]) => names.includes(name))?.[0]
    const field = { name, schema: type, path: from === undefined ? [name] : [from, name] }
    fields.set(name, field)
    if (!fields.has(fold(name))) fields.set(fold(name), field)
  }
  fieldCache.set(schema, fields)
  return fields
}

/** Go folds by Unicode's simple folding: the long s and the Kelvin sign are letters of ASCII, too. */
function fold(key: string): string {
  const folded = key.toUpperCase().toLowerCase()
  return folded.length === key.length ? folded : key
}

function valuesOf(schema: Schema): Schema {
  return Object.values(schema.patternProperties ?? {})[0] ?? {}
}

function mismatch(schema: Schema, value: unknown, place: Place, word = wordOf(value)): never {
  const type = goTypeOf(schema)
  const target =
    place.struct === undefined
      ? `Go value of type ${type}`
      : `Go struct field ${place.struct}.${place.path.join('.')} of type ${type}`
  throw invalid(`cannot unmarshal ${word} into ${target}`)
}

function invalid(sentence: string): InvalidRequest {
  return new InvalidRequest(`invalid JSON: json: ${sentence}`)
}

function wordOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

function goTypeOf(schema: Schema): string {
  if (schema.go) return schema.go
  if (schema.items) return `[]${goTypeOf(schema.items)}`
  if (schema.patternProperties) return `map[string]${goTypeOf(valuesOf(schema))}`
  const names: Readonly<Record<string, string>> = {
    boolean: 'bool',
    integer: 'int64',
    number: 'float64',
    string: 'string',
  }
  return names[schema.type ?? ''] ?? 'interface {}'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
