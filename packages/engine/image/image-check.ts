/** Whether images have all that they are made of, for `fsck`. */
import type { Native } from '@tdocker/kernel'
import { shortId } from '@tdocker/oci'
import { conflict } from '../base/errors.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import { type CheckOptions, checkContent } from '../content/content-check.ts'
import type { Finding } from '../content/finding.ts'
import type { Store } from '../store/store.ts'
import { IMAGES_LOCK } from './image-pull.ts'
import { DROP_ORPHAN_DOCUMENTS, orphanDocuments } from './image-records.ts'
import { type RemoveContext, dropLostImage, freed } from './image-remove.ts'

export type { CheckOptions } from '../content/content-check.ts'

export interface ImageCheckContext extends RemoveContext {
  store: Store
  native: Native
  lock: KeyedLock
  sweep(): Promise<void>
  onError: (what: string, error: unknown) => void
}

export async function* checkImages(
  o: ImageCheckContext,
  options: CheckOptions,
): AsyncGenerator<Finding> {
  yield* checkContent(o, options, {
    told: (key) => lostWith(o, key),
    drop: (key) => dropImagesOf(o, key),
  })
  yield* checkDocuments(o)
  for (const id of o.records.removed()) {
    if (o.users.usersOf(id).length > 0) continue
    const message = 'an image that was removed by force and that no container uses any more'
    yield { kind: 'garbage', owner: 'image', what: id, message, bytes: 0, repair: o.sweep }
  }
}

function lostWith(o: ImageCheckContext, key: string): string {
  const images = o.records.imagesWithLayer(key)
  const used = images.filter((id) => o.users.usersOf(id).length > 0)
  const told = images.length === 0 ? '' : `; with it image ${images.map(shortId).join(', ')}`
  const kept = used.length === 0 ? '' : `, used by containers: ${used.map(shortId).join(', ')}`
  return `${told}${kept}`
}

/** Images that containers use stay: their owner has to remove those first. */
async function dropImagesOf(o: ImageCheckContext, key: string): Promise<void> {
  await o.lock.run(IMAGES_LOCK, async () => {
    const images = o.records.imagesWithLayer(key)
    const used = images.find((id) => o.users.usersOf(id).length > 0)
    if (used !== undefined)
      throw conflict(`image ${shortId(used)} is used by a container, which has to be removed first`)
    for (const id of images) await dropLostImage(o, id)
  })
  await freed(o)
  await o.layers.sweep()
}

async function* checkDocuments(o: ImageCheckContext): AsyncGenerator<Finding> {
  const rows = o.store.all<{ id: string; manifest_digest: string | null }>(
    `SELECT id, manifest_digest FROM image
     WHERE NOT EXISTS (SELECT 1 FROM document WHERE digest = image.id)`,
  )
  for (const { id } of rows) {
    yield {
      kind: 'missing',
      owner: 'image',
      what: id,
      message: `the configuration of image ${shortId(id)} is lost`,
      bytes: 0,
      repair: () =>
        o.lock.run(IMAGES_LOCK, () => {
          if (o.users.usersOf(id).length > 0)
            throw conflict(`image ${shortId(id)} is used by a container`)
          return dropLostImage(o, id)
        }),
    }
  }
  for (const { digest, size } of orphanDocuments(o.store)) {
    const message = 'a manifest or configuration that no image speaks of'
    const repair = (): Promise<void> => o.store.write([DROP_ORPHAN_DOCUMENTS])
    yield { kind: 'garbage', owner: 'document', what: digest, message, bytes: size, repair }
  }
}
