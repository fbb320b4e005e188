import { shortId } from '@tdocker/oci'
import type { LayerProgress } from '../content/layer-puller.ts'
import type { Progress } from './image-backend.ts'

/** Tells of one layer as Docker's pushes and pulls do; `digest` is what clients know it by. */
export function layerProgress(progress: Progress, digest: string): (layer: LayerProgress) => void {
  const id = shortId(digest)
  return ({ status, current, total }) =>
    progress({
      status,
      progressDetail: {
        ...(current !== undefined && { current }),
        ...(total !== undefined && { total }),
      },
      id,
    })
}
