import type { Backend } from '../backend.ts'
import type { Routes } from '../router.ts'
import { attachRoutes } from './attach.ts'
import { containerRoutes } from './containers.ts'
import { execRoutes } from './execs.ts'
import { imageRoutes } from './images.ts'
import { resourceRoutes } from './resources.ts'
import { systemRoutes } from './system.ts'

/** Operations without an entry answer 501. */
export function allRoutes(backend: Backend): Routes {
  return {
    ...systemRoutes(backend.system),
    ...attachRoutes(backend.containers),
    ...containerRoutes(backend.containers),
    ...resourceRoutes(backend.containers),
    ...execRoutes(backend.execs),
    ...imageRoutes(backend.images),
  }
}
