import type {
  EndpointResource,
  EndpointSettings,
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkInspect,
  NetworkStatus,
} from '@tdocker/api'
import type { Filters } from '../backend-types.ts'
import { forbidden, invalidParameter, notFound, notImplemented } from '../base/errors.ts'
import { OneAtATime } from '../base/one-at-a-time.ts'
import type { EventLog } from '../event/event-log.ts'
import type { Store } from '../store/store.ts'
import { findNetwork, type NetworkRow } from './endpoint-rows.ts'
import type { NetworkBackend, NetworkPruneReport, NetworkUsers } from './network-backend.ts'
import { networkMatcher } from './network-filters.ts'
import { DEFAULT_NETWORK } from './networks-config.ts'
import { PREDEFINED } from './predefined.ts'

/** The default bridge as it is on the host, or as it will be made. */
export interface BridgeFacts {
  name: string
  /** CIDR; undefined before the bridge was made for the first time. */
  subnet: string | undefined
  gateway: string | undefined
  mtu: number
  masquerade: boolean
  interContainer: boolean
  /** Addresses taken, the gateway's among them. */
  addressesInUse: number
}

export interface NetworkVerbsOptions {
  store: Store
  events: Pick<EventLog, 'commit'>
  users: NetworkUsers
  /** Undefined for a daemon without default bridge. */
  bridge(): BridgeFacts | undefined
}

/** The verbs of clients on networks: those that are always there. */
export class NetworkVerbs implements NetworkBackend {
  readonly #o: NetworkVerbsOptions
  readonly #pruning = new OneAtATime()

  constructor(o: NetworkVerbsOptions) {
    this.#o = o
  }

  async list(o: { filters: Filters; attached: boolean }): Promise<Network[]> {
    const matches = networkMatcher(o.filters)
    const rows = this.#rows().filter((row) => matches({ ...row, scope: 'local' }))
    return rows.map((row) => (o.attached ? this.#inspect(row) : this.#resource(row)))
  }

  async inspect(reference: string, o: { scope: string; status: boolean }): Promise<NetworkInspect> {
    if (o.scope !== '' && o.scope !== 'local') throw noSuchNetwork(reference)
    const row = this.#get(reference)
    const found = this.#inspect(row)
    return o.status ? { ...found, Status: this.#status(row) } : found
  }

  async create(body: NetworkCreateRequest): Promise<NetworkCreateResponse> {
    const name = body.Name ?? ''
    // The space at the end is moby's.
    if (isPredefined(name))
      throw forbidden(`operation is not permitted on predefined ${name} network `)
    if (body.Driver === 'overlay')
      throw forbidden(
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
      )
    throw unserved('NetworkCreate (POST /networks/create)')
  }

  async remove(reference: string): Promise<void> {
    const { name } = this.#get(reference)
    throw forbidden(`${name} is a pre-defined network and cannot be removed`)
  }

  async connect(reference: string, body: NetworkConnectRequest): Promise<void> {
    this.#o.users.check(body.Container ?? '')
    this.#get(reference)
    throw unserved('NetworkConnect (POST /networks/{id}/connect)')
  }

  async disconnect(reference: string, body: NetworkDisconnectRequest): Promise<void> {
    this.#o.users.check(body.Container ?? '')
    this.#get(reference)
    throw unserved('NetworkDisconnect (POST /networks/{id}/disconnect)')
  }

  /** The predefined networks stay; the filters are checked all the same. */
  prune(o: { filters: Filters }): Promise<NetworkPruneReport> {
    return this.#pruning.run(async () => {
      networkMatcher(o.filters)
      await this.#o.events.commit(
        [],
        [{ type: 'network', action: 'prune', actorId: '', attributes: { reclaimed: '0' } }],
      )
      return { NetworksDeleted: null }
    })
  }

  #rows(): NetworkRow[] {
    const hasBridge = this.#o.bridge() !== undefined
    return PREDEFINED.filter(({ name }) => name !== DEFAULT_NETWORK || hasBridge).flatMap(
      ({ name }) => findNetwork(this.#o.store, name) ?? [],
    )
  }

  /** Full id, then name, then a prefix of ids. */
  #get(reference: string): NetworkRow {
    const rows = this.#rows()
    const exact =
      rows.find((row) => row.id === reference) ?? rows.find((row) => row.name === reference)
    if (exact) return exact
    const found = rows.filter((row) => reference !== '' && row.id.startsWith(reference))
    if (found.length > 1)
      throw invalidParameter(
        `network ${reference} is ambiguous (${found.length} matches found based on ID prefix)`,
      )
    if (!found[0]) throw noSuchNetwork(reference)
    return found[0]
  }

  #inspect(row: NetworkRow): NetworkInspect {
    const containers: Record<string, EndpointResource> = {}
    for (const { id, name, endpoints } of this.#o.users.attached()) {
      const endpoint = endpoints[row.name]
      if (endpoint) containers[id] = resourceOf(name, endpoint)
    }
    return { ...this.#resource(row), Containers: containers }
  }

  #resource(row: NetworkRow): Network {
    const bridge = row.name === DEFAULT_NETWORK ? this.#o.bridge() : undefined
    return {
      Name: row.name,
      Id: row.id,
      Created: new Date(row.createdAt).toISOString(),
      Scope: 'local',
      Driver: row.driver,
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: { Driver: 'default', Options: null, Config: bridge ? addressesOf(bridge) : null },
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Options: bridge ? optionsOf(bridge) : {},
      Labels: {},
    }
  }

  #status(row: NetworkRow): NetworkStatus {
    const bridge = row.name === DEFAULT_NETWORK ? this.#o.bridge() : undefined
    if (!bridge?.subnet) return { IPAM: {} }
    const length = Number(bridge.subnet.split('/')[1])
    // The network's own address and the broadcast address are nobody's, and count as taken.
    const IPsInUse = bridge.addressesInUse + 2
    const DynamicIPsAvailable = Math.max(0, 2 ** (32 - length) - IPsInUse)
    return { IPAM: { Subnets: { [bridge.subnet]: { IPsInUse, DynamicIPsAvailable } } } }
  }
}

function isPredefined(name: string): boolean {
  return name === 'default' || PREDEFINED.some((network) => network.name === name)
}

function addressesOf(bridge: BridgeFacts): Network['IPAM']['Config'] {
  if (bridge.subnet === undefined) return []
  return [{ Subnet: bridge.subnet, ...(bridge.gateway && { Gateway: bridge.gateway }) }]
}

function optionsOf(bridge: BridgeFacts): Record<string, string> {
  return {
    'com.docker.network.bridge.default_bridge': 'true',
    'com.docker.network.bridge.enable_icc': String(bridge.interContainer),
    'com.docker.network.bridge.enable_ip_masquerade': String(bridge.masquerade),
    'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
    'com.docker.network.bridge.name': bridge.name,
    'com.docker.network.driver.mtu': String(bridge.mtu),
  }
}

function resourceOf(name: string, endpoint: EndpointSettings): EndpointResource {
  const { IPAddress, IPPrefixLen } = endpoint
  return {
    Name: name,
    EndpointID: endpoint.EndpointID ?? '',
    MacAddress: endpoint.MacAddress ?? '',
    IPv4Address: IPAddress ? `${IPAddress}/${IPPrefixLen ?? 32}` : '',
    IPv6Address: '',
  }
}

function noSuchNetwork(reference: string): Error {
  return notFound(`network ${reference} not found`)
}

function unserved(operation: string): Error {
  return notImplemented(`${operation} is not supported by tdocker yet`)
}
