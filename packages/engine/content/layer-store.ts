/**
 * Unpacked layers: rows and directories. A layer is keyed by its diff ID, so images share it however
 * they stack it; one that took metadata or files from the layers below is keyed by its chain ID.
 * Whoever works with a layer that no image holds yet pins it.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { zstdCompress, zstdCompressSync } from 'node:zlib'
import type { Native } from '@tdocker/kernel'
import { KeyedLock } from '../base/keyed-lock.ts'
import type { RollbackScope } from '../base/scope.ts'
import { type Statement, type Store, sql } from '../store/store.ts'
import { BlobHolds } from './blob-holds.ts'
import { type ContentPaths, EMPTY_KEY, chainKey } from './content-paths.ts'
import { blobStatements, commitStatements, dropBlobOfNobody, dropLayer } from './layer-rows.ts'
import { LayerSync } from './layer-sync.ts'
import type { Extracted } from './layer-unpacker.ts'

const compress = promisify(zstdCompress)

/** Less is compressed quicker than a thread is asked. */
const SMALL = 16 * 1024

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
  write?: WriteLayer | undefined
}

/** Commits the rows of a new layer, maybe along with those of whoever wants it. */
export type WriteLayer = (rows: readonly Statement[], layer: Layer) => Promise<void>

export class LayerStore {
  readonly paths: ContentPaths
  readonly #store: Store
  readonly #native: Native
  readonly #pins = new Map<string, number>()
  /** Layers on their way out; a lookup must not find them, and an unpack waits for the end. */
  readonly #dying = new Map<string, Promise<void>>()
  /** Workspaces of this process, which the collector leaves alone. */
  readonly #live = new Set<string>()
  /** One at a time takes the place of a layer. */
  readonly #places = new KeyedLock()
  readonly #blobs: BlobHolds
  /** Layers that nobody pins any more and that maybe no image holds. */
  readonly #loose = new Set<string>()
  #sweeping: Promise<void> | undefined
  #closed = false
  readonly #sync: LayerSync
  /** Told when a layer was added or a blob is free to go. */
  onChange: () => void = () => {}
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
    this.#sync = new LayerSync({ ...o, directory: o.paths.layers })
    this.#blobs = new BlobHolds({ ...o, onFree: () => this.onChange() })
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
    if (left > 0) return void this.#pins.set(key, left)
    this.#pins.delete(key)
    this.#loose.add(key)
    // Not now: whoever unpins several has done so when the sweep begins.
    this.#sweeping ??= new Promise<void>((resolve) => void setImmediate(resolve))
      .then(() => this.#sweepLoose())
      .finally(() => (this.#sweeping = undefined))
  }

  /** What was unpinned and no image holds: of an import, pull or load that failed at its end. */
  async #sweepLoose(): Promise<void> {
    while (this.#loose.size > 0 && !this.#closed) {
      const keys = [...this.#loose]
      this.#loose.clear()
      await this.#drop(keys.filter((key) => !this.isInUse(key) && this.#isUnreferenced(key)))
    }
  }

  #isUnreferenced(key: string): boolean {
    const held = 'SELECT 1 FROM image_layer WHERE layer_key = ?'
    return this.#store.get(held, key) === undefined
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
    // Quicker than asking a thread, as for a container's.
    mkdirSync(this.paths.layers, { recursive: true, mode: 0o710 })
    mkdirSync(directory, { mode: 0o710 })
    // The layer's own root entry, where it has one, sets another mode.
    mkdirSync(diff, { mode: 0o755 })
    return { key, diff }
  }

  /**
   * Makes a workspace the layer `key`: tar metadata beside it, directory in place, rows committed.
   * The layer comes back pinned. When another pull was faster its layer is taken.
   */
  async commit(layer: NewLayer): Promise<Layer> {
    const { workspace, key, extracted } = layer
    const directory = this.paths.layer(workspace.key)
    const path = join(directory, 'tar-metadata')
    const { metadata } = extracted
    if (metadata.length <= SMALL) writeFileSync(path, zstdCompressSync(metadata), { mode: 0o600 })
    else await writeFile(path, await compress(metadata), { mode: 0o600 })
    const made = await this.#places.run(key, () => this.#take(layer))
    this.onChange()
    return made
  }

  async #take(layer: NewLayer): Promise<Layer> {
    const { workspace, key, diffId, extracted } = layer
    await this.#dying.get(key)
    const found = this.#store.get<LayerRow>(
      `SELECT key, diff_id, size FROM layer WHERE key = ? AND state = 'ready'`,
      key,
    )
    this.pin(key)
    const made = { key, diffId, size: extracted.bytes }
    try {
      if (found) {
        await this.#discard(layer)
        return { key, diffId, size: found.size }
      }
      await this.#moveInto(this.paths.layer(workspace.key), this.paths.layer(key))
      const rows = commitStatements(layer)
      await (layer.write ? layer.write(rows, made) : this.#store.write(rows))
    } catch (error) {
      this.unpin(key)
      if (!found)
        await this.#quietly(`layer ${key}`, () => this.#native.removeTree(this.paths.layer(key)))
      throw error
    } finally {
      this.#live.delete(workspace.key)
    }
    this.scheduleSync()
    return made
  }

