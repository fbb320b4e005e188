/** What the cache holds, as `system df` tells it, and how it is emptied. */
import { join } from 'node:path'
import type { Native } from '@tdocker/kernel/native.ts'
import type { KeyedLock } from '../../base/keyed-lock.ts'
import { invalidParameter } from '../../base/errors.ts'
import { type Store, sql } from '../../store/store.ts'
import type { BuildCacheRecord, BuildPruneReport } from '@tdocker/api'
import type { CachePruneOptions } from '../build-backend.ts'
import type { StepCache } from './step-cache.ts'

export interface CacheContext {
  store: Store
  native: Pick<Native, 'removeTree' | 'treeSize'>
  cache: StepCache
  /** Of cache mounts. */
  directory: string
  locks: Pick<KeyedLock, 'isHeld' | 'run'>
  /** Removes images that nothing names or builds on; bytes freed. */
  removeImages(ids: readonly string[]): Promise<number>
}

interface Entry extends BuildCacheRecord {
  key: string
  imageId: string | undefined
  lastUsed: number
}

export async function cacheRecords(o: CacheContext): Promise<BuildCacheRecord[]> {
  return (await entries(o)).map(({ key: _key, imageId: _image, lastUsed: _used, ...told }) => told)
}

/** Steps first, then cache mounts. */
async function entries(o: CacheContext): Promise<Entry[]> {
  return [...stepEntries(o), ...(await mountEntries(o))]
}

function stepEntries(o: CacheContext): Entry[] {
  const rows = o.cache.all()
  const byImage = new Map(rows.map((row) => [row.image_id, row.key]))
  const shared = sharedImages(o.store)
  return rows.map((row) => {
    const parent = byImage.get(row.parent_id)
    return {
      ID: shortKey(row.key),
      ...(parent !== undefined && { Parents: [shortKey(parent)] }),
      Type: row.kind,
      Description: row.description,
      InUse: o.cache.isRunning(row.key),
      Shared: shared.has(row.image_id),
      Size: row.size,
      CreatedAt: new Date(row.created_at).toISOString(),
      LastUsedAt: new Date(row.last_used_at).toISOString(),
      UsageCount: row.uses,
      key: row.key,
      imageId: row.image_id,
      lastUsed: row.last_used_at,
    }
  })
}

/** Images with a name, and those they were made of. */
function sharedImages(store: Store): Set<string> {
  const rows = store.all<{ id: string }>(
    `WITH RECURSIVE held(id) AS (
       SELECT image_id FROM image_tag
       UNION SELECT image_id FROM container
       UNION SELECT parent_id FROM image JOIN held ON image.id = held.id WHERE parent_id IS NOT NULL)
     SELECT id FROM held`,
  )
  return new Set(rows.map((row) => row.id))
}

interface MountRow {
  key: string
  id: string
  created_at: number
  last_used_at: number
  uses: number
}

function mountEntries(o: CacheContext): Promise<Entry[]> {
  const rows = o.store.all<MountRow>(
    'SELECT key, id, created_at, last_used_at, uses FROM build_mount ORDER BY last_used_at',
  )
  return Promise.all(
    rows.map(async (row) => {
      const size = await o.native.treeSize(join(o.directory, row.key)).catch(() => ({ bytes: 0 }))
      return {
        ID: shortKey(row.key),
        Type: 'exec.cachemount',
        Description: `cached mount ${row.id}`,
        InUse: o.locks.isHeld(row.key),
        Shared: false,
        Size: size.bytes,
        CreatedAt: new Date(row.created_at).toISOString(),
        LastUsedAt: new Date(row.last_used_at).toISOString(),
        UsageCount: row.uses,
        key: row.key,
        imageId: undefined,
        lastUsed: row.last_used_at,
      }
    }),
  )
}

function shortKey(key: string): string {
  return key.slice(0, 25)
}

/**
 * `POST /build/prune`. Without `all`, what images with a name are made of stays, and so do cache
 * mounts; what a build is at work with stays in any case.
 */
export async function pruneCache(
  o: CacheContext,
  options: CachePruneOptions,
): Promise<BuildPruneReport> {
  const all = await entries(o)
  const chosen = withinBudget(
    all.filter((entry) => isChosen(entry, options)),
    all,
    options,
  )
  const steps = chosen.filter((entry) => entry.imageId !== undefined)
  const mounts = chosen.filter((entry) => entry.imageId === undefined)
  let freed = await o.removeImages(steps.map((entry) => entry.imageId!))
  await o.cache.forget(steps.map((entry) => entry.key))
  for (const { key, Size } of mounts) {
    await o.locks.run(key, async () => {
      await o.native.removeTree(join(o.directory, key))
      await o.store.write([sql`DELETE FROM build_mount WHERE key = ${key}`])
    })
    freed += Size
  }
  const told = chosen.map((entry) => entry.ID)
  return { CachesDeleted: told.length > 0 ? told : null, SpaceReclaimed: freed }
}

function isChosen(entry: Entry, { all, filters }: CachePruneOptions): boolean {
  if (entry.InUse) return false
  if (!all && (entry.Shared || entry.imageId === undefined)) return false
  const is = (key: string, holds: (value: string) => boolean): boolean => {
    const values = filters.get(key)
    return values === undefined || values.length === 0 || values.some(holds)
  }
  return (
    is('id', (value) => entry.ID.startsWith(value)) &&
    is('type', (value) => entry.Type === value) &&
    is('description', (value) => entry.Description.includes(value)) &&
    is('until', (value) => Date.now() - entry.lastUsed >= milliseconds(value)) &&
    is('unused-for', (value) => Date.now() - entry.lastUsed >= milliseconds(value)) &&
    is('shared', (value) => isTrue(value) === entry.Shared) &&
    is('private', (value) => isTrue(value) !== entry.Shared)
  )
}

function isTrue(value: string): boolean {
  return value === '' || value === '1' || value === 'true'
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** A Go duration. Throws invalidParameter. */
function milliseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw invalidParameter(`parsing "until": time: invalid duration ${JSON.stringify(text)}`)
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0)
}

/** The least recently used go first, until what is left fits. */
function withinBudget(
  chosen: readonly Entry[],
  all: readonly Entry[],
  { reservedSpace, maxUsedSpace }: CachePruneOptions,
): Entry[] {
  const keep = Math.max(reservedSpace, maxUsedSpace)
  if (keep === 0) return [...chosen]
  let total = all.reduce((sum, entry) => sum + entry.Size, 0)
  const going: Entry[] = []
  for (const entry of chosen.toSorted((a, b) => a.lastUsed - b.lastUsed)) {
    if (total <= keep) break
    total -= entry.Size
    going.push(entry)
  }
  return going
}
