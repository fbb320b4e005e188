/**
 * `filters=` of lists, prunes and events, in both of its JSON forms:
 * `{"label":{"a=b":true}}` and, older, `{"label":["a=b"]}`.
 */
import { InvalidRequest } from './invalid.ts'

/** Key → values, in the order they were given. */
export type FilterMap = ReadonlyMap<string, readonly string[]>

/** The keys that each operation accepts. */
export const filterKeys = {
  ContainerList:
    'ancestor before exited expose health id isolation is-task label name network publish since status volume',
  ContainerPrune: 'label label! until',
  ImageList: 'before dangling label label! reference since until',
  ImagePrune: 'dangling label label! until unused-for',
  ImageSearch: 'is-automated is-official stars',
  NetworkList: 'dangling driver id label name scope type',
  NetworkPrune: 'label label! until',
  VolumeList: 'dangling driver label name',
  VolumePrune: 'all label label!',
  BuildPrune: 'description id inuse label label! parent private shared type until unused-for',
  PluginList: 'capability enabled',
  NodeList: 'id label membership name node.label role',
  ServiceList: 'id label mode name runtime',
  TaskList: '_up-to-date desired-state id label name node runtime service',
  SecretList: 'id label name names',
  ConfigList: 'id label name',
  /** Unknown keys of events are ignored by moby, as they match nothing it looks at. */
  SystemEvents: undefined,
} as const

export type FilteredOperation = keyof typeof filterKeys

/** Throws `invalid filter` for text that is neither form, `invalid filter 'x'` for a key unknown. */
export function parseFilters(text: string, operation: FilteredOperation): FilterMap {
  const filters = parse(text)
  const accepted = filterKeys[operation]?.split(' ')
  for (const key of filters.keys()) {
    if (accepted && !accepted.includes(key)) throw new InvalidRequest(`invalid filter '${key}'`)
  }
  return filters
}

/** The newer form, as clients send it. */
export function encodeFilters(filters: FilterMap): string {
  return JSON.stringify(
    Object.fromEntries(
      [...filters].map(([key, values]) => [key, Object.fromEntries(values.map((v) => [v, true]))]),
    ),
  )
}

/**
 * A boolean filter (`dangling`, `is-task`): 0, 1, true, false, given once.
 * Throws `invalid filter 'dangling=[x]'`.
 */
export function filterBoolean(filters: FilterMap, key: string, absent: boolean): boolean {
  const values = filters.get(key)
  if (values === undefined) return absent
  const isFalse = values.includes('0') || values.includes('false')
  const isTrue = values.includes('1') || values.includes('true')
  if (isFalse !== isTrue) return isTrue
  const told = values.length === 0 ? '' : `=[${values.join(' ')}]`
  throw new InvalidRequest(`invalid filter '${key}${told}'`)
}

function parse(text: string): Map<string, readonly string[]> {
  const filters = new Map<string, readonly string[]>()
  if (text === '') return filters
  const value = parseJson(text)
  if (value === null) return filters
  if (!isObject(value)) throw new InvalidRequest('invalid filter')
  const entries = Object.entries(value)
  const legacy = entries.some(([, values]) => Array.isArray(values))
  for (const [key, values] of entries) {
    filters.set(key, legacy ? fromList(values) : fromSet(values))
  }
  return filters
}

function fromSet(values: unknown): string[] {
  if (values === null) return []
  if (!isObject(values)) throw new InvalidRequest('invalid filter')
  const members = Object.entries(values)
  if (members.some(([, on]) => typeof on !== 'boolean' && on !== null)) {
    throw new InvalidRequest('invalid filter')
  }
  // A member that is false still counts: moby looks at keys in most places.
  return members.map(([member]) => member)
}

function fromList(values: unknown): string[] {
  if (values === null) return []
  if (!Array.isArray(values) || values.some((v) => typeof v !== 'string' && v !== null)) {
    throw new InvalidRequest('invalid filter')
  }
  return [...new Set(values.map((v: string | null) => v ?? ''))]
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidRequest('invalid filter')
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
