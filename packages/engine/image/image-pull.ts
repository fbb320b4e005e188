/** `POST /images/create?fromImage=`: from a reference to an image in the store. */
import {
  type Descriptor,
  type ImageConfig,
  InvalidImageConfig,
  type Platform,
  type Reference,
  chainIds,
  familiarName,
  familiarString,
  parseImageConfig,
  withTag,
} from '@tdocker/oci'
import { EngineError, cancelled, system } from '../base/errors.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import { blobSeen } from '../content/kept-blobs.ts'
import type { LayerPuller } from '../content/layer-puller.ts'
import type { Layer, LayerStore } from '../content/layer-store.ts'
import { localError } from '../content/unpack-error.ts'
import type { EventLog, NewEvent } from '../event/event-log.ts'
import type { RegistryClient } from '../registry/registry-client.ts'
import { NetworkError } from '../registry/registry-error.ts'
import { MAX_CONFIG } from '../registry/repository.ts'
import type { Statement } from '../store/store.ts'
import type { Progress, PullOptions } from './image-backend.ts'
import type { ConfigFetcher } from './config-fetcher.ts'
import { imageEvent } from './image-events.ts'
import { layerProgress } from './layer-progress.ts'
import type { ImageLookup } from './image-lookup.ts'
import {
  type ImageRecords,
  type StoredDocument,
  addDigest,
  insertImage,
  setTag,
} from './image-records.ts'
import { messages } from './messages.ts'
import { parsePlatformText, parsePull, refuseReserved } from './parse.ts'
import { type ManifestPull, type Resolved, resolveManifest } from './resolve-manifest.ts'

export interface PullContext {
  registry: RegistryClient
  records: ImageRecords
  lookup: ImageLookup
  layers: LayerStore
  puller: LayerPuller
  configFetcher: ConfigFetcher
  events: EventLog
  lock: KeyedLock
}

/** One pull at work. */
type Pull = ManifestPull

/** The key under which changes of images are serialised. */
export const IMAGES_LOCK = 'images'

export async function pullImage(o: PullContext, options: PullOptions): Promise<void> {
  const reference = parsePull(options.reference, options.tag)
  refuseReserved(reference)
  const platform = parsePlatformText(options.platform)
  const { auth, signal, progress } = options
  try {
    await o.registry.withRepository(reference, { auth, signal }, (repository) =>
      pullFrom(o, { repository, platform, signal, progress }, reference),
    )
    if (platform) warnOfPlatform(o, reference, platform, progress)
  } catch (error) {
    if (signal.aborted) throw cancelled('context canceled', error)
    throw localError(error)
  }
}

async function pullFrom(o: PullContext, pull: Pull, reference: Reference): Promise<void> {
  let news = false
  if (reference.tag === undefined && reference.digest === undefined) {
    for (const tag of await pull.repository.tags(pull.signal)) {
      const changed = await pullOne(o, pull, tagged(reference, tag), [])
      news ||= changed
    }
    await o.events.commit([], [pullEvent(reference, undefined)])
  } else {
    news = await pullOne(o, pull, reference, [reference])
  }
  const what = familiarString(reference)
  pull.progress({
    status: news
      ? `Status: Downloaded newer image for ${what}`
      : `Status: Image is up to date for ${what}`,
  })
}

/** Tags come from the registry; one that is none must not get further. */
function tagged(reference: Reference, tag: string): Reference {
  try {
    return withTag(reference, tag)
  } catch (error) {
    throw system(error instanceof Error ? error.message : String(error), error)
  }
}

function pullEvent(reference: Reference, config: ImageConfig | undefined): NewEvent {
  const [actorId, name] = [familiarString(reference), familiarName(reference)]
  return imageEvent('pull', { actorId, name, config })
}

/** Pulls one tag or digest; true when the name now means another image than before. */
async function pullOne(
  o: PullContext,
  pull: Pull,
  reference: Reference,
  announce: readonly Reference[],
): Promise<boolean> {
  const resolved = await resolveManifest(o, pull, reference)
  for (;;) {
    const changed = await storeOne(o, pull, { reference, resolved, announce })
    if (changed !== undefined) return changed
  }
}

