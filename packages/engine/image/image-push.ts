/** `POST /images/{name}/push`: from names in the store to a repository of a registry. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  type Reference,
  canonicalName,
  canonicalString,
  chainIds,
  familiarName,
  familiarString,
  shortId,
  withTag,
} from '@tdocker/oci'
import { cancelled, system } from '../base/errors.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import type { LayerPusher } from '../content/layer-pusher.ts'
import type { Layer, LayerStore } from '../content/layer-store.ts'
import type { SharedTransfers } from '../content/shared-transfers.ts'
import { localError } from '../content/unpack-error.ts'
import type { EventLog } from '../event/event-log.ts'
import { hasBlob, uploadBlob } from '../registry/blob-upload.ts'
import { putManifest } from '../registry/put-manifest.ts'
import type { RegistryClient } from '../registry/registry-client.ts'
import type { Repository } from '../registry/repository.ts'
import { sql } from '../store/store.ts'
import type { Progress, PushOptions } from './image-backend.ts'
import { imageEvent } from './image-events.ts'
import { layerProgress } from './layer-progress.ts'
import type { ImageLookup } from './image-lookup.ts'
import { IMAGES_LOCK } from './image-pull.ts'
import { type ImageRecords, addDigest } from './image-records.ts'
import type { ImageUse } from './image-use.ts'
import { messages } from './messages.ts'
import { parsePlatformText, parsePush } from './parse.ts'
import { type PushedManifest, PushManifest } from './push-manifest.ts'

export interface PushContext {
  registry: RegistryClient
  records: ImageRecords
  lookup: ImageLookup
  layers: LayerStore
  pusher: LayerPusher
  events: EventLog
  lock: KeyedLock
  use: ImageUse
  /** Uploads of configs; those of layers are the pusher's. */
  configs: SharedTransfers<void, never>
}

/** One push at work. */
interface Push {
  repository: Repository
  who: string
  signal: AbortSignal
  progress: Progress
}

export async function pushImage(o: PushContext, options: PushOptions): Promise<void> {
  const reference = parsePush(options.name, options.tag)
  const platform = parsePlatformText(options.platform)
  if (platform) o.lookup.get(canonicalString(reference), platform)
  const { auth, signal, progress } = options
  progress({ status: `The push refers to repository [${canonicalName(reference)}]` })
  if (!o.records.hasRepository(reference)) throw system(messages.nothingToPush(reference))
  const who = createHash('sha256')
    .update(JSON.stringify(auth ?? {}))
    .digest('hex')
  try {
    await o.registry.withPushRepository(reference, { auth, signal }, (repository) =>
      pushTo(o, { repository, who, signal, progress }, reference),
    )
    const [actorId, name] = [familiarString(reference), familiarName(reference)]
    const id = o.records.findTag(withTag(reference, reference.tag ?? 'latest'))
    const config = id === undefined ? undefined : o.records.config(id)
    await o.events.commit([], [imageEvent('push', { actorId, name, config })])
  } catch (error) {
    if (signal.aborted) throw cancelled('context canceled', error)
    throw localError(error)
  }
}

async function pushTo(o: PushContext, push: Push, reference: Reference): Promise<void> {
  if (reference.digest !== undefined) throw system('cannot push a digest reference')
  if (reference.tag !== undefined) {
    const id = o.records.findTag(reference)
    if (id === undefined) throw system(`tag does not exist: ${familiarString(reference)}`)
    return pushTag(o, push, reference, id)
  }
  const tags = o.records.tagsOf(reference)
  if (tags.length === 0) throw system(`no tags to push for ${familiarName(reference)}`)
  for (const { tag, imageId } of tags) await pushTag(o, push, withTag(reference, tag), imageId)
}

