/** Brings layers: found, shared with another pull at work, or downloaded and unpacked in one pass. */
import { type Descriptor, digestAlgorithm } from '@tdocker/oci'
import type { Native } from '@tdocker/kernel'
import { system } from '../base/errors.ts'
import { KeyedLock } from '../base/keyed-lock.ts'
import { RollbackScope } from '../base/scope.ts'
import { type Store, sql } from '../store/store.ts'
import { BlobDownload, type BlobSource } from './blob-download.ts'
import { chainKey } from './content-paths.ts'
import { keepInterrupted } from './interrupted-pulls.ts'
import type { Layer, LayerStore, Workspace } from './layer-store.ts'
import { type Extracted, LayerUnpacker, extractionLimits } from './layer-unpacker.ts'
import { localError, unpackError } from './unpack-error.ts'
import { Semaphore } from './semaphore.ts'
import { throttleProgress } from './throttle-progress.ts'

/** What happens to one layer; `current` and `total` in compressed bytes. */
export interface LayerProgress {
  status: string
  current?: number
  total?: number
}

export interface LayerRequest {
  descriptor: Descriptor
  diffId: string
  chainId: string
  /** The layers below, topmost first, when they are all there; only asked for by open ends. */
  below(): Promise<Layer[]>
  source: BlobSource
  signal: AbortSignal
  progress: (progress: LayerProgress) => void
}

interface Transfer {
  /** Pinned once, for all who wait. */
  result: Promise<Layer>
  layer: Layer | undefined
  forget(): void
  listeners: Set<(progress: LayerProgress) => void>
  waiters: number
  abort: AbortController
}

