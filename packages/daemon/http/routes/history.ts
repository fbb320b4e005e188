import type { ImageBackend } from '../backend.ts'
import { platformQuery } from '../platform-query.ts'
import type { Routes } from '../router.ts'

export function historyRoutes(images: Pick<ImageBackend, 'history'>): Routes {
  return {
    ImageHistory: async (x) => {
      const platform = x.since('descriptor') ? platformQuery(x.query, 'platform') : undefined
      x.json(200, await images.history(x.param('name'), { ...(platform && { platform }) }))
    },
  }
}
