/** An image of one layer from a tar of a root file system. */
import { statfs } from 'node:fs/promises'
import type { Native } from '@tdocker/kernel'
import {
  type ImageConfig,
  MEDIA_TYPE,
  digestOf,
  familiarString,
  hostPlatform,
  type Platform,
} from '@tdocker/oci'
import { cancelled, system } from '../base/errors.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import { RollbackScope } from '../base/scope.ts'
import { chainKey } from '../content/content-paths.ts'
import type { Layer, LayerStore } from '../content/layer-store.ts'
import { LayerUnpacker } from '../content/layer-unpacker.ts'
import { unpackError } from '../content/unpack-error.ts'
import type { EventLog } from '../event/event-log.ts'
import { applyChanges } from './changes.ts'
import type { ImportOptions } from './image-backend.ts'
import { imageEvent } from './image-events.ts'
import { IMAGES_LOCK } from './image-pull.ts'
import { insertImage, setTag } from './image-records.ts'
import { parsePlatformText, parseRepoTag } from './parse.ts'

export interface ImportContext {
  native: Native
  layers: LayerStore
  events: EventLog
  lock: KeyedLock
  onError: (what: string, error: unknown) => void
}

/** `POST /images/create?fromSrc=-`: tells the new image's id as its last progress message. */
export async function importImage(o: ImportContext, options: ImportOptions): Promise<void> {
  const reference = parseRepoTag(options.repo, options.tag)
  const platform = parsePlatformText(options.platform) ?? hostPlatform()
  if (platform.os !== 'linux') throw system('operating system is not supported')
  const runtime = applyChanges({}, options.changes)
  const layer = await unpackLayer(o, options.body, options.signal)
  try {
    const config = makeConfig({ platform, runtime, message: options.message, layer })
    const body = Buffer.from(JSON.stringify(config))
    const id = digestOf(body)
    await o.lock.run(IMAGES_LOCK, () =>
      o.events.commit(
        [
          ...insertImage({
            id,
            config,
            documents: [{ digest: id, mediaType: MEDIA_TYPE.ociConfig, body }],
            manifestDigest: undefined,
            layerKeys: [layer.key],
            size: layer.size,
          }),
          ...(reference ? [setTag(reference, id)] : []),
        ],
        [
          ...(reference
            ? [imageEvent('tag', { actorId: id, name: familiarString(reference), config })]
            : []),
          imageEvent('import', { actorId: id, name: id, config }),
        ],
      ),
    )
    options.progress({ status: id })
  } finally {
    o.layers.unpin(layer.key)
  }
}

function makeConfig(o: {
  platform: Platform
  runtime: NonNullable<ImageConfig['config']>
  message: string
  layer: Layer
}): ImageConfig {
  const { os, architecture, variant } = o.platform
  const created = new Date().toISOString()
  return {
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    created,
    ...(o.message !== '' && { comment: o.message }),
    config: o.runtime,
    rootfs: { type: 'layers', diff_ids: [o.layer.diffId] },
    history: [{ created, comment: o.message }],
  }
}

/** Unpacks a stream into a layer, which comes back pinned. */
async function unpackLayer(
  o: ImportContext,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Layer> {
  await using scope = new RollbackScope(o.onError)
  // Its diff ID is known when it is all there.
  const workspace = await o.layers.createWorkspace('', scope)
  const { bavail, bsize } = await statfs(workspace.diff)
  const extractor = o.native.layerExtractor({ dir: workspace.diff, maxBytes: bavail * bsize })
  const unpacker = new LayerUnpacker(extractor, undefined, (format) =>
    o.native.decompressor(format),
  )
  try {
    for await (const chunk of body) {
      signal.throwIfAborted()
      await unpacker.write(chunk)
    }
    const { diffId, extracted } = await unpacker.end()
    if (extracted.openLinks.length > 0) {
      throw system(`failed to register layer: hard link to missing ${extracted.openLinks[0]?.[1]}`)
    }
    const key = extracted.implicitDirs.length > 0 ? chainKey(diffId) : diffId
    const layer = await o.layers.commit({ workspace, key, diffId, extracted, blob: undefined })
    scope.release()
    return layer
  } catch (error) {
    if (signal.aborted) throw cancelled('context canceled', error)
    throw unpackError(error)
  } finally {
    unpacker.abort()
  }
}
