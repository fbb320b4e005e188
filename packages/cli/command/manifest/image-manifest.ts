/** A manifest as docker keeps it in `~/.docker/manifests` and shows it by `inspect --verbose`. */
import { indentJson } from '../../format/json.ts'
import { manifestTypes } from '../../client/registry/repository.ts'
import { parseReference } from '../../format/reference.ts'
import type { Reference } from '../../format/reference.ts'

export interface Platform {
  architecture: string
  os: string
  'os.version'?: string
  'os.features'?: string[]
  variant?: string
}

export interface ImageManifest {
  /** The full name. */
  Ref: string
  Descriptor: { mediaType: string; digest: string; size: number; platform?: Platform }
  /** Base64 of the manifest as the registry has it. */
  Raw?: string
  SchemaV2Manifest?: ManifestBody
  OCIManifest?: ManifestBody
}

export interface ManifestBody {
  config?: { digest: string }
  layers?: ReadonlyArray<{ digest: string }>
}

export interface ManifestList {
  schemaVersion: 2
  mediaType: string
  manifests: Array<{ mediaType: string; size: number; digest: string; platform: Platform }>
}

/** The manifest's own text. */
export function payloadOf(manifest: ImageManifest): Buffer {
  if (manifest.Raw) return Buffer.from(manifest.Raw, 'base64')
  const body = manifest.SchemaV2Manifest ?? manifest.OCIManifest
  if (!body) throw new Error(`${manifest.Ref} has no payload`)
  return Buffer.from(JSON.stringify(body))
}

/** Digests of all that the manifest names, its configuration first. */
export function blobsOf(manifest: ImageManifest): string[] {
  const body = manifest.SchemaV2Manifest ?? manifest.OCIManifest
  return [body?.config, ...(body?.layers ?? [])].flatMap((blob) => (blob ? [blob.digest] : []))
}

/** The list that a push makes of them; all of them must be of the list's own registry. */
export function listOf(list: Reference, manifests: readonly ImageManifest[]): ManifestList {
  const isOci = manifests[0]?.Descriptor.mediaType === manifestTypes.ociManifest
  return {
    schemaVersion: 2,
    mediaType: isOci ? manifestTypes.ociIndex : manifestTypes.dockerList,
    manifests: manifests.map((manifest) => entryOf(list, manifest)),
  }
}

function entryOf(
  list: Reference,
  { Ref, Descriptor }: ImageManifest,
): ManifestList['manifests'][0] {
  const { domain } = parseReference(Ref)
  if (domain !== list.domain) {
    throw new Error(
      `cannot use source images from a different registry than the target image: ${domain} != ${list.domain}`,
    )
  }
  const { mediaType, size, digest, platform } = Descriptor
  return { mediaType, size, digest, platform: wirePlatform(platform ?? {}) }
}

/** Keys in the order that docker writes them. */
export function wirePlatform(of: Partial<Platform>): Platform {
  const features = of['os.features'] ?? []
  return {
    architecture: of.architecture ?? '',
    os: of.os ?? '',
    ...(of['os.version'] ? { 'os.version': of['os.version'] } : {}),
    ...(features.length > 0 ? { 'os.features': features } : {}),
    ...(of.variant ? { variant: of.variant } : {}),
  }
}

/** The text of a list, which is what is pushed. */
export function listText(list: ManifestList): string {
  return goJson(list, '   ')
}

export function verboseText(value: ImageManifest | readonly ImageManifest[]): string {
  return goJson(value, '\t')
}

export function payloadText(manifest: ImageManifest): string {
  return indentJson(payloadOf(manifest).toString(), '\t')
}

/** As Go's json.MarshalIndent, which writes nothing that a browser might take for markup. */
function goJson(value: unknown, indent: string): string {
  return indentJson(JSON.stringify(value), indent)
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026')
}