  /** A directory of that name has no row (checked before), so it is a crash's remainder. */
  async #moveInto(from: string, to: string): Promise<void> {
    if (existsSync(to)) await this.#native.removeTree(to)
    renameSync(from, to)
  }

  /** The layer is there already: only its blob may be news. */
  async #discard(layer: NewLayer): Promise<void> {
    const { workspace, key, blob } = layer
    await this.#native.removeTree(this.paths.layer(workspace.key))
    await this.#store.write([
      sql`DELETE FROM layer WHERE key = ${workspace.key}`,
      ...blobStatements(layer),
      ...(blob
        ? [
            sql`UPDATE layer SET blob_digest = ${blob.digest}
                WHERE key = ${key} AND blob_digest IS NULL`,
          ]
        : []),
    ])
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
    const layers = keys.map((key) => ({ key, ...this.#compressed(key) }))
    const blobs = [...new Set(layers.flatMap((layer) => layer.blobs))]
    const done = Promise.withResolvers<void>()
    for (const key of keys) this.#dying.set(key, done.promise)
    const gone = this.leaveBlobs(blobs)
    const finish = async (committed: boolean): Promise<void> => {
      if (committed) await this.#removeFiles(keys, blobs)
      for (const key of keys) this.#dying.delete(key)
      gone()
      done.resolve()
    }
    const statements = [
      ...layers.flatMap(({ key, diffId }) => dropLayer(key, diffId)),
      ...blobs.flatMap(dropBlobOfNobody),
    ]
    return { statements, keys, finish }
  }

  /** Compressed forms of a layer, kept or only known. */
  #compressed(key: string): { diffId: string; blobs: string[] } {
    const diffId =
      this.#store.get<{ diff_id: string }>('SELECT diff_id FROM layer WHERE key = ?', key)
        ?.diff_id ?? ''
    const rows = this.#store.all<{ digest: string }>(
      `SELECT blob_digest AS digest FROM layer WHERE key = ? AND blob_digest IS NOT NULL
       UNION SELECT digest FROM layer_blob WHERE diff_id = ?`,
      key,
      diffId,
    )
    return { diffId, blobs: rows.map((row) => row.digest) }
  }

  async #removeFiles(keys: readonly string[], blobs: readonly string[]): Promise<void> {
    await Promise.all([
      ...blobs.map((digest) => this.#quietly(`blob ${digest}`, () => this.removeStrayBlob(digest))),
      ...keys.map((key) =>
        this.#quietly(`layer ${key}`, () => this.#native.removeTree(this.paths.layer(key))),
      ),
    ])
  }

  /** What stays behind has no row, and goes at the next start. */
  async #quietly(what: string, body: () => Promise<void>): Promise<void> {
    try {
      await body()
    } catch (error) {
      this.#onError(what, error)
    }
  }

  /** Whether the layer is on its way out. */
  isGoing(key: string): boolean {
    return this.#dying.has(key)
  }

  /** Whether this process works with the layer or workspace. */
  isInUse(key: string): boolean {
    return this.#live.has(key) || this.#pins.has(key) || this.#dying.has(key)
  }

  /**
   * Keeps a blob's file: for one who brings it (it is in place before its row) or reads it. Its use is
   * noted, so that it is among the last to be given up, unless it is only looked at.
   */
  holdBlob(digest: string, o: { isUse: boolean } = { isUse: true }): () => void {
    return this.#blobs.hold(digest, o)
  }

  /** Removes a blob's file that no row speaks of; where somebody holds it, when they are done. */
  removeStrayBlob(digest: string): Promise<void> {
    return this.#blobs.removeStray(digest)
  }

  /** Whether somebody brings or reads it. */
  isBlobInUse(digest: string): boolean {
    return this.#blobs.isHeld(digest)
  }

  /** Whether its row goes, or went, and its file follows. */
  isBlobLeaving(digest: string): boolean {
    return this.#blobs.isLeaving(digest)
  }

  /** Call before the rows of blobs go; answers what to call when the files are gone, too. */
  leaveBlobs(digests: readonly string[]): () => void {
    return this.#blobs.leave(digests)
  }

  /** Brings noted uses of blobs into their rows. */
  flushUse(): Promise<void> {
    return this.#blobs.flushUse()
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
    await this.#drop(this.unreferenced())
  }

  async #drop(keys: readonly string[]): Promise<void> {
    const release = this.release(keys)
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
    mkdirSync(this.paths.layers, { recursive: true, mode: 0o710 })
    mkdirSync(this.paths.layer(EMPTY_KEY), { recursive: true, mode: 0o710 })
    mkdirSync(this.paths.emptyDiff, { recursive: true, mode: 0o755 })
  }

  /** Marks layers durable once their file system was synced; in the background, one at a time. */
  scheduleSync(): void {
    this.#sync.schedule()
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#sweeping
    await this.#sync.done()
    await this.#quietly('use of blobs', () => this.flushUse())
  }
}
