/**
 * Unpacked layers: rows and directories. A layer is keyed by its diff ID, so images share it however
 * they stack it; one that took metadata or files from the layers below is keyed by its chain ID.
 * Whoever works with a layer that no image holds yet pins it.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { zstdCompress } from 'node:zlib'
import type { Native } from '@tdocker/kernel'
import type { RollbackScope } from '../base/scope.ts'
import { type Statement, type Store, sql } from '../store/store.ts'
import { type ContentPaths, EMPTY_KEY, chainKey } from './content-paths.ts'
import type { Extracted } from './layer-unpacker.ts'

const compress = promisify(zstdCompress)

export interface Layer {
  key: string
  diffId: string
  /** Unpacked bytes. */
  size: number
}

interface LayerRow {
  key: string
  diff_id: string
  size: number
}

/** A directory that a layer is being unpacked into. */
export interface Workspace {
  /** Row that owns it. */
  key: string
  /** Empty directory for the diff. */
  diff: string
}

export interface NewLayer {
  workspace: Workspace
  /** Where the directory goes, and the row's key from then on. */
  key: string
  diffId: string
  extracted: Extracted
  blob: { digest: string; size: number; mediaType: string } | undefined
}

export class LayerStore {
  readonly paths: ContentPaths
  readonly #store: Store
  readonly #native: Native
  readonly #pins = new Map<string, number>()
  /** Layers on their way out; a lookup must not find them, and an unpack waits for the end. */
  readonly #dying = new Map<string, Promise<void>>()
  /** Workspaces of this process, which the collector leaves alone. */
  readonly #live = new Set<string>()
  readonly #blobsHeld = new Map<string, number>()
  #syncing: Promise<void> | undefined
  readonly #onError: (what: string, error: unknown) => void

  constructor(o: {
    paths: ContentPaths
    store: Store
    native: Native
    onError: (what: string, error: unknown) => void
  }) {
    this.paths = o.paths
    this.#store = o.store
    this.#native = o.native
    this.#onError = o.onError
  }

  /** A ready layer good for this place in a stack, pinned. */
  acquire(diffId: string, chainId: string): Layer | undefined {
    const rows = this.#store.all<LayerRow>(
      `SELECT key, diff_id, size FROM layer WHERE state = 'ready' AND key IN (?, ?)`,
      chainKey(chainId),
      diffId,
    )
    const row = rows.find((found) => !this.#dying.has(found.key))
    if (!row) return undefined
    this.pin(row.key)
    return { key: row.key, diffId: row.diff_id, size: row.size }
  }

  /**
   * A ready layer whose tar, or its compressed form, has this digest, pinned; none that is good only
   * above certain others.
   */
  acquireByDigest(digest: string): Layer | undefined {
    const rows = this.#store.all<LayerRow>(
      `SELECT key, diff_id, size FROM layer
       WHERE state = 'ready' AND key = diff_id AND (key = ? OR blob_digest = ?)`,
      digest,
      digest,
    )
    const row = rows.find((found) => !this.#dying.has(found.key))
    if (!row) return undefined
    this.pin(row.key)
    return { key: row.key, diffId: row.diff_id, size: row.size }
  }