export class LayerPuller {
  readonly #o: {
    layers: LayerStore
    store: Store
    native: Native
    backoffMs: number
    onError: (what: string, error: unknown) => void
  }
  readonly #slots: Semaphore
  #attempts: number
  readonly #locks = new KeyedLock()
  readonly #transfers = new Map<string, Transfer>()

  constructor(o: {
    layers: LayerStore
    store: Store
    native: Native
    maxConcurrentDownloads: number
    maxDownloadAttempts: number
    backoffMs: number
    onError: (what: string, error: unknown) => void
  }) {
    this.#o = o
    this.#slots = new Semaphore(o.maxConcurrentDownloads)
    this.#attempts = o.maxDownloadAttempts
  }

  /** For layers to come; those being pulled go on as they were begun. */
  reload(o: { maxConcurrentDownloads: number; maxDownloadAttempts: number }): void {
    this.#slots.limit = o.maxConcurrentDownloads
    this.#attempts = o.maxDownloadAttempts
  }

  /** Of a pull that broke off, before it unpins its layers: their blobs become downloads to continue. */
  keepInterrupted(pinned: readonly string[]): Promise<void> {
    return keepInterrupted({ ...this.#o, pinned })
  }

  /** The layer, pinned: the caller unpins it when an image holds it (or never will). */
  async pull(request: LayerRequest): Promise<Layer> {
    const { layers } = this.#o
    const found = layers.acquire(request.diffId, request.chainId)
    if (found) {
      request.progress({ status: 'Already exists' })
      return found
    }
    request.progress({ status: 'Pulling fs layer' })
    return this.#share(request)
  }

  /** One transfer per place in a stack, however many pulls wait; it ends when the last one leaves. */
  async #share(request: LayerRequest): Promise<Layer> {
    const transfer = this.#transfers.get(request.chainId) ?? this.#begin(request)
    transfer.waiters++
    transfer.listeners.add(request.progress)
    const left = Promise.withResolvers<never>()
    const leave = (): void => left.reject(request.signal.reason)
    request.signal.addEventListener('abort', leave, { once: true })
    try {
      request.signal.throwIfAborted()
      const layer = await Promise.race([transfer.result, left.promise])
      this.#o.layers.pin(layer.key)
      return layer
    } finally {
      request.signal.removeEventListener('abort', leave)
      transfer.listeners.delete(request.progress)
      transfer.waiters--
      await this.#leave(transfer, request.signal)
    }
  }

  /** The last one out ends the transfer, or gives back the pin that it holds for all. */
  async #leave(transfer: Transfer, signal: AbortSignal): Promise<void> {
    if (transfer.waiters > 0) return
    transfer.forget()
    if (transfer.layer) {
      this.#o.layers.unpin(transfer.layer.key)
      return
    }
    transfer.abort.abort(signal.reason)
    // A cancelled pull has cleaned up when it is over, not some time after.
    await transfer.result.catch(() => {})
  }

  #begin(request: LayerRequest): Transfer {
    const abort = new AbortController()
    const listeners = new Set<(progress: LayerProgress) => void>()
    const tell = throttleProgress((progress) => listeners.forEach((listener) => listener(progress)))
    const result = this.#transfer({ ...request, signal: abort.signal, progress: tell })
    const forget = (): void => {
      if (this.#transfers.get(request.chainId) === transfer) {
        this.#transfers.delete(request.chainId)
      }
    }
    const transfer: Transfer = { result, listeners, waiters: 0, abort, forget, layer: undefined }
    this.#transfers.set(request.chainId, transfer)
    result.then((layer) => {
      // Nobody left to take it over: it came through in spite of the abort.
      if (transfer.waiters === 0) this.#o.layers.unpin(layer.key)
      else transfer.layer = layer
      forget()
    }, forget)
    return transfer
  }

  async #transfer(request: LayerRequest): Promise<Layer> {
    await this.#o.layers.settled(request.diffId, request.chainId)
    if (this.#slots.busy) request.progress({ status: 'Waiting' })
    const letBlobGo = this.#o.layers.holdBlob(request.descriptor.digest)
    try {
      return await this.#obtain(request)
    } catch (error) {
      throw localError(error)
    } finally {
      letBlobGo()
    }
  }

  async #obtain(request: LayerRequest): Promise<Layer> {
    await using scope = new RollbackScope(this.#o.onError)
    // The same blob twice in one image (an empty layer) is downloaded once.
    const unpacked = await this.#locks.run(request.descriptor.digest, async () => {
      const found = this.#o.layers.acquire(request.diffId, request.chainId)
      if (found) return { layer: found }
      return this.#slots.run(request.signal, () => this.#download(request, scope))
    })
    const layer = unpacked.layer ?? (await this.#close(request, unpacked))
    scope.release()
    request.progress({ status: 'Pull complete' })
    return layer
  }

  async #download(request: LayerRequest, scope: RollbackScope): Promise<Unpacked> {
    for (let attempt = 1; ; attempt++) {
      const workspace = await this.#o.layers.createWorkspace(request.diffId, scope)
      await using download = this.#blob(request)
      try {
        await this.#trackPartial(request.descriptor)
        const extracted = await this.#unpack(request, workspace, download)
        await download.keep()
        scope.undo('blob', () => this.#o.layers.removeStrayBlob(request.descriptor.digest))
        scope.undo('partial row', () => this.#untrackPartial(request.descriptor))
        if (hasOpenEnds(extracted)) return { workspace, extracted }
        const layer = await this.#commit(request, workspace, extracted, request.diffId)
        return { layer }
      } catch (error) {
        if (!(await download.giveUp(error))) await this.#untrackPartial(request.descriptor)
        // Bytes kept from an earlier pull may have been the bad ones.
        if (!download.resumed || attempt > 1 || request.signal.aborted) throw error
      }
    }
  }

  #blob(request: LayerRequest): BlobDownload {
    const { descriptor, signal, progress } = request
    return new BlobDownload({
      paths: this.#o.layers.paths,
      descriptor,
      source: request.source,
      signal,
      backoffMs: this.#o.backoffMs,
      attempts: this.#attempts,
      onProgress: (current) => progress({ status: 'Downloading', current, total: descriptor.size }),
      onRetry: (seconds) =>
        progress({ status: `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}` }),
    })
  }

  /** An unpack that fails still reads the blob to its end: a wrong digest explains it better. */
  async #unpack(
    request: LayerRequest,
    workspace: Workspace,
    download: BlobDownload,
  ): Promise<Extracted> {
    const limits = await extractionLimits(this.#o.layers.paths.layers)
    const extractor = this.#o.native.layerExtractor({ dir: workspace.diff, ...limits })
    const unpacker = new LayerUnpacker(
      extractor,
      digestAlgorithm(request.diffId),
      (format) => this.#o.native.decompressor(format),
      { owns: true },
    )
    const pieces = download.pieces()
    let failure: unknown
    try {
      for await (const piece of stopAt(pieces, () => failure !== undefined)) {
        try {
          await unpacker.write(piece)
        } catch (error) {
          failure = error
        }
      }
      if (failure !== undefined) await download.finish(pieces)
      request.progress({ status: 'Verifying Checksum' })
      download.verify()
      request.progress({ status: 'Download complete' })
      if (failure !== undefined) throw unpackError(failure)
      const { size } = request.descriptor
      request.progress({ status: 'Extracting', current: size, total: size })
      return await this.#endUnpack(request, unpacker)
    } finally {
      unpacker.abort()
      await pieces.return(undefined)
    }
  }

  async #endUnpack(request: LayerRequest, unpacker: LayerUnpacker): Promise<Extracted> {
    let done
    try {
      done = await unpacker.end()
    } catch (error) {
      throw unpackError(error)
    }
    if (done.diffId !== request.diffId) {
      throw system("layers from manifest don't match image configuration")
    }
    return done.extracted
  }

  #commit(
    request: LayerRequest,
    workspace: Workspace,
    extracted: Extracted,
    key: string,
  ): Promise<Layer> {
    const { digest, size, mediaType } = request.descriptor
    const blob = { digest, size, mediaType }
    return this.#o.layers.commit({ workspace, key, diffId: request.diffId, extracted, blob })
  }

  /** Implicit directories and links into lower layers get what is below, once it is there. */
  async #close(request: LayerRequest, { workspace, extracted }: Unpacked): Promise<Layer> {
    if (!workspace || !extracted) throw system('internal error: layer was not unpacked')
    const below = await request.below()
    try {
      await this.#o.native.layerClose({
        dir: workspace.diff,
        lowers: below.map((layer) => this.#o.layers.paths.diff(layer.key)),
        implicitDirs: extracted.implicitDirs,
        openLinks: extracted.openLinks,
      })
    } catch (error) {
      throw unpackError(error)
    }
    return this.#commit(request, workspace, extracted, chainKey(request.chainId))
  }

  /** The row is there before the file, so a file without one is garbage. */
  #trackPartial({ digest, size }: Descriptor): Promise<void> {
    return this.#o.store.write([
      sql`INSERT INTO partial (digest, size, received, updated_at)
          VALUES (${digest}, ${size}, 0, ${Date.now()})
          ON CONFLICT (digest) DO UPDATE SET updated_at = excluded.updated_at`,
    ])
  }

  async #untrackPartial({ digest }: Descriptor): Promise<void> {
    try {
      await this.#o.store.write([sql`DELETE FROM partial WHERE digest = ${digest}`])
    } catch (error) {
      this.#o.onError('partial row', error)
    }
  }
}

interface Unpacked {
  layer?: Layer
  workspace?: Workspace
  extracted?: Extracted
}

function hasOpenEnds(extracted: Extracted): boolean {
  return extracted.implicitDirs.length > 0 || extracted.openLinks.length > 0
}

/** Iterates without closing the generator when stopped. */
async function* stopAt<T>(pieces: AsyncGenerator<T>, stop: () => boolean): AsyncGenerator<T> {
  while (!stop()) {
    const next = await pieces.next()
    if (next.done) return
    yield next.value
  }
}
