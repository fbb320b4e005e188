/** `builder` of daemon.json: what is collected of the build cache (moby: daemon/config/builder.go). */
import { ramInBytes } from '@tdocker/engine/base/size.ts'
import type { CacheCollection, EngineConfig } from '@tdocker/engine/config.ts'
import { ConfigError } from './flags.ts'

type CacheRule = Extract<CacheCollection, readonly unknown[]>[number]
type Fields = Readonly<Record<string, unknown>>
type Filters = Map<string, string[]>

/**
 * Off (undefined) where nothing is said of it; with a `gc`, on unless its `enabled` is false. Throws
 * ConfigError.
 */
export function cacheCollection(builder: unknown): EngineConfig['cacheCollection'] {
  const gc = field(objectOf(builder ?? {}, 'builder'), 'gc')
  if (gc === undefined || gc === null) return undefined
  const settings = objectOf(gc, 'builder.gc')
  const enabled = field(settings, 'enabled')
  if (enabled !== undefined && typeof enabled !== 'boolean')
    throw wrong('builder.gc.enabled', 'bool')
  if (enabled === false) return undefined
  const policy = field(settings, 'policy')
  if (policy === undefined || policy === null)
    return {
      reservedSpace:
        bytes(settings, 'defaultReservedSpace') || bytes(settings, 'defaultKeepStorage'),
      maxUsedSpace: bytes(settings, 'defaultMaxUsedSpace'),
      minFreeSpace: bytes(settings, 'defaultMinFreeSpace'),
    }
  if (!Array.isArray(policy)) throw wrong('builder.gc.policy', '[]config.BuilderGCRule')
  return policy.map((rule) => ruleOf(objectOf(rule, 'builder.gc.policy')))
}

function ruleOf(rule: Fields): CacheRule {
  const all = field(rule, 'all') ?? false
  if (typeof all !== 'boolean') throw wrong('builder.gc.policy.all', 'bool')
  return {
    all,
    filters: filtersOf(field(rule, 'filter')),
    reservedSpace: bytes(rule, 'reservedSpace') || bytes(rule, 'keepStorage'),
    maxUsedSpace: bytes(rule, 'maxUsedSpace'),
    minFreeSpace: bytes(rule, 'minFreeSpace'),
  }
}

/** `["key=value"]`, or as once by mistake the form of the API: `{"key": {"value": true}}`. */
function filtersOf(given: unknown): Filters {
  const filters: Filters = new Map()
  const add = (key: string, value: string): void =>
    void filters.set(key, [...(filters.get(key) ?? []), value])
  if (Array.isArray(given))
    for (const each of given) {
      if (typeof each !== 'string') throw wrong('builder.gc.policy.filter', 'string')
      const [, key = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(each) ?? []
      add(key.trim().toLowerCase(), value.trim())
    }
  else if (given !== undefined && given !== null)
    for (const [key, values] of Object.entries(objectOf(given, 'builder.gc.policy.filter')))
      for (const value of Object.keys(objectOf(values, 'builder.gc.policy.filter'))) add(key, value)
  return filters
}

function bytes(fields: Fields, key: string): number {
  const given = field(fields, key)
  if (given === undefined || given === null || given === '') return 0
  if (typeof given !== 'string') throw wrong(`builder.gc.${key}`, 'string')
  try {
    return ramInBytes(given)
  } catch (error) {
    throw new ConfigError(`failed to parse ${key}: ${(error as Error).message}`)
  }
}

/** As Go finds it: without regard to case. */
function field(fields: Fields, key: string): unknown {
  const found = Object.keys(fields).find((each) => each.toLowerCase() === key.toLowerCase())
  return found === undefined ? undefined : fields[found]
}

function objectOf(value: unknown, key: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(key, 'object')
  return value as Fields
}

function wrong(key: string, type: string): ConfigError {
  return new ConfigError(`json: cannot unmarshal the value of ${key} into Go value of type ${type}`)
}