/** Undefined when the image was there and was removed before it got the name: it has to be brought. */
async function storeOne(
  o: PullContext,
  pull: Pull,
  {
    reference,
    resolved,
    announce,
  }: { reference: Reference; resolved: Resolved; announce: readonly Reference[] },
): Promise<boolean | undefined> {
  const id = resolved.manifest.config.digest
  const found = o.records.find(id, { removed: true })
  // Held from before the look at the rows until they are written, so that no removal comes between.
  const image = found ? undefined : await bringImage(o, pull, resolved)
  try {
    return await o.lock.run(IMAGES_LOCK, async () => {
      const known = o.records.find(id, { removed: true })
      if (!image && !known) return undefined
      pull.progress({ status: `Digest: ${resolved.digest}` })
      const before = currentId(o, reference)
      const config = image?.config ?? o.records.config(id)
      const statements = [
        ...insertImage({
          id,
          config,
          documents: image ? [...resolved.documents, image.document] : resolved.documents,
          manifestDigest: resolved.manifestDigest,
          layerKeys: image?.layers.map((layer) => layer.key) ?? [],
          size: image?.layers.reduce((sum, layer) => sum + layer.size, 0) ?? known?.size ?? 0,
        }),
        ...nameStatements(reference, resolved.digest, id),
        ...seenLayers(reference, resolved.manifest.layers, config),
      ]
      await o.events.commit(
        statements,
        announce.map((named) => pullEvent(named, config)),
      )
      o.configFetcher.forget(resolved.manifest.config)
      return before !== id
    })
  } finally {
    image?.layers.forEach((layer) => o.layers.unpin(layer.key))
  }
}

function currentId(o: PullContext, reference: Reference): string | undefined {
  return reference.digest === undefined
    ? o.records.findTag(reference)
    : o.records.findDigest(reference)[0]
}

function nameStatements(reference: Reference, digest: string, id: string): Statement[] {
  const byDigest = addDigest(reference, digest, id)
  return reference.digest === undefined ? [setTag(reference, id), byDigest] : [byDigest]
}

/** So that a push to the same registry can mount them. A mirror has what the registry has. */
function seenLayers(
  reference: Reference,
  layers: readonly Descriptor[],
  config: ImageConfig,
): Statement[] {
  const place = { host: reference.domain, repository: reference.path }
  return layers.flatMap((layer, at) => {
    const diffId = config.rootfs.diff_ids[at]
    return diffId === undefined ? [] : blobSeen(diffId, layer, place)
  })
}

interface BroughtImage {
  config: ImageConfig
  document: StoredDocument
  /** Bottom first, pinned. */
  layers: Layer[]
}

async function bringImage(
  o: PullContext,
  pull: Pull,
  { manifest }: Resolved,
): Promise<BroughtImage> {
  const body = await o.configFetcher.get(manifest.config, pull.signal, (signal) =>
    pull.repository.getBlob(manifest.config, MAX_CONFIG, signal),
  )
  const config = readConfig(body)
  if (config.os !== '' && config.os !== 'linux') throw system('operating system is not supported')
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw system(messages.rootfsMismatch)
  }
  const layers = await bringLayers(o, pull, manifest.layers, config)
  const { digest, mediaType } = manifest.config
  return { config, layers, document: { digest, mediaType, body } }
}

function readConfig(body: Uint8Array): ImageConfig {
  try {
    return parseImageConfig(body)
  } catch (error) {
    if (error instanceof InvalidImageConfig) throw system(error.message, error)
    throw error
  }
}

/** All layers at once; the first failure ends the others, and nothing half-done stays pinned. */
async function bringLayers(
  o: PullContext,
  pull: Pull,
  descriptors: readonly Descriptor[],
  config: ImageConfig,
): Promise<Layer[]> {
  const diffIds = config.rootfs.diff_ids
  const chain = chainIds(diffIds)
  const stop = new AbortController()
  const signal = AbortSignal.any([pull.signal, stop.signal])
  const results: Promise<Layer>[] = []
  let failure: unknown
  for (const [at, descriptor] of descriptors.entries()) {
    const result = o.puller.pull({
      descriptor,
      diffId: diffIds[at] ?? '',
      chainId: chain[at] ?? '',
      below: async () => (await Promise.all(results.slice(0, at))).toReversed(),
      source: (offset, abort) => pull.repository.openBlob(descriptor.digest, offset, abort),
      signal,
      progress: layerProgress(pull.progress, descriptor.digest),
    })
    result.catch((error: unknown) => {
      failure ??= error
      stop.abort(error)
    })
    results.push(result)
  }
  const settled = await Promise.allSettled(results)
  const layers = settled.flatMap((s) => (s.status === 'fulfilled' ? [s.value] : []))
  if (layers.length === descriptors.length) return layers
  // Layers that came through before the failure are nobody's; the network may be better next time.
  if (pull.signal.aborted || failure instanceof NetworkError) {
    await o.puller.keepInterrupted(layers.map((layer) => layer.key))
  }
  layers.forEach((layer) => o.layers.unpin(layer.key))
  await o.layers.sweep()
  throw failure instanceof Error ? failure : new EngineError('system', String(failure))
}

/** A single-platform image is taken as it is, with a warning. */
function warnOfPlatform(
  o: PullContext,
  reference: Reference,
  platform: Platform,
  progress: Progress,
): void {
  const named = reference.tag === undefined && reference.digest === undefined
  if (named) return
  try {
    o.lookup.get(familiarString(reference), platform)
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    progress({ status: `WARNING: ${error.message}` })
  }
}
