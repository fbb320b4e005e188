import type { ContainerBackend } from '../backend.ts'
import type { Routes } from '../router.ts'

/** Ports of a container that come and go while it runs: an operation of ours. */
export function portRoutes(containers: ContainerBackend): Routes {
  return {
    ContainerPortAdd: async (x) => {
      const { PortBindings = {} } = (await x.body(portsRequest)) ?? {}
      x.json(200, { Ports: await containers.addPorts(x.param('id'), PortBindings) })
    },
    ContainerPortRemove: async (x) => {
      const { PortBindings = {} } = (await x.body(portsRequest)) ?? {}
      x.json(200, { Ports: await containers.removePorts(x.param('id'), PortBindings) })
    },
  }
}

const portsRequest = async () =>
  (await import('@tdocker/api/schema/container-ports.ts')).ContainerPortsRequest
