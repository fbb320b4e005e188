/** A member of an archive that is a layer: there already, or unpacked while it came by. */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MEDIA_TYPE, digestAlgorithm } from '@tdocker/oci'
import { system } from '../../base/errors.ts'
import { type LayerMakerContext, type UnpackedTar, unpackTar } from '../../content/layer-maker.ts'
import type { Layer } from '../../content/layer-store.ts'
import { openLayerTar } from '../../content/layer-tar.ts'
import type { Compression } from '../../content/inflate.ts'

/** A compressed layer's bytes as they came, set aside until it has a place. */
export interface KeptBlob {
  digest: string
  size: number
  mediaType: string
  path: string
}

/** Where a layer goes. */
export interface Place {
  diffId: string
  chainId: string
  /** Topmost first. */
  below: readonly Layer[]
}

const BLOB_TYPE: Readonly<Partial<Record<Compression, string>>> = {
  gzip: MEDIA_TYPE.ociLayerGzip,
  zstd: MEDIA_TYPE.ociLayerZstd,
}

export class ArchiveLayer {
  readonly #o: LayerMakerContext
  readonly #tar: UnpackedTar | undefined
  readonly #known: Layer | undefined
  readonly #blob: KeptBlob | undefined
  /** Where the tar went: it can be placed once. */
  #placed: Layer | undefined

  constructor(
    o: LayerMakerContext,
    source: { tar: UnpackedTar; blob?: KeptBlob | undefined } | { known: Layer },
  ) {
    this.#o = o
    this.#tar = 'tar' in source ? source.tar : undefined
    this.#known = 'known' in source ? source.known : undefined
    this.#blob = 'tar' in source ? source.blob : undefined
  }

  get diffId(): string {
    return this.#tar?.diffId ?? this.#known?.diffId ?? ''
  }

  /** Makes it a layer there; it comes back pinned. */
  async place(place: Place, signal: AbortSignal): Promise<Layer> {
    if (this.#known) return this.#again(this.#known, place, signal)
    if (this.#placed) return this.#again(this.#placed, place, signal)
    if (!this.#tar) throw system('internal error: a layer without content')
    const layer = await this.#placeTar(this.#tar, place)
    // Held until all images of the archive are made.
    this.#o.layers.pin(layer.key)
    this.#placed = layer
    return layer
  }

  async #placeTar(tar: UnpackedTar, { chainId, below }: Place): Promise<Layer> {
    const { layers } = this.#o
    const blob = this.#blob
    if (!blob) return tar.place({ chainId, below })
    const letGo = layers.holdBlob(blob.digest)
    try {
      await mkdir(layers.paths.blobDirectory(blob.digest), { recursive: true, mode: 0o700 })
      await rename(blob.path, layers.paths.blob(blob.digest))
      const { digest, size, mediaType } = blob
      return await tar.place({ chainId, below, blob: { digest, size, mediaType } })
    } finally {
      // Unless the layer took it.
      await layers.removeStrayBlob(blob.digest)
      letGo()
    }
  }

  /** The same layer above others, where it took something from those below: unpacked once more. */
  async #again(layer: Layer, place: Place, signal: AbortSignal): Promise<Layer> {
    const found = this.#o.layers.acquire(place.diffId, place.chainId)
    if (found) return found
    const { native, layers } = this.#o
    const source = await openLayerTar({ native, paths: layers.paths }, layer)
    await using tar = await unpackTar(this.#o, source.pieces(), signal)
    return await tar.place({ chainId: place.chainId, below: place.below })
  }

  /** What was not placed goes; what was is no longer held. */
  async dispose(): Promise<void> {
    if (this.#known) this.#o.layers.unpin(this.#known.key)
    if (this.#placed) this.#o.layers.unpin(this.#placed.key)
    else await this.#tar?.[Symbol.asyncDispose]()
    if (this.#blob) await rm(this.#blob.path, { force: true })
  }
}

/** Sets a blob aside while it is read, if it turns out to be what its name says. */
export class BlobKeeper {
  readonly #digest: string
  readonly #mediaType: string
  readonly #path: string
  readonly #hash: ReturnType<typeof createHash>
  #file: FileHandle | undefined
  #size = 0

  private constructor(digest: string, mediaType: string, path: string) {
    this.#digest = digest
    this.#mediaType = mediaType
    this.#path = path
    this.#hash = createHash(digestAlgorithm(digest))
  }

  /** Undefined for what no registry takes; `directory` is a place of the caller's. */
  static async open(o: {
    digest: string
    compression: Compression
    directory: string
    name: string
  }): Promise<BlobKeeper | undefined> {
    const mediaType = BLOB_TYPE[o.compression]
    if (mediaType === undefined) return undefined
    const keeper = new BlobKeeper(o.digest, mediaType, join(o.directory, o.name))
    await mkdir(dirname(keeper.#path), { recursive: true, mode: 0o700 })
    keeper.#file = await open(keeper.#path, 'wx', 0o600)
    return keeper
  }

  /** The pieces, each on its way into the file. */
  async *tee(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      this.#hash.update(piece)
      this.#size += piece.length
      const written = this.#file?.appendFile(piece)
      // Whoever takes the piece may fail first; the write is awaited all the same.
      written?.catch(() => {})
      try {
        yield piece
      } finally {
        await written
      }
    }
  }

  /** Throws when the content is not of its digest. */
  async finish(): Promise<KeptBlob> {
    await this.#file?.close()
    const actual = `${digestAlgorithm(this.#digest)}:${this.#hash.digest('hex')}`
    if (actual !== this.#digest) {
      throw system(`invalid archive: blob ${this.#digest} has the content of ${actual}`)
    }
    return {
      digest: this.#digest,
      size: this.#size,
      mediaType: this.#mediaType,
      path: this.#path,
    }
  }

  async discard(): Promise<void> {
    await this.#file?.close().catch(() => {})
    await rm(this.#path, { force: true })
  }
}
