/** Images: pulled, imported, named, listed, removed, and resolved for containers. */
import type { AuthConfig, AuthResponse } from '@tdocker/api'
import type { Native } from '@tdocker/kernel'
import { familiarName, familiarString } from '@tdocker/oci'
import { EngineError, invalidParameter } from '../base/errors.ts'
import { KeyedLock } from '../base/keyed-lock.ts'
import { OneAtATime } from '../base/one-at-a-time.ts'
import type { BuildImages } from '../build/needs.ts'
import type { ImageCommits, ImageSource } from '../container/needs.ts'
import {
  BlobRetention,
  type ContentRetention,
  type GivenUp,
  spaceAt,
} from '../content/blob-retention.ts'
import { ContentPaths } from '../content/content-paths.ts'
import type { Finding } from '../content/finding.ts'
import { collectContentGarbage, layersLostByReboot } from '../content/garbage.ts'
import { KeptBlobs } from '../content/kept-blobs.ts'
import { LayerCompressor } from '../content/layer-compressor.ts'
import { isBlobNeeded } from '../content/layer-verify.ts'
import { LayerPuller } from '../content/layer-puller.ts'
import { LayerPusher } from '../content/layer-pusher.ts'
import { LayerStore } from '../content/layer-store.ts'
import { SharedTransfers } from '../content/shared-transfers.ts'
import type { EventLog } from '../event/event-log.ts'
import { inspectDistribution, inspectReferrers } from '../registry/distribution-inspect.ts'
import type { RegistryBackend } from '../registry/registry-backend.ts'
import { RegistryClient, type RegistryClientOptions } from '../registry/registry-client.ts'
import { RegistryConfig, type RegistryOptions } from '../registry/registry-config.ts'
import { Transport } from '../registry/transport.ts'
import type { Store } from '../store/store.ts'
import type { ImageBackend, ImageUsers } from './image-backend.ts'
import { ImageCatalog } from './image-catalog.ts'
import { buildImages } from './image-build.ts'
import { imageCommits } from './image-commit.ts'
import { imageEvent } from './image-events.ts'
import { imageHistory } from './image-history.ts'
import { importImage } from './image-import.ts'
import { inspectImage } from './image-inspect.ts'
import { listImages } from './image-list.ts'
import { ImageLookup } from './image-lookup.ts'
import { imageManifests } from './image-manifests.ts'
import { pruneImages } from './image-prune.ts'
import { Housekeeping } from './housekeeping.ts'
import { type CheckOptions, checkImages } from './image-check.ts'
import { IMAGES_LOCK, pullImage } from './image-pull.ts'
import { pushImage } from './image-push.ts'
import { DROP_ORPHAN_DOCUMENTS, ImageRecords, dropImage, setTag } from './image-records.ts'
import { loadImages } from './load/load-images.ts'
import { saveImages } from './save/save-images.ts'
import { freed, removeImage, sweepRemoved } from './image-remove.ts'
import { ConfigFetcher } from './config-fetcher.ts'
import { CachedImageSource } from './image-source.ts'
import { ImageUse } from './image-use.ts'
import { RemovedKeeper } from './removed-keeper.ts'
import { messages } from './messages.ts'
import { parsePlatformText, parseRepoTag } from './parse.ts'

export interface ImagesOptions {
  native: Native
  store: Store
  events: EventLog
  config: {
    dataRoot: string
    maxConcurrentDownloads: number
    maxConcurrentUploads: number
    maxDownloadAttempts: number
    contentRetention: ContentRetention
  } & RegistryClientOptions
  users: ImageUsers
  /** Hears of what failed in the background or while undoing. */
  log: (what: string, error: unknown) => void
}

