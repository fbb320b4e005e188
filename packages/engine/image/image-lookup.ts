/** From what a user types to an image. */
import {
  type Platform,
  type Reference,
  familiarString,
  hostPlatform,
  platformMatches,
  withDefaultTag,
} from '@tdocker/oci'
import { notFound } from '../base/errors.ts'
import type { ImageRecord, ImageRecords } from './image-records.ts'
import { messages } from './messages.ts'
import { parseName } from './parse.ts'

export class ImageLookup {
  readonly #records: ImageRecords

  constructor(records: ImageRecords) {
    this.#records = records
  }

  /**
   * By id, digest, name with tag or digest, or the beginning of an id. Throws notFound
   * `No such image: …` with the name as Docker prints it.
   */
  get(name: string, platform?: Platform): ImageRecord {
    const image = this.#find(name, platform ?? hostPlatform())
    if (platform && !platformMatches(platform, platformOf(image))) {
      throw notFound(messages.platformMismatch(name, platformOf(image), platform))
    }
    return image
  }

  #find(name: string, platform: Platform): ImageRecord {
    const parsed = parseName(name)
    const found =
      parsed.kind === 'id'
        ? this.#records.find(parsed.digest)
        : (this.#byReference(parsed.reference, platform) ?? this.#byPrefix(name))
    if (found) return found
    const told =
      parsed.kind === 'id' ? parsed.digest : familiarString(withDefaultTag(parsed.reference))
    throw notFound(messages.noSuchImage(told))
  }

  #byReference(reference: Reference, platform: Platform): ImageRecord | undefined {
    if (reference.digest === undefined) {
      const id = this.#records.findTag(withDefaultTag(reference))
      return id === undefined ? undefined : this.#records.find(id)
    }
    const images = this.#records
      .findDigest(reference)
      .map((id) => this.#records.find(id))
      .filter((image) => image !== undefined)
    return images.find((image) => platformMatches(platform, platformOf(image))) ?? images[0]
  }

  /** A prefix that fits two images names none. */
  #byPrefix(name: string): ImageRecord | undefined {
    const hex = name.startsWith('sha256:') ? name.slice('sha256:'.length) : name
    if (!/^[0-9a-f]{1,64}$/.test(hex)) return undefined
    const [id, second] = this.#records.findByPrefix(hex)
    return id === undefined || second !== undefined ? undefined : this.#records.find(id)
  }
}

export function platformOf(image: ImageRecord): Platform {
  const { os, architecture, variant } = image
  return variant === '' ? { os, architecture } : { os, architecture, variant }
}
