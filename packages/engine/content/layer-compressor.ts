/**
 * Makes the compressed blob of a layer that has none here: its tar is rebuilt from the directory,
 * proven by its diff ID, compressed on all cores and kept among the blobs.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { type Descriptor, MEDIA_TYPE } from '@tdocker/oci'
import type { Native } from '@tdocker/kernel'
import { RollbackScope } from '../base/scope.ts'
import { type Store, sql } from '../store/store.ts'
import type { Layer, LayerStore } from './layer-store.ts'
import { openLayerTar } from './layer-tar.ts'
import { type Deflate, parallelGzip } from './parallel-gzip.ts'
import { releaseBuffer } from './release-buffer.ts'
import { SharedTransfers } from './shared-transfers.ts'

export interface CompressOptions {
  signal: AbortSignal
  /** Bytes of the tar so far. */
  progress: (bytes: number) => void
}

export class LayerCompressor {
  readonly #o: {
    store: Store
    native: Native
    layers: LayerStore
    onError: (what: string, error: unknown) => void
  }
  readonly #shared = new SharedTransfers<Descriptor, number>()
  /** Files of this process; a row of another one's is a crash's remainder. */
  readonly #live = new Set<string>()

  constructor(o: {
    store: Store
    native: Native
    layers: LayerStore
    onError: (what: string, error: unknown) => void
  }) {
    this.#o = o
  }

  /** The descriptor of a gzip blob that is kept now; one run per layer, however many ask. */
  compress(layer: Pick<Layer, 'key' | 'diffId'>, o: CompressOptions): Promise<Descriptor> {
    return this.#shared.run(layer.key, o, (signal, progress) =>
      this.#compress(layer, { signal, progress }),
    )
  }

  /** Removes what a daemon that was killed left half-done. Call once at start. */
  async collectGarbage(): Promise<void> {
    const { store, layers } = this.#o
    const rows = store.all<{ digest: string }>('SELECT digest FROM partial WHERE size = 0')
    for (const { digest } of rows.filter((row) => !this.#live.has(row.digest))) {
      await rm(layers.paths.partial(digest), { force: true })
      await store.write([sql`DELETE FROM partial WHERE digest = ${digest}`])
    }
  }

  async #compress(layer: Pick<Layer, 'key' | 'diffId'>, o: CompressOptions): Promise<Descriptor> {
    const { layers, store, onError } = this.#o
    await using scope = new RollbackScope(onError)
    const file = await this.#createFile(scope)
    const made = await this.#write(layer, file.handle, o)
    await file.handle.close()
    scope.undo('hold', layers.holdBlob(made.digest))
    await mkdir(layers.paths.blobDirectory(made.digest), { recursive: true, mode: 0o700 })
    await rename(file.path, layers.paths.blob(made.digest))
    scope.undo('blob', () => layers.removeStrayBlob(made.digest))
    const now = Date.now()
    const { digest, size, mediaType } = made
    await store.write([
      sql`INSERT INTO blob (digest, size, media_type, created_at, last_used_at)
          VALUES (${digest}, ${size}, ${mediaType}, ${now}, ${now})
          ON CONFLICT (digest) DO UPDATE SET last_used_at = excluded.last_used_at`,
      // A blob goes with its layer, so it must be the one that the layer names.
      sql`UPDATE layer SET blob_digest = ${digest} WHERE key = ${layer.key}
          AND NOT EXISTS (SELECT 1 FROM blob WHERE digest = layer.blob_digest)`,
      sql`INSERT INTO layer_blob (diff_id, digest, size, media_type)
          VALUES (${layer.diffId}, ${digest}, ${size}, ${mediaType}) ON CONFLICT DO NOTHING`,
    ])
    return made
  }

  /** The row is there before the file; size 0 says that nothing of it is worth a resume. */
  async #createFile(scope: RollbackScope): Promise<{ path: string; handle: FileHandle }> {
    const { layers, store } = this.#o
    const name = `sha256:${randomBytes(32).toString('hex')}`
    this.#live.add(name)
    scope.undo('live', () => this.#live.delete(name))
    await store.write([
      sql`INSERT INTO partial (digest, size, received, updated_at)
          VALUES (${name}, 0, 0, ${Date.now()})`,
    ])
    scope.undo('row', () => store.write([sql`DELETE FROM partial WHERE digest = ${name}`]))
    await mkdir(layers.paths.partials, { recursive: true, mode: 0o700 })
    const path = layers.paths.partial(name)
    scope.undo('file', () => rm(path, { force: true }))
    const handle = await open(path, 'wx', 0o600)
    scope.undo('close', () => handle.close())
    return { path, handle }
  }

  async #write(
    layer: Pick<Layer, 'key' | 'diffId'>,
    file: FileHandle,
    o: CompressOptions,
  ): Promise<Descriptor> {
    const hash = createHash('sha256')
    const deflate: Deflate = (block) => this.#o.native.deflateBlock(block)
    let size = 0
    for await (const piece of parallelGzip(this.#tarOf(layer, o), { deflate })) {
      const written = file.appendFile(piece)
      hash.update(piece)
      size += piece.length
      await written
      releaseBuffer(piece)
    }
    const digest = `sha256:${hash.digest('hex')}`
    return { mediaType: MEDIA_TYPE.dockerLayerGzip, digest, size }
  }

  /** The tar's pieces, as long as somebody wants them; the last one proves the diff ID. */
  async *#tarOf(
    { key, diffId }: Pick<Layer, 'key' | 'diffId'>,
    o: CompressOptions,
  ): AsyncGenerator<Uint8Array> {
    const { layers, native, store } = this.#o
    const kept = store.get<{ digest: string }>(
      'SELECT b.digest FROM layer l JOIN blob b ON b.digest = l.blob_digest WHERE l.key = ?',
      key,
    )
    const source = { key, diffId, blobDigest: kept?.digest }
    const tar = await openLayerTar({ native, paths: layers.paths }, source)
    let bytes = 0
    for await (const piece of tar.pieces()) {
      o.signal.throwIfAborted()
      o.progress((bytes += piece.length))
      yield piece
      // It was copied into blocks.
      releaseBuffer(piece)
    }
  }
}
