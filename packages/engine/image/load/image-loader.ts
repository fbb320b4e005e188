import {
  type Descriptor,
  type ImageConfig,
  InvalidImageConfig,
  MAX_LAYERS,
  type Platform,
  chainIds,
  digestOf,
  familiarString,
  parseImageConfig,
} from '@tdocker/oci'
import { system } from '../../base/errors.ts'
import type { Layer } from '../../content/layer-store.ts'
import type { Progress } from '../image-backend.ts'
import { imageEvent } from '../image-events.ts'
import { type StoredDocument, setParent } from '../image-records.ts'
import { storeImage } from '../image-store.ts'
import { isSamePlatform } from '../save/save-names.ts'
import type { ArchiveContents } from './archive-contents.ts'
import type { ImageToLoad } from './image-to-load.ts'
import type { LegacyImage } from './legacy-archive.ts'
import type { LoadContext } from './load-images.ts'
import { isValidParent } from './parent.ts'

/** A manifest beside manifest.json. */
type ManifestFinder = (
  configDigest: string,
) => { document: StoredDocument; layers: readonly Descriptor[] } | undefined

/** Makes images of what an archive holds, one after the other. */
export class ImageLoader {
  readonly #o: LoadContext
  readonly #contents: ArchiveContents
  readonly #platforms: readonly Platform[]
  readonly #signal: AbortSignal
  readonly #progress: Progress
  readonly #loaded = new Map<string, { parent: string | undefined }>()
  readonly #unnamed: string[] = []

  constructor(
    o: LoadContext,
    load: {
      contents: ArchiveContents
      platforms: readonly Platform[]
      signal: AbortSignal
      progress: Progress
    },
  ) {
    this.#o = o
    this.#contents = load.contents
    this.#platforms = load.platforms
    this.#signal = load.signal
    this.#progress = load.progress
  }

  async load(image: ImageToLoad, findManifest?: ManifestFinder): Promise<void> {
    this.#signal.throwIfAborted()
    const config = readConfig(image.config)
    if (config.os !== '' && config.os !== 'linux') {
      throw system(`cannot load ${config.os} image on linux`)
    }
    if (!this.#isWanted(config)) return
    const diffIds = config.rootfs.diff_ids
    if (image.layers.length !== diffIds.length) {
      throw system(
        `invalid manifest, layers length mismatch: expected ${image.layers.length}, got ${diffIds.length}`,
      )
    }
    const layers = await this.#placeAll(image.layers, diffIds)
    try {
      const documents = image.documents ?? this.#keptManifest(image.config, layers, findManifest)
      await this.#store({ ...image, ...(documents && { documents }) }, config, layers)
    } finally {
      layers.forEach((layer) => this.#o.layers.unpin(layer.key))
    }
  }

  /** Whose config is made of what its layers turn out to be. */
  async loadLegacy({ references, layers, config }: LegacyImage): Promise<void> {
    const diffIds: string[] = []
    for (const path of layers) diffIds.push((await this.#contents.layer(path)).diffId)
    await this.load({ config: config(diffIds), layers, references })
  }

  #isWanted(config: ImageConfig): boolean {
    return (
      this.#platforms.length === 0 ||
      this.#platforms.some((wanted) => isSamePlatform(wanted, config))
    )
  }

  /** Bottom first, pinned. */
  async #placeAll(paths: readonly string[], diffIds: readonly string[]): Promise<Layer[]> {
    if (diffIds.length > MAX_LAYERS) throw system('max depth exceeded')
    const chain = chainIds(diffIds)
    const layers: Layer[] = []
    try {
      for (const [at, path] of paths.entries()) {
        this.#signal.throwIfAborted()
        const place = {
          diffId: diffIds[at] ?? '',
          chainId: chain[at] ?? '',
          below: layers.toReversed(),
        }
        layers.push(await this.#place(path, at, place))
      }
      return layers
    } catch (error) {
      layers.forEach((layer) => this.#o.layers.unpin(layer.key))
      throw error
    }
  }

  async #place(
    path: string,
    at: number,
    place: { diffId: string; chainId: string; below: readonly Layer[] },
  ): Promise<Layer> {
    const found = this.#o.layers.acquire(place.diffId, place.chainId)
    // As in moby, what is here already need not be in the archive.
    if (found) return found
    const layer = await this.#contents.layer(path)
    if (layer.diffId !== place.diffId) {
      throw system(
        `invalid diffID for layer ${at}: expected ${JSON.stringify(place.diffId)}, got ${JSON.stringify(layer.diffId)}`,
      )
    }
    return layer.place(place, this.#signal)
  }

  /** Only where a push could send what the manifest names: compressed layers that were kept. */
  #keptManifest(
    config: Buffer,
    layers: readonly Layer[],
    find: ManifestFinder | undefined,
  ): StoredDocument[] | undefined {
    const found = find?.(digestOf(config))
    if (!found || found.layers.length !== layers.length) return undefined
    const isKept = found.layers.every(
      ({ digest }, at) => this.#o.records.blobOfLayer(layers[at]?.key ?? '') === digest,
    )
    return isKept ? [found.document] : undefined
  }

  async #store(image: ImageToLoad, config: ImageConfig, layers: readonly Layer[]): Promise<void> {
    const { references, documents = [] } = image
    const before = references.map((reference) => this.#o.records.findTag(reference))
    const manifestDigest = documents.at(-1)?.digest
    const id = await storeImage(this.#o, {
      config,
      body: image.config,
      ...(image.mediaType !== undefined && { mediaType: image.mediaType }),
      documents,
      ...(manifestDigest !== undefined && { manifestDigest }),
      layers,
      references,
      quietTags: true,
      event: (made) => imageEvent('load', { actorId: made, name: made, config }),
    })
    this.#loaded.set(id, { parent: image.parent })
    for (const [at, reference] of references.entries()) {
      const name = familiarString(reference)
      const previous = before[at]
      if (previous !== undefined && previous !== id) {
        this.#say(
          `The image ${name} already exists, renaming the old one with ID ${previous} to empty string`,
        )
      }
      this.#say(`Loaded image: ${name}`)
    }
    if (references.length === 0) this.#unnamed.push(id)
  }

  /** What can be said and linked when all images are there. */
  async finish(): Promise<void> {
    for (const [id, { parent }] of this.#loaded) {
      if (parent !== undefined && this.#loaded.has(parent)) await this.#link(id, parent)
    }
    for (const id of this.#unnamed) this.#say(`Loaded image ID: ${id}`)
  }

  async #link(id: string, parent: string): Promise<void> {
    const { records, store } = this.#o
    if (!isValidParent(records.config(id), records.config(parent))) {
      throw system(`image ${parent} is not a valid parent for ${id}`)
    }
    await store.write([setParent(id, parent)])
  }

  #say(line: string): void {
    this.#progress({ stream: `${line}\n` })
  }
}

function readConfig(bytes: Buffer): ImageConfig {
  try {
    return parseImageConfig(bytes)
  } catch (error) {
    if (!(error instanceof InvalidImageConfig)) throw error
    const isBare = error.message === 'invalid rootfs in image configuration'
    throw system(isBare ? 'invalid image JSON, no RootFS key' : error.message, error)
  }
}
