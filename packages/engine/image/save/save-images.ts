/** `GET /images/get`: images as one archive. */
import { createReadStream } from 'node:fs'
import { type Reference, digestOf, parseImageConfig } from '@tdocker/oci'
import type { Native } from '@tdocker/kernel'
import type { TarSource } from '../../backend-types.ts'
import { notFound, system } from '../../base/errors.ts'
import type { LayerStore } from '../../content/layer-store.ts'
import { type LayerTarSource, openLayerTar } from '../../content/layer-tar.ts'
import type { EventLog } from '../../event/event-log.ts'
import type { SaveOptions } from '../image-backend.ts'
import type { ImageUse } from '../image-use.ts'
import { imageEvent } from '../image-events.ts'
import { parsePlatformText } from '../parse.ts'
import { archiveBytes } from './archive-stream.ts'
import {
  type ImageToSave,
  type LayoutOptions,
  type SavedLayer,
  archiveMembers,
  manifestOf,
} from './save-archive.ts'
import { type NamedImage, type SaveNamesContext, resolveNames } from './save-names.ts'
import { bytesSource } from './bytes-source.ts'

export interface SaveContext extends SaveNamesContext {
  native: Native
  layers: LayerStore
  events: EventLog
  use: ImageUse
}

/**
 * Errors are decided before the first byte. The layers stay while the archive is being read; the images'
 * events are told when all of it went out.
 */
export async function saveImages(o: SaveContext, options: SaveOptions): Promise<TarSource> {
  const platforms = options.platforms.flatMap((text) => parsePlatformText(text) ?? [])
  const named = resolveNames(o, options.names, platforms)
  // No await before this: what was found is held before anybody can remove it.
  const keys = named.flatMap(({ image }) => o.records.layers(image.id).map((layer) => layer.key))
  keys.forEach((key) => o.layers.pin(key))
  for (const { image } of named) o.use.touch(image.id)
  const release = (): void => keys.forEach((key) => o.layers.unpin(key))
  try {
    const images: ImageToSave[] = []
    for (const each of named) images.push(await openImage(o, each))
    options.signal.throwIfAborted()
    const bytes = archiveBytes(archiveMembers(images), () => announce(o, images))
    return bytesSource({ native: o.native, bytes, done: release })
  } catch (error) {
    release()
    throw error
  }
}

/** One image, under names that it need not have in the store; tells of no save. */
export async function archiveImage(
  o: Pick<SaveContext, 'native' | 'layers' | 'records'>,
  {
    id,
    references,
    layout,
    gzip,
    done,
  }: {
    id: string
    references: readonly Reference[]
    layout: LayoutOptions
    /** Makes a layer's compressed form; undefined where layers are to be tars. */
    gzip: ((layer: LayerTarSource) => Promise<SavedLayer['gzip']>) | undefined
    done: (whole: boolean) => void
  },
): Promise<{ digest: string; open: () => TarSource; close: () => void }> {
  const image = o.records.find(id)
  if (!image) throw notFound(`No such image: ${id}`)
  const keys = o.records.layers(id).map((layer) => layer.key)
  keys.forEach((key) => o.layers.pin(key))
  using held = new DisposableStack()
  held.defer(() => keys.forEach((key) => o.layers.unpin(key)))
  const tars = await openImage(o, { image, references: [...references] })
  const opened = gzip ? { ...tars, layers: await compressed(o, id, { tars, gzip, held }) } : tars
  const open = (): TarSource => {
    let whole = false
    const bytes = archiveBytes(archiveMembers([opened], layout), async () => void (whole = true))
    return bytesSource({ native: o.native, bytes, done: () => done(whole) })
  }
  const kept = held.move()
  const digest = digestOf(manifestOf(opened, layout.annotations))
  return { digest, open, close: () => kept.dispose() }
}

/** Bottom first; blobs stay until `held` is disposed of. */
async function compressed(
  o: Pick<SaveContext, 'layers' | 'records'>,
  id: string,
  {
    tars,
    gzip,
    held,
  }: {
    tars: ImageToSave
    gzip: (layer: LayerTarSource) => Promise<SavedLayer['gzip']>
    held: DisposableStack
  },
): Promise<SavedLayer[]> {
  const layers: SavedLayer[] = []
  for (const [at, row] of o.records.layerTars(id).entries()) {
    const blob = await gzip(row)
    if (!blob) throw system(`layer ${row.diffId} could not be compressed`)
    held.defer(o.layers.holdBlob(blob.digest))
    const path = o.layers.paths.blob(blob.digest)
    layers.push({ ...tars.layers[at]!, gzip: blob, pieces: () => piecesOf(path) })
  }
  return layers
}

async function* piecesOf(path: string): AsyncGenerator<Buffer> {
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    yield piece as Buffer
}

async function openImage(
  o: Pick<SaveContext, 'native' | 'layers' | 'records'>,
  { image, references }: NamedImage,
): Promise<ImageToSave> {
  const document = o.records.document(image.id)
  if (!document) throw system(`configuration of image ${image.id} is missing`)
  const rows = o.records.layerTars(image.id)
  if (rows.length === 0) throw system('empty export - not implemented')
  const tars = new Map<string, ImageToSave['layers'][number]>()
  for (const row of rows) {
    const known = tars.get(row.key)
    const opening = { native: o.native, paths: o.layers.paths }
    tars.set(row.key, known ?? (await openLayerTar(opening, row)))
  }
  return {
    id: image.id,
    config: Buffer.from(document.body),
    references,
    layers: rows.flatMap((row) => tars.get(row.key) ?? []),
    parentId: image.parentId,
  }
}

async function announce(o: SaveContext, images: readonly ImageToSave[]): Promise<void> {
  const events = images.map(({ id, config }) =>
    imageEvent('save', { actorId: id, name: id, config: parseImageConfig(config) }),
  )
  if (events.length > 0) await o.events.commit([], events)
}
