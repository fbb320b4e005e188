/**
 * What an archive of images holds: docker-archive and OCI layout in one, layers shared, members, order,
 * modes and times as moby's graph driver store writes them (moby daemon/internal/image/tarexport/save.go),
 * so that the same images make the same bytes.
 */
import {
  type Descriptor,
  MEDIA_TYPE,
  digestAlgorithm,
  digestHex,
  digestOf,
  familiarName,
  familiarString,
  type Reference,
  canonicalString,
} from '@tdocker/oci'
import type { LayerTar } from '../../content/layer-tar.ts'
import { goJson, sorted } from './go-json.ts'
import type { TarMember } from './tar-header.ts'
import { v1Configs } from './v1-config.ts'

/** An image with everything that is written of it. */
export interface ImageToSave {
  id: string
  /** The config's exact bytes. */
  config: Buffer
  /** Tagged ones. */
  references: readonly Reference[]
  /** Bottom first. */
  layers: readonly SavedLayer[]
  parentId: string | undefined
}

/** As its tar, or as a compressed form of it, whose pieces these are then. */
export interface SavedLayer extends LayerTar {
  gzip?: { digest: string; size: number }
}

export interface SavedMember extends TarMember {
  /** Nothing for directories. */
  body?: Buffer | LayerTar
}

const FILE = 0o644
/** moby makes them with Go's default and no umask. */
const LAYER = 0o666
const DIRECTORY = 0o755
const EPOCH = 0

/** Nothing of Docker's own beside an OCI layout. */
export interface LayoutOptions {
  ociOnly: boolean
  /** Of manifests. */
  annotations: Readonly<Record<string, string>>
}

/** Members in the order they are written. */
export function archiveMembers(
  images: readonly ImageToSave[],
  o: LayoutOptions = { ociOnly: false, annotations: {} },
): SavedMember[] {
  const blobs = new Blobs()
  const saved = images.map((image) => saveImage(blobs, image, o))
  const known = new Set(images.map((image) => image.id))
  const items = saved.map(({ item, image }) =>
    image.parentId !== undefined && known.has(image.parentId)
      ? withParent(item, image.parentId)
      : item,
  )
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociIndex,
    manifests: images.length === 0 ? null : saved.flatMap((each) => each.descriptors),
  }
  const oci = document('oci-layout', '{"imageLayoutVersion": "1.0.0"}')
  const described = [...blobs.members(), document('index.json', goJson(index))]
  if (o.ociOnly) return [...described, oci]
  const repositories = repositoriesOf(images)
  return [
    ...described,
    document('manifest.json', `${goJson(images.length === 0 ? null : items)}\n`),
    oci,
    ...(repositories ? [document('repositories', `${goJson(repositories)}\n`)] : []),
  ]
}

/** One entry of manifest.json, its keys in moby's order. */
interface ManifestItem {
  Config: string
  RepoTags: string[] | null
  Layers: string[]
  Parent?: string
  LayerSources: Record<string, Descriptor>
}

function withParent(item: ManifestItem, parent: string): ManifestItem {
  const { LayerSources, ...before } = item
  return { ...before, Parent: parent, LayerSources }
}

function saveImage(
  blobs: Blobs,
  image: ImageToSave,
  o: LayoutOptions,
): { image: ImageToSave; item: ManifestItem; descriptors: Descriptor[] } {
  const config = JSON.parse(image.config.toString('utf8')) as Record<string, unknown>
  const created = secondsOf(config['created'])
  const diffIds = image.layers.map((layer) => layer.diffId)
  const legacy = o.ociOnly ? [] : v1Configs(config, diffIds)
  for (const text of legacy) blobs.add(Buffer.from(text), created)
  for (const layer of image.layers) blobs.addLayer(layer, created)
  blobs.add(image.config, created)
  const layers = image.layers.map(layerDescriptor)
  const manifest = manifestOf(image, o.annotations)
  blobs.add(manifest, EPOCH)
  blobs.touch(created)
  const item = {
    Config: blobPath(image.id),
    RepoTags: image.references.length === 0 ? null : image.references.map(familiarString),
    Layers: layers.map((layer) => blobPath(layer.digest)),
    LayerSources: layerSources(diffIds, layers),
  }
  return { image, item, descriptors: describe(manifest, image.references) }
}

