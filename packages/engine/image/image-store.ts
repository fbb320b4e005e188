/** Makes an image of layers that are there: rows, name and events in one transaction. */
import {
  type ImageConfig,
  MEDIA_TYPE,
  type Reference,
  digestOf,
  familiarString,
} from '@tdocker/oci'
import type { KeyedLock } from '../base/keyed-lock.ts'
import type { Layer } from '../content/layer-store.ts'
import type { EventLog, NewEvent } from '../event/event-log.ts'
import type { Statement } from '../store/store.ts'
import { imageEvent } from './image-events.ts'
import { IMAGES_LOCK } from './image-pull.ts'
import { type StoredDocument, insertImage, setTag } from './image-records.ts'

export interface StoreImageContext {
  events: EventLog
  lock: KeyedLock
}

export interface ImageToStore {
  config: ImageConfig
  /** The config's exact bytes where somebody else wrote it; its digest is the image's id. */
  body?: Uint8Array
  /** Of the config; ours is OCI's. */
  mediaType?: string
  /** Manifest and index it came with. */
  documents?: readonly StoredDocument[]
  manifestDigest?: string
  /** Bottom first, pinned by the caller until this is over. */
  layers: readonly Layer[]
  references: readonly Reference[]
  /** Its tags have no events of their own, as of a load. */
  quietTags?: boolean
  /** Image it was made from on this machine. */
  parentId?: string
  /** Made on this machine: tells so first. */
  created?: boolean
  /** Committed along with it, before its own rows. */
  before?: readonly Statement[]
  /** Committed along with it. */
  statements?(id: string): readonly Statement[]
  /** Told after the events of its tags. */
  event?(id: string, config: ImageConfig): NewEvent
}

/** Answers the image's id. An image that is there gets the new names. */
export async function storeImage(o: StoreImageContext, image: ImageToStore): Promise<string> {
  const { config, references, layers } = image
  const body = image.body ?? Buffer.from(JSON.stringify(config))
  const id = digestOf(body)
  const mediaType = image.mediaType ?? MEDIA_TYPE.ociConfig
  const statements = [
    ...(image.before ?? []),
    ...insertImage({
      id,
      config,
      documents: [{ digest: id, mediaType, body }, ...(image.documents ?? [])],
      manifestDigest: image.manifestDigest,
      layerKeys: layers.map((layer) => layer.key),
      size: layers.reduce((sum, layer) => sum + layer.size, 0),
      parentId: image.parentId,
    }),
    ...references.map((reference) => setTag(reference, id)),
    ...(image.statements?.(id) ?? []),
  ]
  const events = (image.quietTags ? [] : references).map((reference) =>
    imageEvent('tag', { actorId: id, name: familiarString(reference), config }),
  )
  if (image.created) events.unshift(imageEvent('create', { actorId: id, name: id, config }))
  const last = image.event?.(id, config)
  await o.lock.run(IMAGES_LOCK, () =>
    o.events.commit(statements, last ? [...events, last] : events),
  )
  return id
}
