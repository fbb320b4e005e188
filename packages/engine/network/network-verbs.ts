import type {
  EndpointResource,
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkInspect,
} from '@tdocker/api'
import type { Filters } from '../backend-types.ts'
import { notFound } from '../base/errors.ts'
import { OneAtATime } from '../base/one-at-a-time.ts'
import type { EventLog } from '../event/event-log.ts'
import type { LiveNetwork } from './live-network.ts'
import type { NetworkBackend, NetworkPruneReport, NetworkUsers } from './network-backend.ts'
import { networkMatcher } from './network-filters.ts'
import { endpointResource, networkResource, networkStatus } from './network-shape.ts'
import type { Networks } from './networks.ts'

export interface NetworkVerbsOptions {
  networks: Pick<Networks, 'directory' | 'maker' | 'whenRestored'>
  events: Pick<EventLog, 'commit'>
  users: NetworkUsers
  log: { warn(details: object, message: string): void }
}

/** The verbs of clients on networks. */
export class NetworkVerbs implements NetworkBackend {
  readonly #o: NetworkVerbsOptions
  readonly #pruning = new OneAtATime()

  constructor(o: NetworkVerbsOptions) {
    this.#o = o
  }

  async list(o: { filters: Filters; attached: boolean }): Promise<Network[]> {
    await this.#o.networks.whenRestored()
    const matches = networkMatcher(o.filters)
    return this.#all()
      .filter((network) => matches(filtered(network)))
      .map((network) => (o.attached ? this.#inspect(network) : networkResource(network)))
  }

  async inspect(reference: string, o: { scope: string; status: boolean }): Promise<NetworkInspect> {
    await this.#o.networks.whenRestored()
    if (o.scope !== '' && o.scope !== 'local') throw notFound(`network ${reference} not found`)
    const network = this.#o.networks.directory.get(reference)
    const found = this.#inspect(network)
    return o.status ? { ...found, Status: networkStatus(network) } : found
  }

  async create(body: NetworkCreateRequest): Promise<NetworkCreateResponse> {
    await this.#o.networks.whenRestored()
    const { id } = await this.#o.networks.maker.create(body)
    return { Id: id, Warning: '' }
  }

  async remove(reference: string): Promise<void> {
    await this.#o.networks.whenRestored()
    await this.#o.networks.maker.remove(this.#o.networks.directory.get(reference))
  }

  async connect(reference: string, body: NetworkConnectRequest): Promise<void> {
    await this.#o.users.connect(body.Container ?? '', reference, body.EndpointConfig ?? {})
  }

  async disconnect(reference: string, body: NetworkDisconnectRequest): Promise<void> {
    await this.#o.users.disconnect(body.Container ?? '', reference, body.Force ?? false)
  }

  prune(o: { filters: Filters }): Promise<NetworkPruneReport> {
    return this.#pruning.run(async () => {
      await this.#o.networks.whenRestored()
      const matches = networkMatcher(o.filters)
      const deleted: string[] = []
      for (const network of this.#all()) {
        const { config, endpoints, predefined } = network
        if (predefined || config.configOnly || endpoints.size > 0) continue
        if (matches(filtered(network)) && (await this.#pruneOne(network)))
          deleted.push(network.name)
      }
      await this.#o.events.commit(
        [],
        [{ type: 'network', action: 'prune', actorId: '', attributes: { reclaimed: '0' } }],
      )
      return { NetworksDeleted: deleted.length > 0 ? deleted : null }
    })
  }

  /** False when it came into use meanwhile, or does not go. */
  async #pruneOne(network: LiveNetwork): Promise<boolean> {
    try {
      await this.#o.networks.maker.remove(network)
      return true
    } catch (err) {
      this.#o.log.warn({ err, network: network.name }, 'network not pruned')
      return false
    }
  }

  #all(): LiveNetwork[] {
    return this.#o.networks.directory.all()
  }

  #inspect(network: LiveNetwork): NetworkInspect {
    const containers: Record<string, EndpointResource> = {}
    for (const { id, name, endpoints } of this.#o.users.attached()) {
      const endpoint = endpoints[network.name]
      if (endpoint?.EndpointID) containers[id] = endpointResource(name, endpoint)
    }
    return { ...networkResource(network), Containers: containers }
  }
}

function filtered(network: LiveNetwork): Parameters<ReturnType<typeof networkMatcher>>[0] {
  const { id, name, driver, predefined, createdAt, config, endpoints } = network
  return {
    id,
    name,
    driver,
    scope: 'local',
    predefined,
    createdAt,
    labels: config.labels,
    used: endpoints.size > 0,
  }
}