async function pushTag(
  o: PushContext,
  push: Push,
  reference: Reference,
  id: string,
): Promise<void> {
  const manifest = PushManifest.of(o.records, id)
  const layers = pinLayers(o, id)
  let made: PushedManifest
  try {
    const descriptors = await pushLayers(o, push, { reference, manifest, layers })
    made = manifest.with(descriptors)
    await pushConfig(o, push, { reference, manifest })
  } finally {
    layers.forEach((layer) => o.layers.unpin(layer.key))
  }
  const tag = reference.tag ?? ''
  await putManifest(push.repository, tag, made, push.signal)
  o.use.touch(id)
  await remember(o, reference, id, made)
  const [digest, size] = [made.digest, made.bytes.length]
  push.progress({ status: `${tag}: digest: ${digest} size: ${size}` })
  push.progress({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } })
}

/** Bottom first. */
function pinLayers(o: PushContext, id: string): Layer[] {
  const diffIds = o.records.config(id).rootfs.diff_ids
  const chain = chainIds(diffIds)
  const layers: Layer[] = []
  for (const [at, diffId] of diffIds.entries()) {
    const layer = o.layers.acquire(diffId, chain[at] ?? '')
    if (layer) layers.push(layer)
  }
  if (layers.length === diffIds.length) return layers
  layers.forEach((layer) => o.layers.unpin(layer.key))
  throw system(`failed to get top layer from image: image ${shortId(id)} is being removed`)
}

/** All layers at once, as many as may; the first failure ends the others. Bottom first. */
async function pushLayers(
  o: PushContext,
  push: Push,
  {
    reference,
    manifest,
    layers,
  }: { reference: Reference; manifest: PushManifest; layers: Layer[] },
): Promise<Awaited<ReturnType<LayerPusher['push']>>[]> {
  const stop = new AbortController()
  const signal = AbortSignal.any([push.signal, stop.signal])
  const begun = new Map<string, ReturnType<LayerPusher['push']>>()
  const pushes: ReturnType<LayerPusher['push']>[] = []
  let failure: unknown
  // Docker begins at the top.
  for (const [at, layer] of [...layers.entries()].toReversed()) {
    const progress = layerProgress(push.progress, layer.diffId)
    progress({ status: 'Preparing' })
    const result =
      begun.get(layer.diffId) ??
      o.pusher.push({
        layer,
        wanted: manifest.layers?.[at],
        zstd: manifest.isOci,
        repository: push.repository,
        place: { host: reference.domain, repository: reference.path },
        who: push.who,
        signal,
        progress,
      })
    result.catch((error: unknown) => {
      failure ??= error
      stop.abort(error)
    })
    begun.set(layer.diffId, result)
    pushes.unshift(result)
  }
  const settled = await Promise.allSettled(pushes)
  if (failure !== undefined) throw failure
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}

async function pushConfig(
  o: PushContext,
  { repository, who, signal }: Push,
  { reference, manifest }: { reference: Reference; manifest: PushManifest },
): Promise<void> {
  const { config, configBytes: bytes } = manifest
  const open = (start: number, end: number): Readable =>
    Readable.from([bytes.subarray(start, end)], { objectMode: false })
  const key = [canonicalName(reference), config.digest, who].join(' ')
  await o.configs.run(key, { signal, progress: () => {} }, async (shared) => {
    if (await repository.retry(shared, () => hasBlob(repository, config, shared))) return
    const patience = { attempts: 5, backoffMs: 250, onRetry: () => {} }
    await uploadBlob(repository, { ...config, open }, { signal: shared, ...patience })
  })
}

/** The digest under which a registry has the image is one of its names from now on. */
async function remember(
  o: PushContext,
  reference: Reference,
  id: string,
  { digest, mediaType, bytes }: PushedManifest,
): Promise<void> {
  await o.lock.run(IMAGES_LOCK, async () => {
    if (!o.records.find(id)) return
    await o.events.commit(
      [
        sql`INSERT INTO document (digest, media_type, body) VALUES (${digest}, ${mediaType}, ${bytes})
            ON CONFLICT (digest) DO NOTHING`,
        sql`UPDATE image SET manifest_digest = coalesce(manifest_digest, ${digest})
            WHERE id = ${id}`,
        addDigest(reference, digest, id),
      ],
      [],
    )
  })
}
