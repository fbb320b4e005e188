import type { Sandbox } from '../container/needs.ts'
import type { PortRow } from './endpoint-rows.ts'
import type { ReservedPort } from './host-ports.ts'
import { exposedPorts, formatContainerPort, type PortWishes } from './port-request.ts'

/** `NetworkSettings.Ports`: null for what is exposed only. */
export function publishedPorts(
  wishes: PortWishes,
  reserved: readonly ReservedPort[],
): Sandbox['ports'] {
  const ports: Sandbox['ports'] = {}
  for (const key of exposedPorts(wishes)) ports[key] = null
  for (const port of reserved) {
    const key = formatContainerPort({ port: port.containerPort, protocol: port.protocol })
    const bindings = (ports[key] ??= [])
    bindings.push({ HostIp: port.hostAddress, HostPort: String(port.hostPort) })
  }
  return ports
}

export function portRow(
  port: ReservedPort,
  containerId: string,
  containerAddress: string,
): PortRow {
  const { protocol, hostAddress, hostPort, containerPort } = port
  return { protocol, hostAddress, hostPort, containerId, containerAddress, containerPort }
}
