/** Layers of tars that come from no registry: import, load, commit and build. */
import type { Native } from '@tdocker/kernel'
import { cancelled } from '../base/errors.ts'
import { RollbackScope } from '../base/scope.ts'
import { chainKey } from './content-paths.ts'
import type { Layer, LayerStore, NewLayer, Workspace, WriteLayer } from './layer-store.ts'
import { type Extracted, LayerUnpacker, extractionLimits } from './layer-unpacker.ts'
import { unpackError } from './unpack-error.ts'

export interface LayerMakerContext {
  native: Native
  layers: LayerStore
  onError: (what: string, error: unknown) => void
}

/** A tar that was unpacked and is not a layer yet; disposing removes it unless it was placed. */
export class UnpackedTar implements AsyncDisposable {
  /** Digest of the tar, inflated. */
  readonly diffId: string
  readonly extracted: Extracted
  readonly #o: LayerMakerContext
  readonly #workspace: Workspace
  readonly #scope: RollbackScope

  constructor(
    o: LayerMakerContext,
    unpacked: { diffId: string; extracted: Extracted; workspace: Workspace; scope: RollbackScope },
  ) {
    this.diffId = unpacked.diffId
    this.extracted = unpacked.extracted
    this.#o = o
    this.#workspace = unpacked.workspace
    this.#scope = unpacked.scope
  }

  /**
   * Makes it the layer at its place in a stack: above `below` (topmost first), which give what it
   * takes from them. Comes back pinned; the same layer when it was there already.
   */
  async place(o: {
    chainId: string
    below: readonly Layer[]
    blob?: NewLayer['blob']
    /** Not called for a layer that was there already. */
    write?: WriteLayer
  }): Promise<Layer> {
    const { layers, native } = this.#o
    const { implicitDirs, openLinks } = this.extracted
    const isOpen = implicitDirs.length > 0 || openLinks.length > 0
    if (isOpen) {
      const lowers = o.below.map((layer) => layers.paths.diff(layer.key))
      const ends = { dir: this.#workspace.diff, lowers, implicitDirs, openLinks }
      await native.layerClose(ends).catch((error: unknown) => {
        throw unpackError(error)
      })
    }
    const layer = await layers.commit({
      workspace: this.#workspace,
      key: isOpen ? chainKey(o.chainId) : this.diffId,
      diffId: this.diffId,
      extracted: this.extracted,
      blob: o.blob,
      write: o.write,
    })
    this.#scope.release()
    return layer
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]()
  }
}

/** A place for a layer whose tar is still to come; disposing removes it unless it was taken. */
export class LayerRoom implements AsyncDisposable {
  readonly #scope: RollbackScope
  readonly #workspace: Promise<Workspace>
  #isTaken = false

  constructor(o: LayerMakerContext) {
    this.#scope = new RollbackScope(o.onError)
    // Its diff ID is known when it is all there.
    this.#workspace = o.layers.createWorkspace('', this.#scope)
    // Told to who takes it.
    this.#workspace.catch(() => {})
  }

  /** The scope is the caller's from now on, also when this fails. */
  take(): { scope: RollbackScope; workspace: Promise<Workspace> } {
    this.#isTaken = true
    return { scope: this.#scope, workspace: this.#workspace }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isTaken) return
    await this.#workspace.catch(() => {})
    await this.#scope[Symbol.asyncDispose]()
  }
}

/**
 * Unpacks a tar, compressed or not, into a directory that nobody else sees. Throws what is wrong with
 * the archive in Docker's words, `context canceled` when the signal says so.
 */
export async function unpackTar(
  o: LayerMakerContext,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  room: LayerRoom = new LayerRoom(o),
): Promise<UnpackedTar> {
  const { scope, workspace } = room.take()
  try {
    return await unpackInto(o, body, signal, { scope, workspace: await workspace })
  } catch (error) {
    await scope[Symbol.asyncDispose]()
    if (signal.aborted) throw cancelled('context canceled', error)
    throw unpackError(error)
  }
}

async function unpackInto(
  o: LayerMakerContext,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  { scope, workspace }: { scope: RollbackScope; workspace: Workspace },
): Promise<UnpackedTar> {
  const limits = await extractionLimits(workspace.diff)
  const extractor = o.native.layerExtractor({ dir: workspace.diff, ...limits })
  const unpacker = new LayerUnpacker(extractor, undefined, (format) =>
    o.native.decompressor(format),
  )
  try {
    for await (const chunk of body) {
      signal.throwIfAborted()
      await unpacker.write(chunk)
    }
    const { diffId, extracted } = await unpacker.end()
    return new UnpackedTar(o, { diffId, extracted, workspace, scope })
  } finally {
    unpacker.abort()
  }
}