/** Its exact bytes. */
export function manifestOf(
  { id, config, layers }: ImageToSave,
  annotations: LayoutOptions['annotations'] = {},
): Buffer {
  const isAnnotated = Object.keys(annotations).length > 0
  return Buffer.from(
    goJson({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: { mediaType: MEDIA_TYPE.ociConfig, digest: id, size: config.length },
      layers: layers.map(layerDescriptor),
      ...(isAnnotated && { annotations: sorted(annotations) }),
    }),
  )
}

function layerDescriptor(layer: SavedLayer): Descriptor {
  if (layer.gzip) return { mediaType: MEDIA_TYPE.ociLayerGzip, ...layer.gzip }
  return { mediaType: MEDIA_TYPE.ociLayer, digest: layer.diffId, size: layer.size }
}

/** By diff ID, as moby's older descriptors are laid out. */
function layerSources(
  diffIds: readonly string[],
  layers: readonly Descriptor[],
): Record<string, Descriptor> {
  const pairs = layers.map(({ mediaType, size, digest }, at) => [
    diffIds[at],
    { mediaType, size, digest },
  ])
  return sorted(Object.fromEntries(pairs) as Record<string, Descriptor>)
}

/** Entries of index.json: one for each tag. */
function describe(manifest: Buffer, references: readonly Reference[]): Descriptor[] {
  const descriptor = {
    mediaType: MEDIA_TYPE.ociManifest,
    digest: digestOf(manifest),
    size: manifest.length,
  }
  // moby leaves an image without a tag out when others have one; it would be lost to OCI's readers.
  if (references.length === 0) return [descriptor]
  return references.map((reference) => ({
    ...descriptor,
    annotations: {
      'io.containerd.image.name': canonicalString(reference),
      'org.opencontainers.image.ref.name': reference.tag ?? '',
    },
  }))
}

/** Repository to tag to topmost layer: for Docker before 1.10. */
function repositoriesOf(
  images: readonly ImageToSave[],
): Record<string, Record<string, string>> | undefined {
  const repositories: Record<string, Record<string, string>> = {}
  for (const { references, layers } of images) {
    for (const reference of references) {
      const tags = (repositories[familiarName(reference)] ??= {})
      tags[reference.tag ?? ''] = digestHex(layers.at(-1)?.diffId ?? '')
    }
  }
  const pairs = Object.entries(repositories).map(([name, tags]) => [name, sorted(tags)] as const)
  return pairs.length === 0 ? undefined : sorted(Object.fromEntries(pairs))
}

function document(name: string, text: string): SavedMember {
  const body = Buffer.from(text)
  return { name, type: 'file', mode: FILE, mtime: EPOCH, size: body.length, body }
}

function blobPath(digest: string): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`
}

/** Times before 1970 are not written. */
function secondsOf(created: unknown): number {
  const ms = typeof created === 'string' ? Date.parse(created) : NaN
  return Number.isNaN(ms) || ms < 0 ? EPOCH : Math.floor(ms / 1000)
}

/** Everything below `blobs`, each digest once; the first to come sets its time. */
class Blobs {
  readonly #files = new Map<string, SavedMember>()
  #touched = EPOCH

  add(body: Buffer, mtime: number): void {
    this.#put(digestOf(body), { mode: FILE, mtime, size: body.length, body })
  }

  addLayer(layer: SavedLayer, mtime: number): void {
    const { digest, size } = layerDescriptor(layer)
    this.#put(digest, { mode: LAYER, mtime, size, body: layer })
  }

  /** The directory's time is that of the image saved last. */
  touch(mtime: number): void {
    this.#touched = mtime
  }

  #put(digest: string, o: Omit<SavedMember, 'name' | 'type'>): void {
    const name = blobPath(digest)
    if (!this.#files.has(name)) this.#files.set(name, { name, type: 'file', ...o })
  }

  members(): SavedMember[] {
    if (this.#files.size === 0) return []
    const files = [...this.#files.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const members = [directory('blobs/', this.#touched)]
    let last = ''
    for (const file of files) {
      const parent = file.name.slice(0, file.name.lastIndexOf('/') + 1)
      if (parent !== last) members.push(directory((last = parent), EPOCH))
      members.push(file)
    }
    return members
  }
}

function directory(name: string, mtime: number): SavedMember {
  return { name, type: 'directory', mode: DIRECTORY, mtime, size: 0 }
}
