/** `Manifests` of lists and inspect: what an image's index names, and which of it is here. */
import type { ImageManifestSummary, OCIDescriptor } from '@tdocker/api'
import { type Descriptor, type ImageManifest, type Platform, parseManifest } from '@tdocker/oci'
import type { ImageUsers } from './image-backend.ts'
import type { ImageRecord, ImageRecords } from './image-records.ts'

interface Context {
  records: ImageRecords
  users: ImageUsers
}

const ATTESTATION = 'attestation-manifest'

/**
 * One entry for each manifest of the index that the image was pulled by, or for its own manifest; none
 * for an image that came without one (import, commit).
 */
export function imageManifests(
  o: Context,
  image: ImageRecord,
): { Manifests?: ImageManifestSummary[] } {
  const found = manifestsOf(o, image)
  return found.length > 0 ? { Manifests: found } : {}
}

function manifestsOf(o: Context, image: ImageRecord): ImageManifestSummary[] {
  const own = image.manifestDigest
  if (own === undefined) return []
  for (const { digest } of o.records.references(image.id)) {
    const document = digest === undefined ? undefined : o.records.document(digest)
    if (!document) continue
    const manifest = parseManifest(document.body, document.mediaType)
    if (manifest.kind === 'index') {
      return manifest.manifests.map((descriptor) => summary(o, image, descriptor))
    }
  }
  const document = o.records.document(own)
  if (!document) return []
  const { mediaType, body } = document
  return [summary(o, image, { mediaType, digest: own, size: body.length })]
}

function summary(o: Context, image: ImageRecord, descriptor: Descriptor): ImageManifestSummary {
  const { digest } = descriptor
  const document = o.records.document(digest)
  const manifest = document && parseManifest(document.body, document.mediaType)
  const content = document ? document.body.length + contentOf(manifest) : 0
  const isOwn = digest === image.manifestDigest
  const unpacked = isOwn ? image.size : 0
  const common = {
    ID: digest,
    Descriptor: wireDescriptor(descriptor),
    Available: isOwn,
    Size: { Total: content + unpacked, Content: content },
  }
  const { annotations } = descriptor
  if (annotations?.['vnd.docker.reference.type'] === ATTESTATION) {
    const For = annotations['vnd.docker.reference.digest'] ?? ''
    return { ...common, Kind: 'attestation', AttestationData: { For } }
  }
  const platform = isOwn ? platformOf(image) : descriptor.platform
  if (!platform) return { ...common, Kind: 'unknown' }
  const Containers = isOwn ? o.users.usersOf(image.id).map(({ id }) => id) : []
  return {
    ...common,
    Kind: 'image',
    ImageData: { Platform: platform, Containers, Size: { Unpacked: unpacked } },
  }
}

/** Bytes of the config and the compressed layers. */
function contentOf(manifest: ReturnType<typeof parseManifest> | undefined): number {
  if (manifest?.kind !== 'manifest') return 0
  const { config, layers }: ImageManifest = manifest
  return config.size + layers.reduce((sum, layer) => sum + layer.size, 0)
}

function platformOf({ os, architecture, variant }: ImageRecord): Platform {
  return variant === '' ? { os, architecture } : { os, architecture, variant }
}

function wireDescriptor(o: Descriptor): OCIDescriptor {
  const { mediaType, digest, size, platform, annotations } = o
  return {
    mediaType,
    digest,
    size,
    ...(annotations && { annotations: { ...annotations } }),
    ...(platform && { platform }),
  }
}
