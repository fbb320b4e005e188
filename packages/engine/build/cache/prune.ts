/** `POST /build/prune`, and what a policy takes by itself. */
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildPruneReport } from '@tdocker/api'
import { sql } from '../../store/store.ts'
import type { CachePruneOptions } from '../build-backend.ts'
import { entryFilter } from './prune-filters.ts'
import { type Budget, entriesToGo, keptBytes } from './prune-order.ts'
import { type CacheContext, type CacheEntry, cacheEntries } from './records.ts'

/**
 * Without `all`, what images with a name are made of stays; what a build is at work with stays in any
 * case, and so does what something that stays is made of. Throws invalidParameter.
 */
export async function pruneCache(
  o: CacheContext,
  options: CachePruneOptions,
): Promise<BuildPruneReport> {
  const fits = entryFilter(options.filters, Date.now())
  const all = await cacheEntries(o)
  const chosen = all.filter(
    (entry) => !entry.InUse && (options.all || !entry.Shared) && fits(entry),
  )
  const total = all.reduce((sum, { Shared, Size }) => sum + (Shared ? 0 : Size), 0)
  const free = await freeAt(o.directory, options)
  const keep = keptBytes(total, free, options)
  const going = entriesToGo(chosen, all, { keep, total })
  const freed =
    (await removeSteps(o, going)) +
    (await removeMounts(o, going)) +
    (await removeContexts(o, going))
  const told = going.map((entry) => entry.ID)
  return { CachesDeleted: told.length > 0 ? told : null, SpaceReclaimed: freed }
}

async function freeAt(directory: string, { minFreeSpace }: Budget): Promise<number> {
  if (minFreeSpace === 0) return 0
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}

async function removeSteps(o: CacheContext, going: readonly CacheEntry[]): Promise<number> {
  const steps = going.filter((entry) => entry.imageId !== undefined)
  if (steps.length === 0) return 0
  const freed = await o.removeImages(steps.map((entry) => entry.imageId!))
  await o.cache.forget(steps.map((entry) => entry.key))
  return freed
}

async function removeMounts(o: CacheContext, going: readonly CacheEntry[]): Promise<number> {
  let freed = 0
  for (const { key, Type, Size } of going) {
    if (Type !== 'exec.cachemount') continue
    await o.locks.run(key, async () => {
      await o.native.removeTree(join(o.directory, key))
      await o.store.write([sql`DELETE FROM build_mount WHERE key = ${key}`])
    })
    freed += Size
  }
  return freed
}

async function removeContexts(o: CacheContext, going: readonly CacheEntry[]): Promise<number> {
  const keys = new Set(going.map(({ key }) => key))
  let freed = 0
  for (const kept of o.contexts.all()) if (keys.has(kept.id)) freed += await o.contexts.remove(kept)
  return freed
}
