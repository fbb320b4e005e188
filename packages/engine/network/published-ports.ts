import type { PortMap } from '@tdocker/api'
import type { HeldPort } from '@tdocker/kernel/shim/plan.ts'
import type { Sandbox } from '../container/needs.ts'
import type { PortRow } from './endpoint-rows.ts'
import { isCarried, isRouted } from './firewall-rules.ts'
import { ANY_ADDRESS, ANY_ADDRESS6, type ReservedPort } from './host-ports.ts'
import { exposedPorts, formatContainerPort, type PortWishes } from './port-request.ts'

/** `NetworkSettings.Ports`: null for what is exposed only. */
export function publishedPorts(wishes: PortWishes, rows: readonly PortRow[]): Sandbox['ports'] {
  const ports: Sandbox['ports'] = {}
  for (const key of exposedPorts(wishes)) ports[key] = null
  for (const row of rows) {
    const key = formatContainerPort({ port: row.containerPort, protocol: row.protocol })
    const bindings = (ports[key] ??= [])
    bindings.push(shownBinding(row))
  }
  return ports
}

/** One of several host ports of the same container port, by its number. */
export function isNamed(row: PortRow, ports: PortMap): boolean {
  const key = formatContainerPort({ port: row.containerPort, protocol: row.protocol })
  return (ports[key] ?? []).some(
    ({ HostIp = '', HostPort = '' }) =>
      HostPort === String(row.hostPort) && (HostIp === '' || HostIp === row.hostAddress),
  )
}

/** A routed port has no port of the host; moby shows it so. */
function shownBinding(row: PortRow): { HostIp: string; HostPort: string } {
  if (!isRouted(row)) return { HostIp: row.hostAddress, HostPort: String(row.hostPort) }
  return { HostIp: row.hostAddress.includes(':') ? ANY_ADDRESS6 : ANY_ADDRESS, HostPort: '' }
}

export function portRow(port: ReservedPort, containerId: string): PortRow {
  const { protocol, hostAddress, hostPort, containerAddress, containerPort } = port
  return { protocol, hostAddress, hostPort, containerId, containerAddress, containerPort }
}

/** What no rule of the kernel leads to the container. */
function comesToShim(row: Omit<PortRow, 'containerId'>): boolean {
  return isCarried(row) || row.hostAddress === ANY_ADDRESS6 || row.hostAddress === '::1'
}

/** How the shim is told of the port. */
export function heldPort(row: Omit<PortRow, 'containerId'>): HeldPort {
  const { protocol, hostAddress, hostPort, containerAddress, containerPort } = row
  return {
    name: `${protocol} ${hostAddress} ${hostPort}`,
    serve: comesToShim(row) ? { address: containerAddress, port: containerPort } : undefined,
  }
}
