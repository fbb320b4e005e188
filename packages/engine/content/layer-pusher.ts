/**
 * Brings layers to a repository: already there, mounted from another one, uploaded as they are kept,
 * or rebuilt and compressed first.
 */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { Descriptor } from '@tdocker/oci'
import { type UploadSession, hasBlob, mountBlob, uploadBlob } from '../registry/blob-upload.ts'
import { NoCredentials, RegistryError } from '../registry/registry-error.ts'
import type { Repository } from '../registry/repository.ts'
import type { BlobPlace, KeptBlobs } from './kept-blobs.ts'
import type { LayerCompressor } from './layer-compressor.ts'
import type { LayerProgress } from './layer-puller.ts'
import type { Layer, LayerStore } from './layer-store.ts'
import { Semaphore } from './semaphore.ts'
import { SharedTransfers } from './shared-transfers.ts'
import { throttleProgress } from './throttle-progress.ts'

export interface LayerPush {
  layer: Layer
  /** The form that the image's manifest names, if it has one. */
  wanted: Descriptor | undefined
  /** Whether zstd is understood where it goes: OCI manifests only. */
  zstd: boolean
  repository: Repository
  place: BlobPlace
  /** Who pushes: uploads are shared among the same. */
  who: string
  signal: AbortSignal
  progress: (progress: LayerProgress) => void
}

/** Bytes read of a file at a time. */
const PIECE = 1024 * 1024
/** Forms of a layer that a repository is asked for. */
const MAX_FORMS = 4

export class LayerPusher {
  readonly #o: {
    layers: LayerStore
    kept: KeptBlobs
    compressor: LayerCompressor
    backoffMs: number
    attempts: number
  }
  readonly #slots: Semaphore
  readonly #shared = new SharedTransfers<Descriptor, LayerProgress>()

  constructor(o: {
    layers: LayerStore
    kept: KeptBlobs
    compressor: LayerCompressor
    maxConcurrentUploads: number
    backoffMs: number
    attempts: number
  }) {
    this.#o = o
    this.#slots = new Semaphore(o.maxConcurrentUploads)
  }

  /** For layers to come. */
  reload(o: { maxConcurrentUploads: number }): void {
    this.#slots.limit = o.maxConcurrentUploads
  }

  /** Resolves with the form that the repository has. The caller keeps the layer pinned. */
  push(push: LayerPush): Promise<Descriptor> {
    const { place, layer, wanted, who } = push
    const key = [place.host, place.repository, layer.key, wanted?.digest, push.zstd, who].join(' ')
    return this.#shared.run(key, push, (signal, tell) =>
      this.#push({ ...push, signal, progress: throttleProgress(tell) }),
    )
  }

  async #push(push: LayerPush): Promise<Descriptor> {
    if (this.#slots.busy) push.progress({ status: 'Waiting' })
    return this.#slots.run(push.signal, async () => {
      const brought = await this.#bring(push)
      await this.#o.kept.remember(push.layer.diffId, brought, push.place)
      return brought
    })
  }

  async #bring(push: LayerPush): Promise<Descriptor> {
    for (const form of this.#forms(push)) {
      const letGo = this.#o.layers.holdBlob(form.digest)
      try {
        if (await this.#bringForm(push, form)) return form
      } finally {
        letGo()
      }
    }
    const form = await this.#compress(push)
    const letGo = this.#o.layers.holdBlob(form.digest)
    try {
      if (await this.#bringForm(push, form)) return form
    } finally {
      letGo()
    }
    throw new Error(`blob ${form.digest} was lost while it was pushed`)
  }

  /** The wanted form first: with it the manifest keeps its digest. */
  #forms({ layer, wanted, zstd }: LayerPush): Descriptor[] {
    const usable = ({ mediaType }: Descriptor): boolean =>
      /[.+]gzip$/.test(mediaType) || (zstd && /[.+]zstd$/.test(mediaType))
    const others = this.#o.kept
      .formsOf(layer.diffId)
      .filter((form) => form.digest !== wanted?.digest && usable(form))
    return [...(wanted ? [wanted] : []), ...others].slice(0, MAX_FORMS)
  }

  #compress({ layer, signal, progress }: LayerPush): Promise<Descriptor> {
    return this.#o.compressor.compress(layer, {
      signal,
      progress: (current) => progress({ status: 'Preparing', current, total: layer.size }),
    })
  }

  /** False when the registry has no such blob and it is not kept here either. */
  async #bringForm(push: LayerPush, form: Descriptor): Promise<boolean> {
    const { repository, signal, progress } = push
    if (await repository.retry(signal, () => hasBlob(repository, form, signal))) {
      progress({ status: 'Layer already exists' })
      return true
    }
    const mounted = await this.#mount(push, form)
    if (mounted === true) return true
    const path = await this.#o.kept.find(form)
    if (path === undefined) return false
    try {
      await this.#upload(push, form, path, mounted)
    } catch (error) {
      const damaged = error instanceof RegistryError && error.code === 'DIGEST_INVALID'
      if (!damaged || (await this.#o.kept.isSound(form.digest, path))) throw error
      return false
    }
    progress({ status: 'Pushed' })
    return true
  }

  /** Failures are told by the upload that follows. */
  async #mount(push: LayerPush, { digest }: Descriptor): Promise<true | UploadSession | undefined> {
    const { kept } = this.#o
    const { repository, place, signal } = push
    let session: UploadSession | undefined
    for (const from of kept.locations(digest, { ...place, except: place.repository })) {
      try {
        const mounted = await mountBlob(repository, { digest, from, signal })
        if (mounted === true) {
          push.progress({ status: `Mounted from ${from}` })
          return true
        }
        session = mounted ?? session
        await kept.forgetLocation(digest, place.host, from)
      } catch (error) {
        if (!(error instanceof RegistryError || error instanceof NoCredentials)) throw error
      }
    }
    return session
  }

  #upload(
    push: LayerPush,
    { digest, size }: Descriptor,
    path: string,
    session: UploadSession | undefined,
  ): Promise<void> {
    const { repository, signal, progress } = push
    progress({ status: 'Pushing', current: 0, total: size })
    async function* read(start: number, end: number): AsyncGenerator<Buffer> {
      const file = createReadStream(path, { start, end: end - 1, highWaterMark: PIECE })
      let current = start
      for await (const piece of file as AsyncIterable<Buffer>) {
        yield piece
        progress({ status: 'Pushing', current: (current += piece.length), total: size })
      }
    }
    const open = (start: number, end: number): Readable =>
      Readable.from(read(start, end), { objectMode: false, highWaterMark: PIECE })
    return uploadBlob(
      repository,
      { digest, size, open },
      {
        signal,
        session,
        attempts: this.#o.attempts,
        backoffMs: this.#o.backoffMs,
        onRetry: (seconds) =>
          progress({ status: `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}` }),
      },
    )
  }
}
