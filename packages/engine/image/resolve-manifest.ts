/** From a tag or digest to the manifest of one image, through indexes where there are any. */
import {
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
  InvalidManifest,
  MEDIA_TYPE,
  type Manifest,
  type Platform,
  type Reference,
  canonicalString,
  hostPlatform,
  parseManifest,
  platformRank,
} from '@tdocker/oci'
import { invalidParameter, notFound, system } from '../base/errors.ts'
import type { Repository } from '../registry/repository.ts'
import type { Progress } from './image-backend.ts'
import type { ImageRecords, StoredDocument } from './image-records.ts'
import { messages } from './messages.ts'

export interface ResolveContext {
  records: ImageRecords
}

export interface ManifestPull {
  repository: Repository
  platform: Platform | undefined
  signal: AbortSignal
  progress: Progress
}

/** What a tag or digest led to. */
export interface Resolved {
  manifest: ImageManifest
  /** Digest of the manifest itself, and of the index that named it, if one did. */
  manifestDigest: string
  /** What the reference resolved to: the index's digest, if there is one. */
  digest: string
  documents: StoredDocument[]
}

const MAX_INDEX_DEPTH = 3

/** From the reference to one image manifest. */
export async function resolveManifest(
  o: ResolveContext,
  pull: ManifestPull,
  reference: Reference,
): Promise<Resolved> {
  const target = reference.digest ?? reference.tag ?? ''
  const top = await fetchManifest(o, pull, target, reference.digest === undefined)
  pull.progress({
    status: `Pulling from ${reference.path}`,
    id: reference.digest === undefined ? target : canonicalString(reference),
  })
  const resolved = await descend(o, pull, reference, { ...top, depth: 0 })
  return { ...resolved, digest: top.document.digest }
}

async function descend(
  o: ResolveContext,
  pull: ManifestPull,
  reference: Reference,
  at: { manifest: Manifest; document: StoredDocument; depth: number },
): Promise<Omit<Resolved, 'digest'>> {
  const { manifest, document } = at
  switch (manifest.kind) {
    case 'schema1':
      throw invalidParameter(messages.schema1(canonicalString(reference)))
    case 'manifest':
      checkManifest(manifest)
      return { manifest, manifestDigest: document.digest, documents: [document] }
    case 'index': {
      if (at.depth === MAX_INDEX_DEPTH) throw system('image index is nested too deeply')
      const chosen = choose(manifest, pull.platform)
      const next = await fetchManifest(o, pull, chosen.digest, false, chosen)
      const found = await descend(o, pull, reference, { ...next, depth: at.depth + 1 })
      return { ...found, documents: [document, ...found.documents] }
    }
  }
}

/** The entry that runs best here; entries of no platform come last (an index of one image). */
function choose(index: ImageIndex, wanted: Platform | undefined): Descriptor {
  const platform = wanted ?? hostPlatform()
  const ranked = index.manifests
    .filter((entry) => isImage(entry))
    .map((entry) => ({ entry, rank: entryRank(platform, entry) }))
    .filter((candidate) => candidate.rank !== undefined)
    .toSorted((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
  const best = ranked[0]
  if (!best) throw notFound(messages.noMatchingManifest(platform))
  return best.entry
}

function entryRank(platform: Platform, entry: Descriptor): number | undefined {
  return entry.platform === undefined ? 1000 : platformRank(platform, entry.platform)
}

/** Signatures and attestations are listed among the images. */
function isImage(entry: Descriptor): boolean {
  const kinds: readonly string[] = [
    MEDIA_TYPE.ociManifest,
    MEDIA_TYPE.ociIndex,
    MEDIA_TYPE.dockerManifest,
    MEDIA_TYPE.dockerList,
    MEDIA_TYPE.dockerSchema1,
    MEDIA_TYPE.dockerSchema1Signed,
    '',
  ]
  return (
    kinds.includes(entry.mediaType) &&
    entry.annotations?.['vnd.docker.reference.type'] !== 'attestation-manifest'
  )
}

/** From the store where it is known, else from the registry. A tag is asked for its digest first. */
async function fetchManifest(
  o: ResolveContext,
  pull: ManifestPull,
  target: string,
  isTag: boolean,
  expected?: Descriptor,
): Promise<{ manifest: Manifest; document: StoredDocument }> {
  const head = isTag ? await pull.repository.headManifest(target, pull.signal) : expected
  const known = head && o.records.document(head.digest)
  if (known) return { manifest: read(known.body, undefined), document: known }
  const fetched = await pull.repository.getManifest(head?.digest ?? target, pull.signal)
  if (expected && expected.size !== fetched.bytes.length) {
    throw system(`manifest verification failed for digest ${expected.digest}`)
  }
  const manifest = read(fetched.bytes, expected?.mediaType || fetched.mediaType)
  const { digest, bytes: body } = fetched
  return { manifest, document: { digest, body, mediaType: manifest.mediaType } }
}

function read(bytes: Uint8Array, mediaType: string | undefined): Manifest {
  try {
    return parseManifest(bytes, mediaType)
  } catch (error) {
    if (error instanceof InvalidManifest) throw invalidParameter(error.message, error)
    throw error
  }
}

const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  MEDIA_TYPE.dockerConfig,
  MEDIA_TYPE.ociConfig,
  // Old registries and tools name these.
  'application/octet-stream',
  'application/json',
  'text/html',
  '',
])

function checkManifest(manifest: ImageManifest): void {
  const type = manifest.config.mediaType
  if (type.startsWith('application/vnd.docker.ai.')) {
    throw invalidParameter(
      'AI models are not yet supported by the Engine, please use "docker model pull/run" instead',
    )
  }
  if (manifest.mediaType === MEDIA_TYPE.dockerManifest && !IMAGE_CONFIGS.has(type)) {
    const kind = type === MEDIA_TYPE.dockerPlugin ? 'plugin' : 'unknown'
    throw invalidParameter(`Encountered remote ${JSON.stringify(type)}(${kind}) when fetching`)
  }
  for (const descriptor of [manifest.config, ...manifest.layers]) checkMediaType(descriptor)
}

/** Artifacts that are no images say so by their types. */
function checkMediaType({ mediaType }: Descriptor): void {
  const type = mediaType.toLowerCase()
  const prefixes = ['application/vnd.oci.image', 'application/vnd.docker']
  const known = prefixes.some((prefix) => type === prefix || type.startsWith(`${prefix}.`))
  if (!known && !IMAGE_CONFIGS.has(type)) {
    throw invalidParameter(`unsupported media type ${mediaType}`)
  }
}
