/** What a crash or a power loss left behind, told by rows: a file without one is nobody's. */
import { existsSync } from 'node:fs'
import { lstat, readFile, readdir, rm } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import type { Native } from '@tdocker/kernel'
import { type Store, sql } from '../store/store.ts'
import { EMPTY_KEY, layerDirectory } from './content-paths.ts'
import type { Finding } from './finding.ts'
import { keepInterrupted } from './interrupted-pulls.ts'
import type { LayerStore } from './layer-store.ts'
import { isBeingRemoved, removeAside } from './remove-aside.ts'

/** Partial downloads older than this are given up. */
const PARTIAL_LIFETIME_MS = 24 * 3600 * 1000
/** The row comes before the file; one without has surely lost it after this. */
const PARTIAL_GRACE_MS = 3600 * 1000
/** Where a blob was seen is worth knowing for so long, and in so many places. */
const LOCATION_LIFETIME_MS = 90 * 24 * 3600 * 1000
const MAX_LOCATIONS = 16
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
  for await (const finding of contentGarbage(o)) {
    try {
      await finding.repair?.()
    } catch (error) {
      o.onError(`garbage ${finding.what}`, error)
    }
  }
  await keepInterrupted(o)
  await o.layers.sweep()
  await forgetKnowledge(o.store)
}

/** Everything in the content store that is nobody's, each with its removal. Measures nothing. */
export async function* contentGarbage(o: GarbageOptions): AsyncGenerator<Finding> {
  yield* staleWorkspaces(o)
  yield* strayDirectories(o)
  yield* strayBlobs(o)
  yield* oldPartials(o)
}

async function* staleWorkspaces(o: GarbageOptions): AsyncGenerator<Finding> {
  const rows = o.store.all<{ key: string }>(`SELECT key FROM layer WHERE state = 'unpacking'`)
  for (const { key } of rows) {
    if (o.layers.isInUse(key)) continue
    const path = o.layers.paths.layer(key)
    yield garbage(o, 'layer', path, 'an unpack that was interrupted', async () => {
      await o.native.removeTree(path)
      await o.store.write([sql`DELETE FROM layer WHERE key = ${key}`])
    })
  }
}

/** Directories are read before rows, so a layer that is made meanwhile is not mistaken. */
async function* strayDirectories(o: GarbageOptions): AsyncGenerator<Finding> {
  const { layers } = o.layers.paths
  const names = await list(layers)
  const rows = o.store.all<{ key: string }>('SELECT key FROM layer')
  const owned = new Set([layerDirectory(EMPTY_KEY), ...rows.map((row) => layerDirectory(row.key))])
  const isStray = (name: string): boolean => !owned.has(name) && !o.layers.isInUse(keyOf(name))
  for (const name of names.filter(isStray)) {
    const path = join(layers, name)
    // One that became a layer between the list and the rows is not there under that name.
    if (isBeingRemoved(path) || !existsSync(path)) continue
    yield garbage(o, 'layer', path, 'a layer directory without a row', async () => {
      if (!isStray(name) || o.store.get('SELECT 1 FROM layer WHERE key = ?', keyOf(name))) return
      await removeAside(path, (aside) => o.native.removeTree(aside))
    })
  }
}

/** The inverse of `layerDirectory`. */
function keyOf(name: string): string {
  if (name.startsWith('unpacking-')) return name
  return name.replaceAll('-', ':')
}

async function* strayBlobs(o: GarbageOptions): AsyncGenerator<Finding> {
  const { blobs } = o.layers.paths
  for (const algorithm of await list(blobs)) {
    const names = await list(join(blobs, algorithm))
    // One question for all: thousands of small ones would hold the event loop.
    const rows = o.store.all<{ digest: string }>('SELECT digest FROM blob')
    const known = new Set(rows.map((row) => row.digest))
    for (const hex of names) {
      const digest = `${algorithm}:${hex}`
      if (known.has(digest)) continue
      const path = join(blobs, algorithm, hex)
      const isStray = (): boolean =>
        !o.store.get('SELECT 1 FROM blob WHERE digest = ?', digest) &&
        !o.layers.isBlobInUse(digest) &&
        !o.layers.isBlobLeaving(digest) &&
        !isBeingRemoved(path)
      if (!isStray()) continue
      yield garbage(o, 'blob', path, 'a blob without a row', async () => {
        if (isStray())
          await removeAside(path, (aside) => rm(aside, { recursive: true, force: true }))
      })
    }
  }
}