export interface Images {
  backend: ImageBackend
  source: ImageSource
  commits: ImageCommits
  builds: BuildImages
  /** Of files that are no registry's. */
  transport: Transport
  /** What is asked of registries without an image in the store. */
  registries: RegistryBackend
  /** `POST /auth` */
  auth(config: AuthConfig): Promise<AuthResponse>
  /** Takes over registries and limits for the next pull; throws as `createImages`. */
  reload(
    options: RegistryOptions &
      Pick<
        ImagesOptions['config'],
        | 'maxConcurrentDownloads'
        | 'maxConcurrentUploads'
        | 'maxDownloadAttempts'
        | 'contentRetention'
      >,
  ): void
  /** How many images there are, for `info`. */
  count(): number
  /** Bytes of all unpacked layers, each counted once. */
  layersSize(): number
  /** Gives up all compressed layers that nobody works with. */
  pruneContent(): Promise<GivenUp>
  /** When each image was last used: milliseconds since 1970 by id. */
  lastUsed(): ReadonlyMap<string, number>
  /** Everything of images and their content that is not in order. */
  check(o: CheckOptions): AsyncIterable<Finding>
  /** Call once at start. */
  collectGarbage(): Promise<void>
  close(): Promise<void>
}

/** Throws invalidParameter when mirrors or insecure registries do not parse. */
export function createImages(o: ImagesOptions): Images {
  const { native, store, events, users, log: onError } = o
  const lock = new KeyedLock()
  const records = new ImageRecords(store)
  const lookup = new ImageLookup(records)
  const catalog = new ImageCatalog(store)
  const use = new ImageUse(store)
  const going = new Set<string>()
  const freeing = new Set<Promise<void>>()
  const registry = new RegistryClient(o.config)
  // Of files that are no registry's.
  const transport = new Transport(o.config)
  const paths = new ContentPaths(o.config.dataRoot)
  const layers = new LayerStore({ paths, store, native, onError })
  const retention = new BlobRetention({
    store,
    layers,
    policy: o.config.contentRetention,
    space: () => spaceAt(paths.layers),
    isNeeded: (digest) => isBlobNeeded({ store, paths }, digest),
    onError,
  })
  layers.onChange = () => retention.check()
  const puller = new LayerPuller({
    layers,
    store,
    native,
    maxConcurrentDownloads: o.config.maxConcurrentDownloads,
    maxDownloadAttempts: o.config.maxDownloadAttempts,
    backoffMs: o.config.backoffMs ?? 1000,
    onError,
  })
  const kept = new KeptBlobs({ store, layers })
  const compressor = new LayerCompressor({ store, native, layers, onError })
  const pusher = new LayerPusher({
    layers,
    kept,
    compressor,
    maxConcurrentUploads: o.config.maxConcurrentUploads,
    backoffMs: o.config.backoffMs ?? 1000,
    attempts: 5,
  })
  const context = {
    native,
    store,
    records,
    lookup,
    catalog,
    use,
    going,
    freeing,
    registry,
    transport,
    layers,
    puller,
    configFetcher: new ConfigFetcher(),
    pusher,
    compressor,
    configs: new SharedTransfers<void, never>(),
    events,
    users,
    lock,
    onError,
  }
  const closing = new AbortController()
  const pruning = new OneAtATime()
  const sweep = async (): Promise<void> => {
    await lock.run(IMAGES_LOCK, () => sweepRemoved(context))
    await freed(context)
  }
  const housekeeping = new Housekeeping({
    onError,
    tasks: {
      'retention of content': async () => retention.check(),
      'use of images': () => use.flush(),
      'use of blobs': () => layers.flushUse(),
      'removed images': async () => {
        if (records.removed().length > 0) await sweep()
      },
      'size of the database': () => store.compact(),
    },
    hourly: {
      'garbage of content': () => collectContentGarbage({ store, native, layers, onError }),
    },
  })
  const keeper = new RemovedKeeper({ events, records, sweep, signal: closing.signal, onError })
  return {
    backend: {
      pull: (options) => pullImage(context, options),
      push: (options) => pushImage(context, options),
      import: (options) => importImage(context, options),
      save: (options) => saveImages(context, options),
      load: (options) => loadImages(context, options),
      list: (options) => listImages(context, options),
      inspect: async (name, { platform, manifests }) => {
        const image = lookup.get(name, parsePlatformText(platform))
        const told = inspectImage(context, image)
        return manifests ? { ...told, ...imageManifests(context, image) } : told
      },
      history: async (name, { platform }) =>
        imageHistory(records, lookup.get(name, parsePlatformText(platform))),
      tag: (name, target) => lock.run(IMAGES_LOCK, () => tagImage(context, name, target)),
      remove: async (name, { force, noprune, platforms = [] }) => {
        if (platforms.length > 1) throw invalidParameter('multiple platforms are not supported')
        const options = { force, prune: !noprune, platform: parsePlatformText(platforms[0]) }
        const items = await lock.run(IMAGES_LOCK, () => removeImage(context, name, options))
        await freed(context)
        keeper.watch()
        return items
      },
      prune: (options) =>
        pruning.run(() =>
          pruneImages(context, options.filters, (body) => lock.run(IMAGES_LOCK, body)).finally(() =>
            housekeeping.run(),
          ),
        ),
    },
    source: new CachedImageSource({ ...context, store }),
    commits: imageCommits(context),
    builds: buildImages(context, {
      pull: (options) => pullImage(context, options),
      push: (options) => pushImage(context, options),
      load: (options) => loadImages(context, options),
    }),
    transport,
    registries: {
      inspectDistribution: (name, options) => inspectDistribution(registry, name, options),
      referrers: (name, options) => inspectReferrers(registry, name, options),
      search: (options) => registry.search(options),
    },
    auth: (config) =>
      registry.login(config, AbortSignal.any([closing.signal, AbortSignal.timeout(30_000)])),
    reload: (options) => {
      registry.config = new RegistryConfig(options)
      puller.reload(options)
      pusher.reload(options)
      retention.policy = options.contentRetention
      retention.check()
    },
    count: () => records.count(),
    layersSize: () => records.layersSize(),
    pruneContent: () => retention.giveUp(),
    lastUsed: () => use.all(),
    check: (options) => checkImages({ ...context, store, sweep }, options),
    collectGarbage: async () => {
      await dropLostLayers(context, store)
      await sweep()
      keeper.watch()
      await compressor.collectGarbage()
      await collectContentGarbage({ store, native, layers, onError })
      await store.write([DROP_ORPHAN_DOCUMENTS])
      layers.scheduleSync()
      housekeeping.start()
      // Read by the time that somebody asks for a list; without haste.
      catalog.images().catch((error: unknown) => onError('list of images', error))
    },
    close: async () => {
      closing.abort()
      await housekeeping.close()
      await retention.close()
      await keeper.done()
      await use.flush().catch((error: unknown) => onError('last use of images', error))
      await freed(context)
      await layers.close()
      await registry.close()
      await transport.close()
    },
  }
}

