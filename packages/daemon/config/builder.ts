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

/** How much of the history of builds is kept; 0: as much as without being told. Throws ConfigError. */
export function historyLimits(builder: unknown): EngineConfig['buildHistory'] {
  const history = field(objectOf(builder ?? {}, 'builder'), 'history')
  if (history === undefined || history === null) return undefined
  const settings = objectOf(history, 'builder.history')
  const entries = field(settings, 'maxEntries') ?? 0
  if (!Number.isSafeInteger(entries)) throw wrong('builder.history.maxEntries', 'int64')
  const maxEntries = Math.max(0, entries as number)
  return { maxEntries, maxAgeMs: durationOf(field(settings, 'maxAge')) }
}

/** A Go duration, or seconds. */
function durationOf(given: unknown): number {
  if (given === undefined || given === null || given === '') return 0
  const text = String(given)
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new ConfigError(`invalid duration ${text}`)
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0)
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** Sentences about what is not served. */
export function builderWarnings(builder: unknown): string[] {
  const entitlements = field(objectOf(builder ?? {}, 'builder'), 'entitlements')
  if (entitlements === undefined || entitlements === null) return []
  return ['the option builder.entitlements is known but has no effect in tdocker yet']
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
