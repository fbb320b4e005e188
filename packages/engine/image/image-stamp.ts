/** An image made of another one: its config and the tars of its layers changed. */
import { chainIds } from '@tdocker/oci'
import type { ImageStamp } from '../build/needs.ts'
import { type LayerMakerContext, unpackTar } from '../content/layer-maker.ts'
import type { Layer } from '../content/layer-store.ts'
import { openLayerTar } from '../content/layer-tar.ts'
import type { ImageRecords } from './image-records.ts'
import { type StoreImageContext, storeImage } from './image-store.ts'

export interface StampContext extends LayerMakerContext, StoreImageContext {
  records: ImageRecords
}

/** Answers the image's id. */
export async function stampImage(o: StampContext, stamp: ImageStamp): Promise<string> {
  const config = o.records.config(stamp.id)
  const base = stamp.baseId === undefined ? undefined : o.records.config(stamp.baseId)
  const pinned: Layer[] = []
  try {
    const layers = pinLayers(o, stamp.id, pinned)
    const below = base?.rootfs.diff_ids.length ?? 0
    if (stamp.layer) await changeLayers(o, stamp, { layers, below, pinned })
    const diffIds = layers.map((layer) => layer.diffId)
    return await storeImage(o, {
      config: stamp.config(config, base, diffIds),
      layers,
      references: [],
      parentId: stamp.id,
      created: true,
      statements: (id) => stamp.statements(id),
    })
  } finally {
    for (const { key } of pinned) o.layers.unpin(key)
  }
}

/** Bottom first. */
function pinLayers(o: StampContext, id: string, pinned: Layer[]): Layer[] {
  const ids = o.records.config(id).rootfs.diff_ids
  const layers = o.records.layers(id).map((layer, at) => ({ ...layer, diffId: ids[at] ?? '' }))
  for (const layer of layers) {
    o.layers.pin(layer.key)
    pinned.push(layer)
  }
  return layers
}

/** Those above `below` are replaced in `layers`. */
async function changeLayers(
  o: StampContext,
  stamp: ImageStamp,
  { layers, below, pinned }: { layers: Layer[]; below: number; pinned: Layer[] },
): Promise<void> {
  const opening = { native: o.native, paths: o.layers.paths }
  for (const [at, row] of o.records.layerTars(stamp.id).entries()) {
    if (at < below) continue
    const tar = await openLayerTar(opening, row)
    await using unpacked = await unpackTar(o, stamp.layer!(tar.pieces()), stamp.signal)
    const under = layers.slice(0, at)
    const chain = chainIds([...under.map((layer) => layer.diffId), unpacked.diffId])
    const layer = await unpacked.place({ chainId: chain.at(-1) ?? '', below: under.toReversed() })
    pinned.push(layer)
    layers[at] = layer
  }
}
