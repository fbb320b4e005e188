/** What a crash or a power loss left behind, told by rows: a file without one is nobody's. */
import { readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Native } from '@tdocker/kernel'
import { type Store, sql } from '../store/store.ts'
import { EMPTY_KEY, layerDirectory } from './content-paths.ts'
import type { LayerStore } from './layer-store.ts'

/** Partial downloads older than this are given up. */
const PARTIAL_LIFETIME_MS = 24 * 3600 * 1000
const BOOT_KEY = 'content_boot_id'

export interface GarbageOptions {
  store: Store
  native: Native
  layers: LayerStore
  onError: (what: string, error: unknown) => void
}

/** Safe beside pulls at work: what this process uses is known to the layer store. */
export async function collectContentGarbage(o: GarbageOptions): Promise<void> {
  await o.layers.ensureEmptyLayer()
  await removeStaleWorkspaces(o)
  await removeStrayDirectories(o)
  await removeStrayBlobs(o)
  await removeOldPartials(o)
  await o.layers.sweep()
}

async function removeStaleWorkspaces(o: GarbageOptions): Promise<void> {
  const rows = o.store.all<{ key: string }>(`SELECT key FROM layer WHERE state = 'unpacking'`)
  for (const { key } of rows.filter((row) => !o.layers.isInUse(row.key))) {
    await o.native.removeTree(o.layers.paths.layer(key))
    await o.store.write([sql`DELETE FROM layer WHERE key = ${key}`])
  }
}

/** Directories are read before rows, so a layer that is made meanwhile is not mistaken. */
async function removeStrayDirectories(o: GarbageOptions): Promise<void> {
  const names = await list(o.layers.paths.layers)
  const rows = o.store.all<{ key: string }>('SELECT key FROM layer')
  const owned = new Set([layerDirectory(EMPTY_KEY), ...rows.map((row) => layerDirectory(row.key))])
  for (const name of names.filter((found) => !owned.has(found))) {
    if (o.layers.isInUse(keyOfDirectory(name))) continue
    await attempt(o, name, () => o.native.removeTree(join(o.layers.paths.layers, name)))
  }
}

/** The inverse of `layerDirectory`. */
function keyOfDirectory(name: string): string {
  if (name.startsWith('unpacking-')) return name
  return name.replaceAll('-', ':')
}

async function removeStrayBlobs(o: GarbageOptions): Promise<void> {
  const { blobs } = o.layers.paths
  for (const algorithm of await list(blobs)) {
    for (const hex of await list(join(blobs, algorithm))) {
      const digest = `${algorithm}:${hex}`
      if (o.store.get('SELECT 1 FROM blob WHERE digest = ?', digest)) continue
      if (o.layers.isBlobInUse(digest)) continue
      await attempt(o, digest, () => rm(join(blobs, algorithm, hex), { force: true }))
    }
  }
}

async function removeOldPartials(o: GarbageOptions): Promise<void> {
  const oldest = Date.now() - PARTIAL_LIFETIME_MS
  await o.store.write([sql`DELETE FROM partial WHERE updated_at < ${oldest}`])
  const rows = o.store.all<{ digest: string }>('SELECT digest FROM partial')
  const owned = new Set(rows.map((row) => row.digest.slice(row.digest.indexOf(':') + 1)))
  const { partials } = o.layers.paths
  for (const name of (await list(partials)).filter((found) => !owned.has(found))) {
    await attempt(o, name, () => rm(join(partials, name), { force: true }))
  }
}

/**
 * Keys of layers whose files may not have reached the disk: committed but not synced when the machine
 * went down. Empty within one boot.
 */
export async function layersLostByReboot(store: Store): Promise<string[]> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const last = store.get<{ value: string }>('SELECT value FROM meta WHERE key = ?', BOOT_KEY)?.value
  if (last === boot) return []
  await store.write([
    sql`INSERT INTO meta (key, value) VALUES (${BOOT_KEY}, ${boot})
        ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  ])
  if (last === undefined) return []
  return store
    .all<{ key: string }>(`SELECT key FROM layer WHERE state = 'ready' AND durable = 0`)
    .map((row) => row.key)
}

async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function attempt(o: GarbageOptions, what: string, body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } catch (error) {
    o.onError(`garbage ${what}`, error)
  }
}
