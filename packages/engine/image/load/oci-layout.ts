/** An OCI image layout (image-spec image-layout.md): index.json, indexes within it, manifests. */
import {
  type Descriptor,
  type ImageIndex,
  InvalidDigest,
  InvalidManifest,
  MEDIA_TYPE,
  type Manifest,
  type Platform,
  type Reference,
  digestAlgorithm,
  digestHex,
  digestOf,
  familiarString,
  hostPlatform,
  parseManifest,
  platformRank,
} from '@tdocker/oci'
import { system } from '../../base/errors.ts'
import type { StoredDocument } from '../image-records.ts'
import { isSamePlatform } from '../save/save-names.ts'
import type { ArchiveContents } from './archive-contents.ts'
import { type ImageToLoad, parseLayoutName } from './image-to-load.ts'

const MAX_DEPTH = 3
const MAX_IMAGES = 10_000

/** An entry on the way down to a manifest. */
interface Found {
  descriptor: Descriptor
  references: readonly Reference[]
  /** Indexes that led here. */
  above: readonly StoredDocument[]
}

/**
 * Images of a layout. Of several platforms of one image the one that runs best here is taken, or those
 * that `platforms` names.
 */
export function* ociImages(
  contents: ArchiveContents,
  index: Buffer,
  platforms: readonly Platform[],
): Generator<ImageToLoad> {
  const top = read(index, undefined)
  if (top.kind !== 'index') throw system('invalid archive: index.json is not an image index')
  const entries = top.manifests.map((descriptor) => ({
    descriptor,
    references: namesOf(descriptor),
    above: [],
  }))
  const found = [...groups(entries)].flatMap((group) => descendAll(contents, group, platforms, 1))
  if (found.length > MAX_IMAGES) throw system('invalid archive: too many images')
  for (const each of merged(found)) yield readImage(contents, each)
}

function namesOf({ annotations = {} }: Descriptor): Reference[] {
  const name =
    annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name']
  const reference = name === undefined ? undefined : parseLayoutName(name)
  return reference ? [reference] : []
}

/** Entries of one name are one image's platforms when they say which. */
function* groups(entries: readonly Found[]): Generator<Found[]> {
  const named = new Map<string, Found[]>()
  for (const entry of entries) {
    const { platform } = entry.descriptor
    const name = entry.references.map(familiarString).join()
    const isOneOfMany = platform !== undefined && platform.os !== '' && platform.os !== 'unknown'
    if (!isOneOfMany) {
      if (isImage(entry.descriptor)) yield [entry]
      continue
    }
    const group = named.get(name) ?? []
    named.set(name, group)
    group.push(entry)
  }
  yield* named.values()
}

/** Signatures and attestations are listed among the images. */
function isImage(entry: Descriptor): boolean {
  const kinds: readonly string[] = [
    MEDIA_TYPE.ociManifest,
    MEDIA_TYPE.ociIndex,
    MEDIA_TYPE.dockerManifest,
    MEDIA_TYPE.dockerList,
  ]
  return (
    kinds.includes(entry.mediaType) &&
    entry.annotations?.['vnd.docker.reference.type'] !== 'attestation-manifest'
  )
}

function descendAll(
  contents: ArchiveContents,
  group: readonly Found[],
  platforms: readonly Platform[],
  depth: number,
): Found[] {
  return choose(group, platforms).flatMap((entry) => descend(contents, entry, platforms, depth))
}

