import { sql, type Statement, type Store } from '../store/store.ts'

/** Rows of `network`. */

export interface NetworkRow {
  id: string
  name: string
  driver: string
  createdAt: number
  config: NetworkConfig
}

/** Everything of a network but its endpoints, as it is kept. */
export interface NetworkConfig {
  /** Half made or half removed by a daemon that died: the next one removes it. */
  state?: 'creating' | 'removing'
  enableIPv4: boolean
  enableIPv6: boolean
  internal: boolean
  attachable: boolean
  configOnly: boolean
  /** Name of the configuration network it was made from; empty without. */
  configFrom: string
  ipamDriver: string
  ipamOptions: Record<string, string> | null
  pools: PoolConfig[]
  options: Record<string, string>
  labels: Record<string, string>
  /** Parent device of macvlan and ipvlan that the driver made, and removes with the last user. */
  ownParent?: boolean
  /** The bridge was there before: it stays when the network goes. */
  foreignBridge?: boolean
}

/** One subnet of a network. */
export interface PoolConfig {
  /** CIDR. */
  subnet: string
  range?: string
  /** Of the bridge, or of a router behind macvlan's parent. */
  gateway?: string
  auxiliary?: Record<string, string>
  /** Asked for, not chosen by us. */
  given: boolean
}

interface StoredRow {
  id: string
  name: string
  driver: string
  created_at: number
  config_json: string
}

export function listNetworks(store: Store): NetworkRow[] {
  return store
    .all<StoredRow>('SELECT id, name, driver, created_at, config_json FROM network')
    .map((row) => ({
      id: row.id,
      name: row.name,
      driver: row.driver,
      createdAt: Number(row.created_at),
      config: { ...blankConfig(), ...(JSON.parse(row.config_json) as Partial<NetworkConfig>) },
    }))
}

export function insertNetwork(row: NetworkRow): Statement {
  const config = JSON.stringify(row.config)
  return sql`INSERT INTO network (id, name, driver, created_at, config_json)
    VALUES (${row.id}, ${row.name}, ${row.driver}, ${row.createdAt}, ${config})`
}

export function updateNetworkConfig(id: string, config: NetworkConfig): Statement {
  return sql`UPDATE network SET config_json = ${JSON.stringify(config)} WHERE id = ${id}`
}

/** Of a network without endpoints. */
export function deleteNetwork(id: string): Statement {
  return sql`DELETE FROM network WHERE id = ${id}`
}

/** A network of Docker's defaults without any subnet. */
export function blankConfig(): NetworkConfig {
  return {
    enableIPv4: true,
    enableIPv6: false,
    internal: false,
    attachable: false,
    configOnly: false,
    configFrom: '',
    ipamDriver: 'default',
    ipamOptions: null,
    pools: [],
    options: {},
    labels: {},
  }
}
