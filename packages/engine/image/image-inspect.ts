import type { ImageConfig as WireConfig, ImageInspect, OCIDescriptor } from '@tdocker/api'
import { familiarString } from '@tdocker/oci'
import type { ImageConfig } from '@tdocker/oci'
import type { LayerStore } from '../content/layer-store.ts'
import type { ImageRecord, ImageRecords } from './image-records.ts'

const ZERO_TIME = '0001-01-01T00:00:00Z'

/** `GET /images/{name}/json` in its newest form (moby: daemon/images/image_inspect.go). */
export function inspectImage(
  o: { records: ImageRecords; layers: LayerStore },
  image: ImageRecord,
): ImageInspect {
  const config = o.records.config(image.id)
  const references = o.records.references(image.id)
  const tagged = o.records.lastTaggedAt(image.id)
  const descriptor = descriptorOf(o.records, image)
  const comment = config.comment ?? config.history?.at(-1)?.comment
  return {
    Id: image.id,
    ...(descriptor && { Descriptor: descriptor }),
    RepoTags: references.filter((r) => r.tag !== undefined).map(familiarString),
    RepoDigests: references.filter((r) => r.digest !== undefined).map(familiarString),
    ...present('Parent', image.parentId),
    ...present('Comment', comment),
    ...present('Created', config.created),
    ...present('DockerVersion', config.docker_version),
    ...present('Author', config.author),
    ...present('Container', config.container),
    ...(config.container_config && {
      ContainerConfig: config.container_config as NonNullable<ImageInspect['ContainerConfig']>,
    }),
    Config: wireConfig(config),
    Architecture: image.architecture,
    ...present('Variant', image.variant),
    Os: image.os,
    ...present('OsVersion', config['os.version']),
    Size: image.size,
    GraphDriver: graphDriver(o, image.id),
    RootFS: rootfs(config),
    Metadata: { LastTagTime: tagged === undefined ? ZERO_TIME : new Date(tagged).toISOString() },
  }
}

function rootfs(config: ImageConfig): ImageInspect['RootFS'] {
  const { type, diff_ids: ids } = config.rootfs
  return ids.length === 0 ? { Type: type } : { Type: type, Layers: [...ids] }
}

/** The directories as overlay2 names them: UpperDir is the top layer, LowerDir the rest. */
function graphDriver(
  o: { records: ImageRecords; layers: LayerStore },
  id: string,
): NonNullable<ImageInspect['GraphDriver']> {
  const [top = '', ...below] = o.layers.lowers(o.records.layers(id).map((layer) => layer.key))
  const parent = top.replace(/\/diff$/, '')
  return {
    Name: 'overlay2',
    Data: {
      ...(below.length > 0 && { LowerDir: below.join(':') }),
      MergedDir: `${parent}/merged`,
      UpperDir: top,
      WorkDir: `${parent}/work`,
    },
  }
}

/** What the registry served under the image's digest, where it was pulled. */
export function descriptorOf(records: ImageRecords, image: ImageRecord): OCIDescriptor | undefined {
  const digest = image.manifestDigest
  const document = digest === undefined ? undefined : records.document(digest)
  if (digest === undefined || !document) return undefined
  return { mediaType: document.mediaType, digest, size: document.body.length }
}

function present<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined || value === '' ? {} : { [key]: value }) as { [P in K]?: string }
}

/** Only what is set, as from API 1.52 on. */
function wireConfig(image: ImageConfig): WireConfig {
  const { config = {} } = image
  const entries = Object.entries(config).filter(([, value]) => !isEmpty(value))
  return Object.fromEntries(entries) as WireConfig
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