function choose(group: readonly Found[], platforms: readonly Platform[]): readonly Found[] {
  const images = group.filter(({ descriptor }) => isImage(descriptor))
  if (platforms.length > 0) {
    return images.filter(({ descriptor: { platform } }) => {
      return platform === undefined || platforms.some((wanted) => isSamePlatform(wanted, platform))
    })
  }
  if (images.length < 2) return images
  const host = hostPlatform()
  const ranked = images
    .map((entry) => ({ entry, rank: rankOf(host, entry.descriptor) }))
    .filter(({ rank }) => rank !== undefined)
    .toSorted((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
  return ranked.slice(0, 1).map(({ entry }) => entry)
}

function rankOf(host: Platform, { platform }: Descriptor): number | undefined {
  return platform === undefined ? 1000 : platformRank(host, platform)
}

function descend(
  contents: ArchiveContents,
  entry: Found,
  platforms: readonly Platform[],
  depth: number,
): Found[] {
  const { descriptor, references, above } = entry
  const bytes = blobDocument(contents, descriptor)
  const manifest = read(bytes, descriptor.mediaType)
  if (manifest.kind !== 'index') return [entry]
  if (depth === MAX_DEPTH) throw system('image index is nested too deeply')
  const document = stored(descriptor.digest, manifest, bytes)
  const inner = manifest.manifests.map((next) => ({
    descriptor: next,
    references: references.length > 0 ? references : namesOf(next),
    above: [...above, document],
  }))
  return descendAll(contents, inner, platforms, depth + 1)
}

/** One image may have an entry for each of its names. */
function merged(found: readonly Found[]): Found[] {
  const images = new Map<string, Found>()
  for (const each of found) {
    const known = images.get(each.descriptor.digest)
    const references = [...(known?.references ?? []), ...each.references]
    images.set(each.descriptor.digest, { ...(known ?? each), references })
  }
  return [...images.values()]
}

function readImage(
  contents: ArchiveContents,
  { descriptor, references, above }: Found,
): ImageToLoad {
  const bytes = blobDocument(contents, descriptor)
  const manifest = read(bytes, descriptor.mediaType)
  if (manifest.kind !== 'manifest') {
    throw system(`invalid archive: ${descriptor.digest} is not an image manifest`)
  }
  return {
    config: blobDocument(contents, manifest.config),
    ...(manifest.config.mediaType !== '' && { mediaType: manifest.config.mediaType }),
    layers: manifest.layers.map((layer) => blobPath(layer.digest)),
    references,
    documents: [...above, stored(descriptor.digest, manifest, bytes)],
  }
}

/** The manifest that a layout beside manifest.json has for a config, with its layers. */
export function manifestOfConfig(
  contents: ArchiveContents,
  configDigest: string,
): { document: StoredDocument; layers: readonly Descriptor[] } | undefined {
  const index = contents.findDocument('index.json')
  if (!index) return undefined
  try {
    for (const descriptor of manifestsOf(contents, read(index, undefined), 1)) {
      const bytes = blobDocument(contents, descriptor)
      const manifest = read(bytes, descriptor.mediaType)
      if (manifest.kind !== 'manifest' || manifest.config.digest !== configDigest) continue
      return { document: stored(descriptor.digest, manifest, bytes), layers: manifest.layers }
    }
  } catch {
    // manifest.json is what counts; what is beside it may be anything.
  }
  return undefined
}

function* manifestsOf(
  contents: ArchiveContents,
  manifest: Manifest,
  depth: number,
): Generator<Descriptor> {
  if (manifest.kind !== 'index' || depth > MAX_DEPTH) return
  for (const descriptor of manifest.manifests.filter(isImage)) {
    const bytes = contents.findDocument(blobPath(descriptor.digest))
    if (!bytes) continue
    const next = read(bytes, descriptor.mediaType)
    if (next.kind === 'index') yield* manifestsOf(contents, next, depth + 1)
    else yield descriptor
  }
}

function stored(digest: string, manifest: ImageIndex | Manifest, body: Buffer): StoredDocument {
  return { digest, mediaType: manifest.mediaType, body }
}

/** A document by its descriptor, its digest checked. */
function blobDocument(contents: ArchiveContents, { digest }: Descriptor): Buffer {
  const bytes = contents.document(blobPath(digest))
  const actual = digestOf(bytes, digestAlgorithm(digest))
  if (actual !== digest) {
    throw system(`invalid archive: blob ${digest} has the content of ${actual}`)
  }
  return bytes
}

function blobPath(digest: string): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`
}

function read(bytes: Buffer, mediaType: string | undefined): Manifest {
  try {
    return parseManifest(bytes, mediaType)
  } catch (error) {
    if (error instanceof InvalidManifest || error instanceof InvalidDigest) {
      throw system(`invalid archive: ${error.message}`, error)
    }
    throw error
  }
}
