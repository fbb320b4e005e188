/** The manifest of a push: the one that the image came with, or one made for it. */
import {
  type Descriptor,
  type ImageManifest,
  MEDIA_TYPE,
  digestOf,
  parseManifest,
} from '@tdocker/oci'
import { system } from '../base/errors.ts'
import type { StoredDocument } from './image-records.ts'

export interface PushedManifest {
  bytes: Uint8Array
  digest: string
  mediaType: string
}

export interface ManifestRecords {
  find(id: string, o?: { removed?: boolean }): { manifestDigest: string | undefined } | undefined
  document(digest: string): StoredDocument | undefined
}

interface Stored {
  bytes: Uint8Array
  digest: string
  manifest: ImageManifest
}

export class PushManifest {
  readonly #stored: Stored | undefined
  readonly isOci: boolean
  readonly config: Descriptor
  readonly configBytes: Uint8Array

  private constructor(config: StoredDocument, stored: Stored | undefined) {
    this.#stored = stored
    this.isOci = stored?.manifest.mediaType === MEDIA_TYPE.ociManifest
    this.configBytes = config.body
    this.config = stored?.manifest.config ?? {
      mediaType: MEDIA_TYPE.dockerConfig,
      digest: config.digest,
      size: config.body.length,
    }
  }

  static of(records: ManifestRecords, id: string): PushManifest {
    const config = records.document(id)
    if (!config) throw system(`configuration of image ${id} is missing`)
    const digest = records.find(id, { removed: true })?.manifestDigest
    const document = digest === undefined ? undefined : records.document(digest)
    return new PushManifest(config, document && read(document, id))
  }

  /** The layers that it names, bottom first; undefined where there is none to keep to. */
  get layers(): readonly Descriptor[] | undefined {
    return this.#stored?.manifest.layers
  }

  /** With the layers as the registry has them: the stored one, byte for byte, where those are its own. */
  with(layers: readonly Descriptor[]): PushedManifest {
    const stored = this.#stored
    const named = stored?.manifest.layers
    const isSame =
      named?.length === layers.length && named.every((one, at) => one.digest === layers[at]?.digest)
    if (stored && isSame) {
      return { bytes: stored.bytes, digest: stored.digest, mediaType: stored.manifest.mediaType }
    }
    const mediaType = this.isOci ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.dockerManifest
    const body = {
      schemaVersion: 2,
      mediaType,
      config: written(this.config, this.config.mediaType),
      layers: layers.map((layer) => written(layer, layerType(layer, this.isOci))),
    }
    // Indented as Docker's, so that equal layers give an equal digest.
    const bytes = Buffer.from(JSON.stringify(body, undefined, 3))
    return { bytes, digest: digestOf(bytes), mediaType }
  }
}

function read(document: StoredDocument, id: string): Stored | undefined {
  const manifest = parseManifest(document.body)
  // A manifest that tells of another image is no reason not to push this one.
  if (manifest.kind !== 'manifest' || manifest.config.digest !== id) return undefined
  const { body: bytes, digest } = document
  // What the registry is told is what the document's type is, also where its body does not say it.
  return { bytes, digest, manifest: { ...manifest, mediaType: document.mediaType } }
}

function written(
  { size, digest }: Descriptor,
  mediaType: string,
): { mediaType: string; size: number; digest: string } {
  return { mediaType, size, digest }
}

/** The word for the same bytes in the other specification. */
function layerType({ mediaType }: Descriptor, oci: boolean): string {
  if (/[.+]zstd$/.test(mediaType)) return oci ? MEDIA_TYPE.ociLayerZstd : mediaType
  if (/[.+]gzip$/.test(mediaType)) return oci ? MEDIA_TYPE.ociLayerGzip : MEDIA_TYPE.dockerLayerGzip
  return oci ? MEDIA_TYPE.ociLayer : MEDIA_TYPE.dockerLayer
}
