/** Images of builds that no step makes: of a part of another image, or of the same with more told. */
import type { ImageConfig } from '@tdocker/oci'
import { notFound } from '../base/errors.ts'
import type { StepRestore } from '../build/needs.ts'
import type { Layer, LayerStore } from '../content/layer-store.ts'
import { sql } from '../store/store.ts'
import type { ImageRecords } from './image-records.ts'
import { type StoreImageContext, storeImage } from './image-store.ts'

export interface RestoreContext extends StoreImageContext {
  records: ImageRecords
  layers: Pick<LayerStore, 'pin' | 'unpin'>
}

/**
 * The step at `index` of an image's history, on its parent, as moby's `restoreCachedImage`: the same
 * steps make the same id. The last step is the image itself.
 */
export async function restoreStep(o: RestoreContext, step: StepRestore): Promise<string> {
  const source = o.records.config(step.sourceId)
  const history = source.history ?? []
  const { parentId, index } = step
  if (index === history.length - 1) {
    const own = o.records.find(step.sourceId)
    if (!own) throw notFound(`No such image: ${step.sourceId}`)
    // One that it was made from here is not forgotten.
    if (parentId !== undefined)
      await o.events.commit(
        [sql`UPDATE image SET parent_id = ${parentId} WHERE id = ${own.id} AND parent_id IS NULL`],
        [],
      )
    return own.id
  }
  const entries = history.slice(0, index + 1)
  const layersBelow = entries.filter((entry) => entry.empty_layer !== true).length
  const { architecture, os, variant, author } = source
  const config: ImageConfig = {
    architecture,
    ...(author !== undefined && { author }),
    config: step.config,
    ...(entries[index]?.created !== undefined && { created: entries[index].created }),
    history: entries,
    os,
    ...(source['os.version'] !== undefined && { 'os.version': source['os.version'] }),
    rootfs: { type: 'layers', diff_ids: source.rootfs.diff_ids.slice(0, layersBelow) },
    ...(variant !== undefined && { variant }),
  }
  return withLayers(o, step.sourceId, layersBelow, (layers) =>
    storeImage(o, {
      config,
      layers,
      references: [],
      ...(parentId !== undefined && { parentId }),
      created: true,
    }),
  )
}

/** The same image with other fields at the top of its config. */
export async function annotate(
  o: RestoreContext,
  id: string,
  fields: Partial<ImageConfig>,
): Promise<string> {
  const config = o.records.config(id)
  const annotated = { ...config, ...fields }
  return withLayers(o, id, config.rootfs.diff_ids.length, (layers) =>
    storeImage(o, { config: annotated, layers, references: [], parentId: id, created: true }),
  )
}

/** The lowest `count` of an image's layers, pinned meanwhile. */
async function withLayers(
  o: RestoreContext,
  id: string,
  count: number,
  body: (layers: Layer[]) => Promise<string>,
): Promise<string> {
  const { diff_ids } = o.records.config(id).rootfs
  const layers = o.records.layers(id).slice(0, count)
  for (const { key } of layers) o.layers.pin(key)
  try {
    return await body(layers.map((layer, at) => ({ ...layer, diffId: diff_ids[at] ?? '' })))
  } finally {
    for (const { key } of layers) o.layers.unpin(key)
  }
}
