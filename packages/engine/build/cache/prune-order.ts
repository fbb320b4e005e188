/** What goes first, and how much (BuildKit: cache/manager.go). */
import type { CacheEntry } from './records.ts'

export interface Budget {
  /** Bytes; 0 for none. */
  reservedSpace: number
  maxUsedSpace: number
  minFreeSpace: number
}

/** Bytes that may stay; 0: nothing needs to. `free`: on the disk. As BuildKit's `calculateKeepBytes`. */
export function keptBytes(total: number, free: number, o: Budget): number {
  const { reservedSpace, maxUsedSpace, minFreeSpace } = o
  if (reservedSpace === 0 && maxUsedSpace === 0 && minFreeSpace === 0) return 0
  const excess = minFreeSpace - free
  let keep = maxUsedSpace
  if (excess > 0) keep = keep === 0 ? total - excess : Math.min(keep, total - excess)
  else if (minFreeSpace !== 0 && keep === 0) keep = total
  return Math.max(keep, reservedSpace)
}

/**
 * Those of `chosen` that go: nothing goes before what was made of it. With a budget, those that were
 * used long ago and seldom go first, until `total` (of what is not shared) fits.
 */
export function entriesToGo(
  chosen: readonly CacheEntry[],
  all: readonly CacheEntry[],
  { keep, total }: { keep: number; total: number },
): CacheEntry[] {
  const children = new Map<string, number>()
  const count = (image: string | undefined, by: number): void => {
    if (image !== undefined) children.set(image, (children.get(image) ?? 0) + by)
  }
  for (const entry of all) count(entry.parentImageId, 1)
  const isFree = ({ imageId }: CacheEntry): boolean =>
    imageId === undefined || (children.get(imageId) ?? 0) === 0
  const order = keep === 0 ? chosen.toSorted(newestFirst) : byWorth(chosen)
  const places = new Map(order.map((entry, at) => [entry.imageId, at]))
  const going = new Set<CacheEntry>()
  let left = total
  for (let at = 0; at < order.length && (keep === 0 || left > keep);) {
    const entry = order[at]!
    if (going.has(entry) || !isFree(entry)) {
      at++
      continue
    }
    going.add(entry)
    count(entry.parentImageId, -1)
    if (!entry.Shared) left -= entry.Size
    // Its parent may have waited for this.
    const parent = entry.parentImageId === undefined ? at : (places.get(entry.parentImageId) ?? at)
    at = Math.min(at, parent)
  }
  return [...going]
}

function newestFirst(a: CacheEntry, b: CacheEntry): number {
  return a.CreatedAt < b.CreatedAt ? 1 : a.CreatedAt > b.CreatedAt ? -1 : 0
}

/** The least worth first: how late among them it was used, and how often, count the same. */
function byWorth(entries: readonly CacheEntry[]): CacheEntry[] {
  const late = ranks(entries, ({ lastUsed }) => lastUsed)
  const often = ranks(entries, ({ UsageCount }) => UsageCount)
  const worth = (entry: CacheEntry): number => late(entry) + often(entry)
  return entries.toSorted((a, b) => worth(a) - worth(b))
}

/** From above 0 to 1, equal for equal values. */
function ranks(
  entries: readonly CacheEntry[],
  of: (entry: CacheEntry) => number,
): (entry: CacheEntry) => number {
  const values = [...new Set(entries.map(of))].toSorted((a, b) => a - b)
  const places = new Map(values.map((value, at) => [value, (at + 1) / values.length]))
  return (entry) => places.get(of(entry))!
}
