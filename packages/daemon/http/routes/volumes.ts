import { parseFilters } from '@tdocker/api/filters.ts'
import { flag, text } from '@tdocker/api/query.ts'
import { unavailable } from '@tdocker/engine/base/errors.ts'
import type { Filters, VolumeBackend } from '../backend.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'
import { notManager } from './swarm.ts'

export function volumeRoutes(volumes: VolumeBackend): Routes {
  return {
    VolumeList: async (x) => {
      const filters = parseFilters(text(x.query, 'filters'), 'VolumeList')
      x.json(200, await volumes.list({ filters }))
    },
    VolumeInspect: async (x) => x.json(200, await volumes.inspect(x.param('name'))),
    VolumeCreate: async (x) => {
      const body = (await x.body(createRequest)) ?? {}
      if (body.ClusterVolumeSpec && x.since('clusterVolumes')) throw unavailable(notManager)
      x.json(201, await volumes.create(body))
    },
    VolumeUpdate: () => {
      throw unavailable('volume update only valid for cluster volumes, but swarm is unavailable')
    },
    VolumeDelete: async (x) => {
      await volumes.remove(x.param('name'), { force: flag(x.query, 'force') })
      x.empty(204)
    },
    VolumePrune: {
      since: 'prune',
      handler: async (x) => x.json(200, await volumes.prune({ filters: pruneFilters(x) })),
    },
  }
}

const createRequest = async () =>
  (await import('@tdocker/api/schema/volume.ts')).VolumeCreateRequest

/** Older clients mean every unused volume. */
function pruneFilters(x: Exchange): Filters {
  const filters = parseFilters(text(x.query, 'filters'), 'VolumePrune')
  if (x.since('volumePruneAnonymous')) return filters
  return new Map([...filters, ['all', ['true']]])
}
