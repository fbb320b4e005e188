/** What the cache holds, as `system df` tells it. */
import { join } from 'node:path'
import type { Native } from '@tdocker/kernel/native.ts'
import type { KeyedLock } from '../../base/keyed-lock.ts'
import type { Store } from '../../store/store.ts'
import type { BuildCacheRecord } from '@tdocker/api'
import type { KeptContexts } from '../session/kept/kept-contexts.ts'
import type { StepCache } from './step-cache.ts'

export interface CacheContext {
  store: Store
  native: Pick<Native, 'removeTree' | 'treeSize'>
  cache: StepCache
  /** Of cache mounts. */
  directory: string
  locks: Pick<KeyedLock, 'isHeld' | 'run'>
  /** Directories of clients. */
  contexts: Pick<KeptContexts, 'all' | 'remove'>
  /** Whether a build needs an image at the moment. */
  isHeld(imageId: string): boolean
  /** Removes images that nothing names or builds on; bytes freed. */
  removeImages(ids: readonly string[]): Promise<number>
}

export interface CacheEntry extends BuildCacheRecord {
  key: string
  /** Of a step; what else there is has none. */
  imageId: string | undefined
  parentImageId: string | undefined
  lastUsed: number
}

export async function cacheRecords(o: CacheContext): Promise<BuildCacheRecord[]> {
  const entries = await cacheEntries(o)
  return entries.map(
    ({ key: _key, imageId: _image, parentImageId: _parent, lastUsed: _used, ...told }) => told,
  )
}

/** Steps first, then cache mounts and clients' directories. */
export async function cacheEntries(o: CacheContext): Promise<CacheEntry[]> {
  return [...stepEntries(o), ...(await mountEntries(o)), ...contextEntries(o)]
}

function contextEntries({ contexts }: CacheContext): CacheEntry[] {
  return contexts.all().map((kept) => ({
    ...directoryEntry({ ...kept, key: kept.id }),
    Type: 'source.local',
    Description: 'local source for context',
    InUse: kept.users > 0,
  }))
}

/** What no step made: a directory of its own. */
function directoryEntry(o: {
  key: string
  size: number
  created: number
  lastUsed: number
  uses: number
}): Omit<CacheEntry, 'Type' | 'Description' | 'InUse'> {
  return {
    ID: shortKey(o.key),
    Shared: false,
    Size: o.size,
    CreatedAt: new Date(o.created).toISOString(),
    LastUsedAt: new Date(o.lastUsed).toISOString(),
    UsageCount: o.uses,
    key: o.key,
    imageId: undefined,
    parentImageId: undefined,
    lastUsed: o.lastUsed,
  }
}

function stepEntries(o: CacheContext): CacheEntry[] {
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
      InUse: o.cache.isRunning(row.key) || o.isHeld(row.image_id),
      Shared: shared.has(row.image_id),
      Size: row.size,
      CreatedAt: new Date(row.created_at).toISOString(),
      LastUsedAt: new Date(row.last_used_at).toISOString(),
      UsageCount: row.uses,
      key: row.key,
      imageId: row.image_id,
      parentImageId: row.parent_id || undefined,
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

function mountEntries(o: CacheContext): Promise<CacheEntry[]> {
  const rows = o.store.all<MountRow>(
    'SELECT key, id, created_at, last_used_at, uses FROM build_mount ORDER BY last_used_at',
  )
  return Promise.all(
    rows.map(async (row) => {
      const size = await o.native.treeSize(join(o.directory, row.key)).catch(() => ({ bytes: 0 }))
      const { key, uses, created_at: created, last_used_at: lastUsed } = row
      return {
        ...directoryEntry({ key, size: size.bytes, created, lastUsed, uses }),
        Type: 'exec.cachemount',
        Description: `cached mount ${row.id}`,
        InUse: o.locks.isHeld(key),
      }
    }),
  )
}

function shortKey(key: string): string {
  return key.slice(0, 25)
}
