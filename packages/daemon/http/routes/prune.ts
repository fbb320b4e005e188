import { parseFilters } from '@tdocker/api/filters.ts'
import { text } from '@tdocker/api/query.ts'
import type { ContainerBackend } from '../backend.ts'
import type { Routes } from '../router.ts'

export function containerPruneRoutes(containers: ContainerBackend): Routes {
  return {
    ContainerPrune: async (x) => {
      const filters = parseFilters(text(x.query, 'filters'), 'ContainerPrune')
      x.json(200, await containers.prune({ filters }))
    },
  }
}
