import { sql, type Statement, type Store } from '../store/store.ts'
import type { PortElement } from './firewall-rules.ts'
import type { Protocol } from './port-request.ts'

/** Rows of `network`, `endpoint` and `port`: who owns which address, device and host port. */

export interface NetworkRow {
  id: string
  name: string
  driver: string
  createdAt: number
  config: NetworkConfig
}

/** What of a network is kept; the bridge's addresses must survive the daemon. */
export interface NetworkConfig {
  bridge?: string
  subnet?: string
  gateway?: string
  /** Devices between which nothing is forwarded, because forwarding was off until we came … */
  guardedLinks?: string[]
  /** … in this boot. */
  bootId?: string
}

export interface EndpointRow {
  id: string
  networkId: string
  containerId: string
  address: string
  mac: string
  hostInterface: string
}

export interface PortRow extends PortElement {
  containerId: string
}

export function findNetwork(store: Store, name: string): NetworkRow | undefined {
  const row = store.get<{ id: string; driver: string; created_at: number; config_json: string }>(
    'SELECT id, driver, created_at, config_json FROM network WHERE name = ?',
    name,
  )
  if (row === undefined) return undefined
  const config = JSON.parse(row.config_json) as NetworkConfig
  return { id: row.id, name, driver: row.driver, createdAt: Number(row.created_at), config }
}

export function insertNetwork(row: NetworkRow): Statement {
  const config = JSON.stringify(row.config)
  return sql`INSERT INTO network (id, name, driver, created_at, config_json)
    VALUES (${row.id}, ${row.name}, ${row.driver}, ${row.createdAt}, ${config})`
}

export function updateNetworkConfig(id: string, config: NetworkConfig): Statement {
  return sql`UPDATE network SET config_json = ${JSON.stringify(config)} WHERE id = ${id}`
}

export function listEndpoints(store: Store): EndpointRow[] {
  return store
    .all<Record<string, string>>(
      'SELECT id, network_id, container_id, address, mac, host_interface FROM endpoint WHERE address IS NOT NULL',
    )
    .map((row) => ({
      id: row['id'] ?? '',
      networkId: row['network_id'] ?? '',
      containerId: row['container_id'] ?? '',
      address: row['address'] ?? '',
      mac: row['mac'] ?? '',
      hostInterface: row['host_interface'] ?? '',
    }))
}

export function insertEndpoint(row: EndpointRow): Statement {
  return sql`INSERT INTO endpoint (id, network_id, container_id, address, mac, host_interface)
    VALUES (${row.id}, ${row.networkId}, ${row.containerId}, ${row.address}, ${row.mac}, ${row.hostInterface})`
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

/** Everything a container holds. */
export function deleteOf(containerId: string): Statement[] {
  return [
    sql`DELETE FROM port WHERE container_id = ${containerId}`,
    sql`DELETE FROM endpoint WHERE container_id = ${containerId}`,
  ]
}
