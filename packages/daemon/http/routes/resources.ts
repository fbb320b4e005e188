import type { ContainerBackend } from '../backend.ts'
import type { Routes } from '../router.ts'

/** What concerns a container's cgroup: its running state, its limits, what it uses. */
export function resourceRoutes(containers: ContainerBackend): Routes {
  return {
    ContainerPause: async (x) => {
      await containers.pause(x.param('id'))
      x.empty(204)
    },
    ContainerUnpause: async (x) => {
      await containers.unpause(x.param('id'))
      x.empty(204)
    },
  }
}
