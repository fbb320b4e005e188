/** What is collected by itself where it is switched on (moby: builder-next/worker/gc.go). */
import { statfsSync } from 'node:fs'
import type { CacheCollection, CachePruneOptions } from '../build-backend.ts'
import type { Budget } from './prune-order.ts'

const HOUR = 3_600_000

/** One after the other; none: nothing is collected. */
export function cachePolicies(
  wanted: CacheCollection | undefined,
  dataRoot: string,
): readonly CachePruneOptions[] {
  if (wanted === undefined) return []
  return 'reservedSpace' in wanted ? defaultPolicies(dataRoot, wanted) : wanted
}

/** As moby's `DefaultGCPolicy`. */
function defaultPolicies(dataRoot: string, given: Budget): CachePruneOptions[] {
  const space = Object.values(given).some((size) => size > 0) ? given : sharesOfDisk(dataRoot)
  // What is easily made again may take this share of what is reserved, at least 512 MB.
  const share = (Math.E * Math.PI * ((1 + Math.sqrt(5)) / 2)) / 100
  const temporary = Math.max(512e6, Math.round(space.reservedSpace * share))
  const none = { reservedSpace: 0, maxUsedSpace: 0, minFreeSpace: 0 }
  const unused = (ms: number): [string, string[]] => ['until', [`${ms / HOUR}h`]]
  const types = ['source.local', 'exec.cachemount', 'source.git.checkout']
  return [
    {
      ...none,
      all: false,
      maxUsedSpace: temporary,
      filters: new Map([['type', types], unused(48 * HOUR)]),
    },
    { ...space, all: false, filters: new Map([unused(60 * 24 * HOUR)]) },
    { ...space, all: false, filters: new Map() },
    { ...space, all: true, filters: new Map() },
  ]
}

function sharesOfDisk(dataRoot: string): Budget {
  try {
    const { blocks, bsize } = statfsSync(dataRoot)
    const percent = (share: number): number =>
      (Math.floor((blocks * bsize * share) / 100 / 2 ** 30) + 1) * 1e9
    return { reservedSpace: percent(10), maxUsedSpace: percent(80), minFreeSpace: percent(20) }
  } catch {
    return { reservedSpace: 2e9, maxUsedSpace: 0, minFreeSpace: 0 }
  }
}