async function* oldPartials(o: GarbageOptions): AsyncGenerator<Finding> {
  const { partials } = o.layers.paths
  const names = await list(partials)
  const now = Date.now()
  const rows = o.store.all<{ digest: string; at: number }>(
    'SELECT digest, updated_at AS at FROM partial',
  )
  const there = new Set(names)
  const kept = new Set<string>()
  for (const { digest, at } of rows) {
    const name = digest.slice(digest.indexOf(':') + 1)
    const lifetime = there.has(name) ? PARTIAL_LIFETIME_MS : PARTIAL_GRACE_MS
    if (now - at < lifetime || o.layers.isBlobInUse(digest)) {
      kept.add(name)
      continue
    }
    there.delete(name)
    const path = join(partials, name)
    yield garbage(o, 'partial', path, 'a download that nobody continued', async () => {
      if (o.layers.isBlobInUse(digest)) return
      await removeAside(path, (aside) => rm(aside, { force: true }))
      await o.store.write([
        sql`DELETE FROM partial WHERE digest = ${digest} AND updated_at = ${at}`,
      ])
    })
  }
  for (const name of names.filter((found) => there.has(found) && !kept.has(found))) {
    const path = join(partials, name)
    // Asked when it matters: a download may have begun or ended since the list was read.
    const isStray = (): boolean =>
      existsSync(path) &&
      !isBeingRemoved(path) &&
      !o.store.get(`SELECT 1 FROM partial WHERE digest LIKE '%:' || ?`, name)
    if (!isStray()) continue
    yield garbage(o, 'partial', path, 'a partial download without a row', async () => {
      if (isStray()) await removeAside(path, (aside) => rm(aside, { recursive: true, force: true }))
    })
  }
}

function garbage(
  o: GarbageOptions,
  owner: string,
  path: string,
  message: string,
  repair: () => Promise<void>,
): Finding {
  const what = join(basename(o.layers.paths.layers), relative(o.layers.paths.layers, path))
  return { kind: 'garbage', owner, what, message, bytes: 0, repair }
}

/** What is known of compressed forms goes with the layers, and places are forgotten in time. */
async function forgetKnowledge(store: Store): Promise<void> {
  await store.write([
    sql`DELETE FROM layer_blob WHERE NOT EXISTS (
          SELECT 1 FROM layer WHERE layer.diff_id = layer_blob.diff_id)`,
    sql`DELETE FROM blob WHERE NOT EXISTS (
          SELECT 1 FROM layer WHERE layer.blob_digest = blob.digest)
        AND NOT EXISTS (SELECT 1 FROM layer_blob WHERE layer_blob.digest = blob.digest)`,
    sql`DELETE FROM blob_location WHERE seen_at < ${Date.now() - LOCATION_LIFETIME_MS}
        OR NOT EXISTS (SELECT 1 FROM layer_blob WHERE layer_blob.digest = blob_location.digest)`,
    sql`DELETE FROM blob_location WHERE rowid IN (SELECT rowid FROM (
          SELECT rowid, row_number() OVER (PARTITION BY digest ORDER BY seen_at DESC) AS place
          FROM blob_location) WHERE place > ${MAX_LOCATIONS})`,
  ])
}

/**
 * Keys of layers whose files may not have reached the disk: committed but not synced when the machine
 * went down. Empty within one boot. `settled` is called when they are dealt with, so that a crash
 * before has them looked at again; their blobs are as doubtful and are forgotten with it.
 */
export async function layersLostByReboot(
  store: Store,
): Promise<{ keys: string[]; settled(): Promise<void> }> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const last = store.get<{ value: string }>('SELECT value FROM meta WHERE key = ?', BOOT_KEY)?.value
  if (last === boot) return { keys: [], settled: () => Promise.resolve() }
  const lost = `SELECT key FROM layer WHERE state = 'ready' AND durable = 0`
  const keys = last === undefined ? [] : store.all<{ key: string }>(lost).map((row) => row.key)
  const settled = (): Promise<void> =>
    store.write([
      ...(last === undefined ? [] : [FORGET_DOUBTFUL_BLOBS]),
      sql`INSERT INTO meta (key, value) VALUES (${BOOT_KEY}, ${boot})
          ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    ])
  return { keys, settled }
}

const FORGET_DOUBTFUL_BLOBS = sql`DELETE FROM blob WHERE digest IN (
  SELECT blob_digest FROM layer WHERE durable = 0 AND state = 'ready')`

export async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

/** Bytes allocated to what lies at a path; 0 when nothing does any more. */
export async function bytesAt(native: Native, path: string): Promise<number> {
  try {
    const found = await lstat(path)
    if (!found.isDirectory()) return found.blocks * 512
    return (await native.treeSize(path)).bytes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
