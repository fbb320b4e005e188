/** Manifests and indexes, read from bytes that a registry or archive sent. */
import { type Descriptor, MEDIA_TYPE } from './descriptor.ts'
import { InvalidDigest, parseDigest } from './digest.ts'

export interface ImageManifest {
  kind: 'manifest'
  mediaType: string
  config: Descriptor
  /** Bottom first. */
  layers: Descriptor[]
  artifactType?: string
  annotations?: Record<string, string>
}

export interface ImageIndex {
  kind: 'index'
  mediaType: string
  manifests: Descriptor[]
  annotations?: Record<string, string>
}

/** Schema 1, which is refused by name. */
export interface LegacyManifest {
  kind: 'schema1'
  mediaType: string
}

export type Manifest = ImageManifest | ImageIndex | LegacyManifest

export class InvalidManifest extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidManifest'
  }
}

/** Docker refuses to make images of more layers than this (moby: layer.MaxLayerDepth + 1). */
export const MAX_LAYERS = 500
const MAX_INDEX_ENTRIES = 10_000

const MANIFEST_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE.dockerManifest,
  MEDIA_TYPE.ociManifest,
])
const INDEX_TYPES: ReadonlySet<string> = new Set([MEDIA_TYPE.dockerList, MEDIA_TYPE.ociIndex])
const SCHEMA1_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE.dockerSchema1,
  MEDIA_TYPE.dockerSchema1Signed,
])

/**
 * Reads a manifest or an index. `declared` is the type that the descriptor or the Content-Type named;
 * it must agree with the document, and a document that is both kinds at once is refused
 * (CVE-2021-41190).
 */
export function parseManifest(bytes: Uint8Array, declared?: string): Manifest {
  const document = parseObject(bytes)
  const stated = stringField(document, 'mediaType')
  const wanted = bareType(declared)
  if (isSchema1(document, stated, wanted))
    return { kind: 'schema1', mediaType: stated ?? wanted ?? '' }
  const isIndex = kindOf(document, stated)
  const mediaType = stated ?? (isIndex ? MEDIA_TYPE.ociIndex : MEDIA_TYPE.ociManifest)
  if (wanted !== undefined && isManifestType(wanted) && wanted !== mediaType) {
    throw new InvalidManifest(
      `if present, mediaType in manifest should be '${wanted}' not '${mediaType}'`,
    )
  }
  return isIndex ? readIndex(document, mediaType) : readManifest(document, mediaType)
}

function isManifestType(type: string): boolean {
  return MANIFEST_TYPES.has(type) || INDEX_TYPES.has(type)
}

function bareType(type: string | undefined): string | undefined {
  const bare = type?.split(';')[0]?.trim().toLowerCase()
  return bare === '' ? undefined : bare
}

function isSchema1(
  document: Record<string, unknown>,
  stated: string | undefined,
  wanted: string | undefined,
): boolean {
  if (SCHEMA1_TYPES.has(stated ?? '') || SCHEMA1_TYPES.has(wanted ?? '')) return true
  return (
    document['fsLayers'] !== undefined &&
    document['layers'] === undefined &&
    document['config'] === undefined &&
    document['manifests'] === undefined
  )
}

/** True for an index. */
function kindOf(document: Record<string, unknown>, stated: string | undefined): boolean {
  const hasManifests = document['manifests'] != null
  const hasImage = document['config'] != null || document['layers'] != null
  const hasSchema1 = document['fsLayers'] != null
  if (stated !== undefined && MANIFEST_TYPES.has(stated)) {
    if (hasManifests || hasSchema1) {
      throw new InvalidManifest(`media-type: "${stated}" should not have "manifests" or "fsLayers"`)
    }
    return false
  }
  if (stated !== undefined && INDEX_TYPES.has(stated)) {
    if (hasImage || hasSchema1) {
      throw new InvalidManifest(
        `media-type: "${stated}" should not have "config", "layers", or "fsLayers"`,
      )
    }
    return true
  }
  if (stated !== undefined) throw new InvalidManifest(`unsupported media type ${stated}`)
  if (hasManifests === hasImage || hasSchema1) {
    throw new InvalidManifest('media-type: cannot determine')
  }
  return hasManifests
}

function readManifest(document: Record<string, unknown>, mediaType: string): ImageManifest {
  const layers = list(document['layers'] ?? [], 'layers')
  if (layers.length > MAX_LAYERS) {
    throw new InvalidManifest(`manifest has ${layers.length} layers, more than ${MAX_LAYERS}`)
  }
  const artifactType = stringField(document, 'artifactType')
  return {
    kind: 'manifest',
    mediaType,
    config: readDescriptor(document['config'], 'config'),
    layers: layers.map((layer) => readDescriptor(layer, 'layer')),
    ...(artifactType !== undefined && { artifactType }),
    ...annotationsOf(document),
  }
}

function readIndex(document: Record<string, unknown>, mediaType: string): ImageIndex {
  const manifests = list(document['manifests'], 'manifests')
  if (manifests.length > MAX_INDEX_ENTRIES) throw new InvalidManifest('index has too many entries')
  return {
    kind: 'index',
    mediaType,
    manifests: manifests.map((entry) => readDescriptor(entry, 'manifest')),
    ...annotationsOf(document),
  }
}

function readDescriptor(value: unknown, what: string): Descriptor {
  const object = asObject(value, what)
  const digest = stringField(object, 'digest') ?? ''
  try {
    parseDigest(digest)
  } catch (error) {
    const reason = error instanceof InvalidDigest ? error.message : String(error)
    throw new InvalidManifest(`could not validate ${what} digest "${digest}": ${reason}`)
  }
  const size = object['size']
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new InvalidManifest(`${what} ${digest} has an invalid size`)
  }
  const platform = object['platform']
  return {
    mediaType: stringField(object, 'mediaType') ?? '',
    digest,
    size,
    ...(platform != null && { platform: readPlatform(asObject(platform, 'platform')) }),
    ...annotationsOf(object),
    ...optional('artifactType', stringField(object, 'artifactType')),
  }
}

function readPlatform(object: Record<string, unknown>): NonNullable<Descriptor['platform']> {
  return {
    os: stringField(object, 'os') ?? '',
    architecture: stringField(object, 'architecture') ?? '',
    ...optional('variant', stringField(object, 'variant')),
    ...optional('os.version', stringField(object, 'os.version')),
  }
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined || value === '' ? {} : { [key]: value }) as { [P in K]?: string }
}

function annotationsOf(object: Record<string, unknown>): { annotations?: Record<string, string> } {
  const value = object['annotations']
  if (value == null) return {}
  const entries = Object.entries(asObject(value, 'annotations'))
  return {
    annotations: Object.fromEntries(
      entries.filter((e): e is [string, string] => typeof e[1] === 'string'),
    ),
  }
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new InvalidManifest('unsupported manifest format')
  }
  return asObject(value, 'manifest')
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidManifest(`${what} is not an object`)
  }
  return value as Record<string, unknown>
}

function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new InvalidManifest(`${what} is not a list`)
  return value
}

function stringField(object: Record<string, unknown>, key: string): string | undefined {
  const value = object[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}