  /** Resolves when nothing of this diff ID or chain is being removed. */
  async settled(diffId: string, chainId: string): Promise<void> {
    await Promise.allSettled([this.#dying.get(diffId), this.#dying.get(chainKey(chainId))])
  }

  pin(key: string): void {
    this.#pins.set(key, (this.#pins.get(key) ?? 0) + 1)
  }

  unpin(key: string): void {
    const left = (this.#pins.get(key) ?? 1) - 1
    if (left > 0) this.#pins.set(key, left)
    else this.#pins.delete(key)
  }

  /** A fresh directory with its owner row; undone by the scope. */
  async createWorkspace(diffId: string, scope: RollbackScope): Promise<Workspace> {
    const key = `unpacking-${randomBytes(12).toString('hex')}`
    this.#live.add(key)
    scope.undo('workspace', () => this.#live.delete(key))
    await this.#store.write([
      sql`INSERT INTO layer (key, diff_id, size, entries, state, created_at)
          VALUES (${key}, ${diffId}, 0, 0, 'unpacking', ${Date.now()})`,
    ])
    scope.undo('layer row', () => this.#store.write([sql`DELETE FROM layer WHERE key = ${key}`]))
    const directory = this.paths.layer(key)
    scope.undo('layer directory', () => this.#native.removeTree(directory))
    const diff = this.paths.diff(key)
    await mkdir(this.paths.layers, { recursive: true, mode: 0o710 })
    await mkdir(directory, { mode: 0o710 })
    // The layer's own root entry, where it has one, sets another mode.
    await mkdir(diff, { mode: 0o755 })
    return { key, diff }
  }

  /**
   * Makes a workspace the layer `key`: tar metadata beside it, directory in place, rows committed.
   * The layer comes back pinned. When another pull was faster its layer is taken.
   */
  async commit(layer: NewLayer): Promise<Layer> {
    const { workspace, key, diffId, extracted } = layer
    const directory = this.paths.layer(workspace.key)
    const metadata = await compress(extracted.metadata)
    await writeFile(join(directory, 'tar-metadata'), metadata, { mode: 0o600 })
    await this.#dying.get(key)
    const found = this.#store.get<LayerRow>(
      `SELECT key, diff_id, size FROM layer WHERE key = ? AND state = 'ready'`,
      key,
    )
    if (found) {
      this.pin(key)
      await this.#discard(workspace)
      this.#live.delete(workspace.key)
      return { key, diffId, size: found.size }
    }
    this.pin(key)
    try {
      await this.#moveInto(directory, this.paths.layer(key))
      await this.#store.write(commitStatements(layer))
    } catch (error) {
      this.unpin(key)
      await this.#quietly(`layer ${key}`, () => this.#native.removeTree(this.paths.layer(key)))
      throw error
    }
    this.#live.delete(workspace.key)
    this.scheduleSync()
    return { key, diffId, size: extracted.bytes }
  }

  /** A directory of that name has no row (checked before), so it is a crash's remainder. */
  async #moveInto(from: string, to: string): Promise<void> {
    await this.#native.removeTree(to)
    await rename(from, to)
  }

  async #discard(workspace: Workspace): Promise<void> {
    await this.#native.removeTree(this.paths.layer(workspace.key))
    await this.#store.write([sql`DELETE FROM layer WHERE key = ${workspace.key}`])
  }

  /**
   * What `images` will no longer hold, marked as going; the caller commits `statements` and then calls
   * `finish`, which frees the directories (or gives the layers back when the commit failed).
   */
  release(candidates: readonly string[]): {
    statements: Statement[]
    keys: string[]
    finish(committed: boolean): Promise<void>
  } {
    const keys = candidates.filter((key) => !this.#pins.has(key) && !this.#dying.has(key))
    const blobs = keys.flatMap((key) => this.#blobOf(key))
    const done = Promise.withResolvers<void>()
    for (const key of keys) this.#dying.set(key, done.promise)
    const finish = async (committed: boolean): Promise<void> => {
      if (committed) await this.#removeFiles(keys, blobs)
      for (const key of keys) this.#dying.delete(key)
      done.resolve()
    }
    const statements = [
      ...keys.map((key) => sql`DELETE FROM layer WHERE key = ${key}`),
      ...blobs.map(
        (digest) => sql`DELETE FROM blob WHERE digest = ${digest}
          AND NOT EXISTS (SELECT 1 FROM layer WHERE blob_digest = ${digest})`,
      ),
    ]
    return { statements, keys, finish }
  }

  #blobOf(key: string): string[] {
    const row = this.#store.get<{ blob_digest: string | null }>(
      'SELECT blob_digest FROM layer WHERE key = ?',
      key,
    )
    return row?.blob_digest ? [row.blob_digest] : []
  }

  async #removeFiles(keys: readonly string[], blobs: readonly string[]): Promise<void> {
    for (const digest of blobs) {
      if (this.#blobsHeld.has(digest)) continue
      if (this.#store.get('SELECT 1 FROM blob WHERE digest = ?', digest)) continue
      await this.#quietly(`blob ${digest}`, () => rm(this.paths.blob(digest), { force: true }))
    }
    for (const key of keys) {
      await this.#quietly(`layer ${key}`, () => this.#native.removeTree(this.paths.layer(key)))
    }
  }

  /** What stays behind has no row, and goes at the next start. */
  async #quietly(what: string, body: () => Promise<void>): Promise<void> {
    try {
      await body()
    } catch (error) {
      this.#onError(what, error)
    }
  }

  /** Whether this process works with the layer or workspace. */
  isInUse(key: string): boolean {
    return this.#live.has(key) || this.#pins.has(key) || this.#dying.has(key)
  }

  /** A blob is in place before its row, and read while it is pushed; meanwhile it is held here. */
  holdBlob(digest: string): () => void {
    this.#blobsHeld.set(digest, (this.#blobsHeld.get(digest) ?? 0) + 1)
    return () => {
      const left = (this.#blobsHeld.get(digest) ?? 1) - 1
      if (left > 0) this.#blobsHeld.set(digest, left)
      else this.#blobsHeld.delete(digest)
    }
  }

  /** Removes a blob's file that no row speaks of. */
  async removeStrayBlob(digest: string): Promise<void> {
    if (this.#store.get('SELECT 1 FROM blob WHERE digest = ?', digest)) return
    await rm(this.paths.blob(digest), { force: true })
  }

  isBlobInUse(digest: string): boolean {
    return this.#blobsHeld.has(digest)
  }

  /** Layers that no image holds and nobody works with. */
  unreferenced(): string[] {
    return this.#store
      .all<{ key: string }>(
        `SELECT key FROM layer WHERE state = 'ready'
         AND NOT EXISTS (SELECT 1 FROM image_layer WHERE layer_key = layer.key)`,
      )
      .map((row) => row.key)
      .filter((key) => !this.isInUse(key))
  }

  /** Removes layers that no image holds: what a failed or interrupted pull brought. Never throws. */
  async sweep(): Promise<void> {
    const release = this.release(this.unreferenced())
    let committed = false
    try {
      if (release.statements.length > 0) await this.#store.write(release.statements)
      committed = true
    } catch (error) {
      this.#onError('sweep of layers', error)
    }
    await release.finish(committed)
  }

  /** Diff directories for overlay, topmost first; `layers` bottom first. */
  lowers(keys: readonly string[]): string[] {
    if (keys.length === 0) return [this.paths.emptyDiff]
    return keys.map((key) => this.paths.diff(key)).toReversed()
  }

  async ensureEmptyLayer(): Promise<void> {
    await mkdir(this.paths.layers, { recursive: true, mode: 0o710 })
    await mkdir(this.paths.layer(EMPTY_KEY), { recursive: true, mode: 0o710 })
    await mkdir(this.paths.emptyDiff, { recursive: true, mode: 0o755 })
  }

  /** Marks layers durable once their file system was synced; in the background, one at a time. */
  scheduleSync(): void {
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined
    })
  }

  async #sync(): Promise<void> {
    try {
      for (;;) {
        const rows = this.#store.all<{ key: string }>(
          `SELECT key FROM layer WHERE state = 'ready' AND durable = 0`,
        )
        if (rows.length === 0) return
        await this.#native.syncFs(this.paths.layers)
        await this.#store.write(
          rows.map(({ key }) => sql`UPDATE layer SET durable = 1 WHERE key = ${key}`),
        )
      }
    } catch (error) {
      this.#onError('sync of layers', error)
    }
  }

  /** Resolves when no sync is under way. */
  async close(): Promise<void> {
    await this.#syncing
  }
}

function commitStatements({ workspace, key, diffId, extracted, blob }: NewLayer): Statement[] {
  const now = Date.now()
  const layer = sql`INSERT INTO layer (key, diff_id, size, entries, durable, state, blob_digest, created_at)
    VALUES (${key}, ${diffId}, ${extracted.bytes}, ${extracted.entries}, 0, 'ready',
            ${blob?.digest ?? null}, ${now})`
  const remove = sql`DELETE FROM layer WHERE key = ${workspace.key}`
  if (!blob) return [remove, layer]
  return [
    remove,
    layer,
    sql`INSERT INTO blob (digest, size, media_type, created_at, last_used_at)
        VALUES (${blob.digest}, ${blob.size}, ${blob.mediaType}, ${now}, ${now})
        ON CONFLICT (digest) DO UPDATE SET last_used_at = excluded.last_used_at`,
    sql`DELETE FROM partial WHERE digest = ${blob.digest}`,
  ]
}
