/** Which entries a prune is about (moby: daemon/internal/builder-next, `toBuildkitPruneInfo`). */
import { invalidParameter } from '../../base/errors.ts'
import { parseMoment } from '../../image/moment.ts'
import type { CacheEntry } from './records.ts'

export type Filters = ReadonlyMap<string, readonly string[]>

/** As clients may give them. Throws invalidParameter in moby's words. */
export function checkFilters(filters: Filters): void {
  for (const key of ['until', 'unused-for', ...FIELDS.keys()])
    if ((filters.get(key)?.length ?? 0) > 1) throw invalidParameter('filters expect only one value')
}

/** With several values of a key, one must fit. Throws invalidParameter in moby's words. */
export function entryFilter(filters: Filters, now: number): (entry: CacheEntry) => boolean {
  const limit = usedBefore(filters, now)
  const asked = [...FIELDS].flatMap(([key, holds]) => {
    const values = filters.get(key)
    return values === undefined ? [] : [{ values: values.length === 0 ? [''] : values, holds }]
  })
  return (entry) =>
    (limit === undefined || entry.lastUsed <= limit) &&
    asked.every(({ values, holds }) => values.some((value) => holds(entry, value)))
}

function usedBefore(filters: Filters, now: number): number | undefined {
  const { until = [], 'unused-for': unusedFor = [] } = Object.fromEntries(filters)
  if (until.length > 0 && unusedFor.length > 0)
    throw invalidParameter('conflicting filters: "until" and "unused-for"')
  const [value] = [...until, ...unusedFor]
  if (value === undefined) return undefined
  try {
    return parseMoment(value, now)
  } catch (error) {
    const key = until.length > 0 ? 'until' : 'unused-for'
    throw invalidParameter(
      `"${key}" filter expects a duration (e.g., '24h') or a timestamp: ${(error as Error).message}`,
      error,
    )
  }
}

/** `label` is accepted and means nothing, as in moby. */
const FIELDS: ReadonlyMap<string, (entry: CacheEntry, value: string) => boolean> = new Map([
  ['id', ({ ID }, value) => ID.includes(value)],
  ['parent', ({ Parents = [] }, value) => Parents.some((parent) => parent.startsWith(value))],
  ['type', ({ Type }, value) => Type === value],
  ['description', ({ Description }, value) => Description === value],
  ['inuse', ({ InUse }, value) => InUse === isTrue(value)],
  ['shared', ({ Shared }, value) => Shared === isTrue(value)],
  ['private', ({ Shared }, value) => Shared !== isTrue(value)],
] as const)

/** A key alone asks for it. */
function isTrue(value: string): boolean {
  return value === '' || value === '1' || value === 'true'
}
