import { isDigest } from '@tdocker/oci'
import { notFound } from '../base/errors.ts'
import type { ImageSource, ResolvedImage } from '../container/needs.ts'
import type { LayerStore } from '../content/layer-store.ts'
import type { Store } from '../store/store.ts'
import { imageChanges } from './image-catalog.ts'
import type { ImageLookup } from './image-lookup.ts'
import type { ImageRecords } from './image-records.ts'
import type { ImageUse } from './image-use.ts'
import { messages } from './messages.ts'
import { parsePlatformText } from './parse.ts'

/** Names remembered at a time. */
const MAX_KNOWN = 1000

interface ImageSourceContext {
  store: Store
  records: ImageRecords
  lookup: ImageLookup
  layers: LayerStore
  use: ImageUse
  /** Images whose removal is being committed. */
  going: ReadonlySet<string>
}

/**
 * Images for containers. What a name means is remembered until any image changes, so that a create
 * of a known image asks the database nothing.
 */
export class CachedImageSource implements ImageSource {
  readonly #o: ImageSourceContext
  readonly #known = new Map<string, ResolvedImage>()
  #at = -1

  constructor(o: ImageSourceContext) {
    this.#o = o
  }

  /** Async for its errors: the image is looked up, and held, in the turn of the call. */
  async resolve(
    reference: string,
    platform?: string,
    hold?: (imageId: string) => void,
  ): Promise<ResolvedImage> {
    const image = hold
      ? this.#find(reference, platform)
      : (this.#kept(reference) ?? this.#find(reference, platform))
    if (this.#o.going.has(image.id)) throw notFound(messages.noSuchImage(reference))
    if (hold) this.used(image.id)
    hold?.(image.id)
    return image
  }

  used(imageId: string): void {
    this.#o.use.touch(imageId)
  }

  /** A container holds on to its image by full id even when the image was removed by force. */
  #kept(reference: string): ResolvedImage | undefined {
    if (!isDigest(reference)) return undefined
    return this.#remember(`kept ${reference}`, () => {
      const record = this.#o.records.find(reference, { removed: true })
      return record && this.#resolved(record.id)
    })
  }

  #find(reference: string, platform: string | undefined): ResolvedImage {
    const found = this.#remember(`${platform ?? ''} ${reference}`, () =>
      this.#resolved(this.#o.lookup.get(reference, parsePlatformText(platform)).id),
    )
    return found!
  }

  #remember(key: string, look: () => ResolvedImage | undefined): ResolvedImage | undefined {
    const at = imageChanges(this.#o.store)
    if (at !== this.#at || this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#at = at
    const known = this.#known.get(key)
    if (known) return known
    const found = look()
    if (found) this.#known.set(key, found)
    return found
  }

  #resolved(id: string): ResolvedImage {
    const { records, layers } = this.#o
    const keys = records.layers(id).map((layer) => layer.key)
    return { id, config: records.config(id), lowers: layers.lowers(keys) }
  }
}
