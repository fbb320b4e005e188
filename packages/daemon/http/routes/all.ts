import type { Backend } from '../backend.ts'
import type { Routes } from '../router.ts'
import { attachRoutes } from './attach.ts'
import { buildHistoryRoutes } from './build-history.ts'
import { buildRoutes } from './build.ts'
import { commitRoutes } from './commit.ts'
import { archiveRoutes } from './archive.ts'
import { contentRoutes } from './content.ts'
import { containerRoutes } from './containers.ts'
import { execRoutes } from './execs.ts'
import { grpcRoutes } from './grpc.ts'
import { imageArchiveRoutes } from './image-archives.ts'
import { historyRoutes } from './history.ts'
import { imageRoutes } from './images.ts'
import { containerPruneRoutes } from './prune.ts'
import { resourceRoutes } from './resources.ts'
import { networkRoutes } from './networks.ts'
import { pluginRoutes } from './plugins.ts'
import { portRoutes } from './ports.ts'
import { registryRoutes } from './registries.ts'
import { swarmRoutes } from './swarm.ts'
import { systemRoutes } from './system.ts'
import { volumeRoutes } from './volumes.ts'

/** Operations without an entry answer 501. */
export function allRoutes(backend: Backend): Routes {
  return {
    ...systemRoutes(backend.system),
    ...contentRoutes(backend.system),
    ...attachRoutes(backend.containers),
    ...containerRoutes(backend.containers),
    ...archiveRoutes(backend.containers),
    ...commitRoutes(backend.containers),
    ...containerPruneRoutes(backend.containers),
    ...resourceRoutes(backend.containers),
    ...portRoutes(backend.containers),
    ...execRoutes(backend.execs),
    ...imageRoutes(backend.images),
    ...registryRoutes(backend.registries),
    ...imageArchiveRoutes(backend.images),
    ...historyRoutes(backend.images),
    ...buildRoutes(backend.builds),
    ...buildHistoryRoutes(backend.builds),
    ...grpcRoutes(),
    ...volumeRoutes(backend.volumes),
    ...networkRoutes(backend.networks),
    ...pluginRoutes(),
    ...swarmRoutes(),
  }
}
