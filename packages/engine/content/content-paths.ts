import { join } from 'node:path'
import { digestAlgorithm, digestHex, parseDigest } from '@tdocker/oci'

/** Where content lies below the data root. Digests are checked before they become names. */
export class ContentPaths {
  readonly blobs: string
  readonly partials: string
  readonly layers: string

  constructor(dataRoot: string) {
    this.blobs = join(dataRoot, 'content', 'blobs')
    this.partials = join(dataRoot, 'content', 'partial')
    this.layers = join(dataRoot, 'layers')
  }

  blobDirectory(digest: string): string {
    return join(this.blobs, digestAlgorithm(parseDigest(digest)))
  }

  blob(digest: string): string {
    return join(this.blobDirectory(digest), digestHex(digest))
  }

  partial(digest: string): string {
    return join(this.partials, digestHex(parseDigest(digest)))
  }

  /** Directory of a layer's diff, metadata and whatever belongs to it. */
  layer(key: string): string {
    return join(this.layers, layerDirectory(key))
  }

  /** What overlay stacks. */
  diff(key: string): string {
    return join(this.layer(key), 'diff')
  }

  /** Stands for an image without layers. */
  get emptyDiff(): string {
    return this.diff(EMPTY_KEY)
  }
}

export const EMPTY_KEY = 'empty'

/** A layer that took something from the layers below is good only above these: keyed by chain. */
export function chainKey(chainId: string): string {
  return `chain:${chainId}`
}

const LAYER_KEY = /^(?:empty|unpacking-[0-9a-f]+|(?:chain:)?[a-z0-9]+:[0-9a-f]+)$/

export function layerDirectory(key: string): string {
  if (!LAYER_KEY.test(key)) throw new Error(`not a layer key: ${key}`)
  return key.replaceAll(':', '-')
}
