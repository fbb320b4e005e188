import { sql, type Statement, type Store } from '../store/store.ts'
import type { PortElement } from './firewall-rules.ts'
import type { Protocol } from './port-request.ts'

/** Rows of `endpoint` and `port`: who owns which address, device and host port. */

export interface EndpointRow {
  id: string
  networkId: string
  containerId: string
  /** Without prefix length; empty without IPv4. */
  address: string
  /** The same for IPv6. */
  address6: string
  mac: string
  /** The host's end of a veth pair; empty for other kinds of links. */
  hostInterface: string
  detail: EndpointDetail
}

/** What of an endpoint nothing searches for. */
export interface EndpointDetail {
  /** Inside the namespace. */
  interface: string
  /** A connect that has not been told of yet: a daemon that died in it leaves nothing. */
  pending?: boolean
  /** Of the container. */
  containerName: string
  /** By which it is found, the first for reverse answers. */
  names: string[]
  /** What the container calls others: alias → their name. */
  links: Record<string, string>
  gatewayPriority: number
  linkLocal: string[]
  /** Interface sysctls as asked, with IFNAME. */
  sysctls: string[]
}

export interface PortRow extends PortElement {
  containerId: string
}

export function listEndpoints(store: Store): EndpointRow[] {
  return store
    .all<Record<string, string | null>>(
      'SELECT id, network_id, container_id, address, address6, mac, host_interface, detail_json FROM endpoint',
    )
    .map((row) => ({
      id: row['id'] ?? '',
      networkId: row['network_id'] ?? '',
      containerId: row['container_id'] ?? '',
      address: row['address'] ?? '',
      address6: row['address6'] ?? '',
      mac: row['mac'] ?? '',
      hostInterface: row['host_interface'] ?? '',
      detail: { ...blankDetail(), ...(JSON.parse(row['detail_json'] ?? '{}') as EndpointDetail) },
    }))
}

/** NULL is no address: two endpoints without one do not clash. */
export function insertEndpoint(row: EndpointRow): Statement {
  return sql`INSERT INTO endpoint (id, network_id, container_id, address, address6, mac, host_interface, detail_json)
    VALUES (${row.id}, ${row.networkId}, ${row.containerId}, ${row.address || null}, ${row.address6 || null},
      ${row.mac}, ${row.hostInterface}, ${JSON.stringify(row.detail)})`
}

export function updateEndpointDetail(row: EndpointRow): Statement {
  return sql`UPDATE endpoint SET detail_json = ${JSON.stringify(row.detail)} WHERE id = ${row.id}`
}

export function deleteEndpoint(id: string): Statement {
  return sql`DELETE FROM endpoint WHERE id = ${id}`
}

export function listPorts(store: Store): PortRow[] {
  return store
    .all<Record<string, string | number>>(
      'SELECT protocol, host_address, host_port, container_id, container_address, container_port FROM port',
    )
    .map((row) => ({
      protocol: row['protocol'] as Protocol,
      hostAddress: String(row['host_address']),
      hostPort: Number(row['host_port']),
      containerId: String(row['container_id']),
      containerAddress: String(row['container_address']),
      containerPort: Number(row['container_port']),
    }))
}

export function insertPort(row: PortRow): Statement {
  return sql`INSERT INTO port (protocol, host_address, host_port, container_id, container_address, container_port)
    VALUES (${row.protocol}, ${row.hostAddress}, ${row.hostPort}, ${row.containerId}, ${row.containerAddress}, ${row.containerPort})`
}

/** The port leads to another address of the container. */
export function movePort(row: PortRow, address: string): Statement {
  return sql`UPDATE port SET container_address = ${address} WHERE protocol = ${row.protocol}
    AND host_address = ${row.hostAddress} AND host_port = ${row.hostPort}`
}

/** Everything a container holds. */
export function deleteOf(containerId: string): Statement[] {
  return [
    sql`DELETE FROM port WHERE container_id = ${containerId}`,
    sql`DELETE FROM endpoint WHERE container_id = ${containerId}`,
  ]
}

function blankDetail(): EndpointDetail {
  return {
    interface: 'eth0',
    containerName: '',
    names: [],
    links: {},
    gatewayPriority: 0,
    linkLocal: [],
    sysctls: [],
  }
}
