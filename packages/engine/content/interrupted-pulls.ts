/** Whole layers of a pull that did not come to its end: what was downloaded need not be again. */
import { link, mkdir, rm } from 'node:fs/promises'
import { type Store, sql } from '../store/store.ts'
import { KEEP_FROM } from './blob-download.ts'
import type { LayerStore } from './layer-store.ts'

/** Older ones are no interrupted pull's any more. */
const LIFETIME_MS = 24 * 3600 * 1000

/**
 * Makes the blobs of layers that no image holds partial downloads, complete ones. The layers themselves
 * may be swept then: the next pull finds all bytes and has only to unpack them. Never throws.
 */
export async function keepInterrupted(o: {
  store: Store
  layers: LayerStore
  onError: (what: string, error: unknown) => void
  /** Of these layers, which the caller has pinned; default all that nobody works with. */
  pinned?: readonly string[]
}): Promise<void> {
  const rows = o.store.all<{ key: string; digest: string; size: number }>(
    `SELECT layer.key, blob.digest, blob.size FROM layer JOIN blob ON blob.digest = layer.blob_digest
     WHERE layer.state = 'ready' AND layer.created_at > ? AND blob.size >= ?
     AND NOT EXISTS (SELECT 1 FROM image_layer WHERE layer_key = layer.key)`,
    Date.now() - LIFETIME_MS,
    KEEP_FROM,
  )
  for (const { key, digest, size } of rows) {
    const mine = o.pinned?.includes(key) ?? !o.layers.isInUse(key)
    if (!mine || o.layers.isBlobInUse(digest)) continue
    try {
      await keep(o, digest, size)
    } catch (error) {
      o.onError(`blob ${digest} of an interrupted pull`, error)
    }
  }
}

/** The row is there before the file, as of every partial download. */
async function keep(
  { store, layers }: { store: Store; layers: LayerStore },
  digest: string,
  size: number,
): Promise<void> {
  await mkdir(layers.paths.partials, { recursive: true, mode: 0o700 })
  await store.write([
    sql`INSERT INTO partial (digest, size, received, updated_at)
        VALUES (${digest}, ${size}, ${size}, ${Date.now()})
        ON CONFLICT (digest) DO UPDATE SET updated_at = excluded.updated_at`,
  ])
  await rm(layers.paths.partial(digest), { force: true })
  await link(layers.paths.blob(digest), layers.paths.partial(digest))
}
