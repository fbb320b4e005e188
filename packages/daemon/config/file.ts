/** daemon.json: moby's keys, moby's rules. Pure: the text comes in, settings go out. */
import { ConfigError, parseBytes, type Flags, type Settings } from './flags.ts'
import { nameOf, options, type Kind, type Option } from './options.ts'

const byKey = new Map(options.filter((o) => o.key !== false).map((o) => [nameOf(o), o]))

/** Kinds and keys whose value is a map of its own; other maps are groups of options. */
const deepKinds: ReadonlySet<Kind> = new Set(['map', 'any', 'ulimits'])

/**
 * Reads the file's text. Throws ConfigError for bad JSON, unknown keys, wrong types and keys that
 * `flags` gave, too.
 */
export function parseFile(text: string, flags: Flags): Settings {
  const settings: Settings = new Map()
  const values = flatten(parseObject(text))
  refuseUnknown([...values.keys()])
  refuseConflicts(values, flags)
  for (const [key, value] of values) {
    const option = byKey.get(key)
    if (option && value !== null) settings.set(key, check(option, value))
  }
  return settings
}

function parseObject(text: string): Record<string, unknown> {
  const trimmed = text.replace(/^\uFEFF/, '').trim()
  if (trimmed === '') return {}
  let value: unknown
  try {
    value = JSON.parse(trimmed)
  } catch (error) {
    throw new ConfigError(`invalid JSON: ${(error as Error).message}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new ConfigError('invalid JSON: an object was expected')
}

function flatten(file: Record<string, unknown>): Map<string, unknown> {
  const flat = new Map<string, unknown>()
  for (const [key, value] of Object.entries(file)) {
    const option = byKey.get(key)
    const group = isMap(value) && !(option && deepKinds.has(option.kind))
    if (group) for (const [inner, v] of Object.entries(value)) flat.set(inner, v)
    else flat.set(key, value)
  }
  return flat
}

function refuseUnknown(keys: readonly string[]): void {
  const unknown = keys.filter((key) => !byKey.has(key))
  if (unknown.length === 0) return
  throw new ConfigError(
    `the following directives don't match any configuration option: ${unknown.join(', ')}`,
  )
}

/** One place for each setting; which of two should win is not for us to guess. */
function refuseConflicts(values: ReadonlyMap<string, unknown>, flags: Flags): void {
  const conflicts = [...flags.given]
    .filter((name) => values.has(name) && name !== 'runtimes')
    .map((name) => {
      const [flag, file] = [show(flags.settings.get(name)), show(values.get(name))]
      return `${name}: (from flag: ${masked(name, flag)}, from file: ${masked(name, file)})`
    })
  if (conflicts.length === 0) return
  throw new ConfigError(
    `the following directives are specified both as a flag and in the configuration file: ${conflicts.join(', ')}`,
  )
}

/** As Go prints values: lists in brackets without commas. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`
  if (!isMap(value)) return String(value)
  const entries = Object.entries(value).map(([key, v]) => `${key}:${show(v)}`)
  return `map[${entries.join(' ')}]`
}

/** Proxies may hold a password. */
function masked(name: string, text: string): string {
  return name.endsWith('-proxy') ? text.replace(/\/\/[^@/]*@/, '//xxxxx:xxxxx@') : text
}

function check(option: Option, value: unknown): unknown {
  const key = nameOf(option)
  const bad = (type: string): ConfigError =>
    new ConfigError(
      `invalid JSON: json: cannot unmarshal ${word(value)} into Go struct field Config.${key} of type ${type}`,
    )
  switch (option.kind) {
    case 'string':
      if (typeof value !== 'string') throw bad('string')
      return value
    case 'bool':
      if (typeof value !== 'boolean') throw bad('bool')
      return value
    case 'int':
      if (typeof value !== 'number' || !Number.isInteger(value)) throw bad('int')
      return value
    case 'list':
      if (!isStrings(value)) throw bad('[]string')
      return value
    case 'map':
      if (!isMap(value) || !isStrings(Object.values(value))) throw bad('map[string]string')
      return value
    case 'bytes':
      if (typeof value === 'number') return value
      if (typeof value !== 'string') throw bad('opts.MemBytes')
      return parseBytes(value)
    case 'ulimits':
      if (!isMap(value)) throw bad('map[string]*container.Ulimit')
      return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, ulimit(v, bad)]))
    case 'pools':
      if (!Array.isArray(value)) throw bad('opts.PoolsOpt')
      return value
    case 'any':
      return value
  }
}

/** `{"Name":"nofile","Hard":64000,"Soft":64000}`, keys in any case. */
function ulimit(value: unknown, bad: (type: string) => Error): { soft: number; hard: number } {
  if (!isMap(value)) throw bad('container.Ulimit')
  const fields = new Map(Object.entries(value).map(([key, v]) => [key.toLowerCase(), v]))
  const soft = fields.get('soft') ?? 0
  const hard = fields.get('hard') ?? 0
  if (typeof soft !== 'number' || typeof hard !== 'number') throw bad('int64')
  return { soft, hard }
}

function word(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((v) => typeof v === 'string')
}