interface Context {
  records: ImageRecords
  lookup: ImageLookup
  layers: LayerStore
  events: EventLog
  users: ImageUsers
  use: ImageUse
  onError: (what: string, error: unknown) => void
}

async function tagImage(
  o: Context,
  name: string,
  { repo, tag }: { repo: string; tag: string },
): Promise<void> {
  const reference = parseTarget(repo, tag)
  const { id } = o.lookup.get(name)
  o.use.touch(id)
  await o.events.commit(
    [setTag(reference, id)],
    [
      imageEvent('tag', {
        actorId: id,
        name: familiarString(reference),
        config: o.records.config(id),
      }),
    ],
  )
}

function parseTarget(repo: string, tag: string): NonNullable<ReturnType<typeof parseRepoTag>> {
  let reference
  try {
    reference = parseRepoTag(repo, tag)
  } catch (error) {
    const isDigested = error instanceof EngineError && error.message.includes('digest reference')
    throw isDigested ? invalidParameter(messages.tagDigest, error) : error
  }
  if (!reference) throw invalidParameter('invalid reference format')
  if (familiarName(reference) === 'sha256') throw invalidParameter(messages.tagAlgorithm)
  return reference
}

/** After a power loss, images whose layers may be torn are given up, to be pulled again. */
async function dropLostLayers(o: Context, store: Store): Promise<void> {
  const lost = await layersLostByReboot(store)
  for (const key of lost.keys) {
    for (const id of o.records.imagesWithLayer(key)) {
      if (o.users.usersOf(id).length > 0) {
        o.onError(`layer ${key} of image ${id} may be damaged`, undefined)
        continue
      }
      await store.write(dropImage(o.records, id))
      o.onError(`image ${id} was not safe on disk when the machine went down`, undefined)
    }
  }
  await lost.settled()
}
