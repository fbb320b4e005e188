import type { EndpointSettings } from '@tdocker/api'
import type { Native } from '@tdocker/kernel'
import { notFound, system, type EngineError } from '../base/errors.ts'
import { RollbackScope } from '../base/scope.ts'
import { settleAll } from '../base/settle-all.ts'
import type { NetworkSandboxes, Sandbox, SandboxRequest } from '../container/needs.ts'
import type { EventLog, NewEvent } from '../event/event-log.ts'
import type { Statement, Store } from '../store/store.ts'
import { formatAddress, macOf, parseAddress } from './address.ts'
import { newHostInterface, type BridgeNetwork } from './bridge-network.ts'
import { DefaultBridge } from './default-bridge.ts'
import {
  deleteOf,
  insertEndpoint,
  insertPort,
  listEndpoints,
  listPorts,
  type EndpointRow,
  type PortRow,
} from './endpoint-rows.ts'
import { endpointSettings } from './endpoint-settings.ts'
import { Firewall } from './firewall.ts'
import { hostFiles, type HostFiles } from './host-files.ts'
import { ANY_ADDRESS, HostPorts, type ReservedPort } from './host-ports.ts'
import { LinkReaper } from './link-reaper.ts'
import { NetnsPool } from './netns-pool.ts'
import type { BridgeFacts } from './network-verbs.ts'
import { DEFAULT_NETWORK, type NetworksConfig, type NetworksLog } from './networks-config.ts'
import { portRequests, type PortRequest } from './port-request.ts'
import { driverOf, ensurePredefined, newId } from './predefined.ts'
import { portRow, publishedPorts } from './published-ports.ts'
import { hostSandboxFiles, ownSandboxFiles } from './sandbox-files.ts'
import { askedOf, checkSandboxRequest, networkNameOf } from './sandbox-request.ts'
import { forgetUdpFlows } from './udp-flows.ts'

const DEFAULT_TABLE = 'tdocker'
const INTERFACE = 'eth0'

export interface NetworksOptions {
  native: Native
  store: Store
  config: NetworksConfig
  log: NetworksLog
  /** Hears of connects and disconnects; none are told without it. */
  events?: Pick<EventLog, 'commit'>
  /** For tests. */
  host?: HostFiles
}

/** The network room; `restore` comes before anything else. */
export function createNetworks(options: NetworksOptions): Networks {
  return new Networks(options)
}

/** What one container holds while it runs. */
interface Holding {
  /** Name of the network. */
  network: string
  /** Only on a bridge. */
  endpoint?: EndpointRow
  ports: PortRow[]
}

export class Networks implements NetworkSandboxes {
  readonly #native: Native
  readonly #store: Store
  readonly #config: NetworksConfig
  readonly #log: NetworksLog
  readonly #events: Pick<EventLog, 'commit'> | undefined
  readonly #host: HostFiles
  readonly #firewall: Firewall
  readonly #bridge: DefaultBridge
  readonly #ports: HostPorts
  readonly #reaper: LinkReaper
  readonly #pool: NetnsPool
  readonly #holdings = new Map<string, Holding>()
  #ids: ReadonlyMap<string, string> = new Map()
  #restored: Promise<void> | undefined
  /** Containers that live on since before `restore`. */
  #alive: Map<string, { pid: number }> = new Map()

  constructor({ native, store, config, log, events, host = hostFiles }: NetworksOptions) {
    this.#native = native
    this.#store = store
    this.#config = config
    this.#log = log
    this.#events = events
    this.#host = host
    this.#firewall = new Firewall(native, config.table ?? DEFAULT_TABLE, log)
    this.#bridge = new DefaultBridge({ native, store, config, log, firewall: this.#firewall })
    this.#ports = new HostPorts(native, () => host.ephemeralPorts())
    this.#reaper = new LinkReaper(native, log)
    // The default concerns devices to come: eth0 gets no IPv6, lo keeps ::1 as in Docker.
    const sysctls = { 'net/ipv6/conf/default/disable_ipv6': '1' }
    this.#pool = new NetnsPool(native, host.ipv6 ? sysctls : {})
  }

  async plan(request: SandboxRequest): Promise<{ endpoints: Record<string, EndpointSettings> }> {
    const name = networkNameOf(request.mode)
    // As in Docker an unknown network is the start's error: `docker run` takes a 404 of the create for
    // a missing image, and pulls.
    checkSandboxRequest(request)
    return { endpoints: { [name]: endpointSettings(askedOf(request, name), undefined) } }
  }

  async open(request: SandboxRequest): Promise<Sandbox> {
    await this.#whenRestored()
    const name = networkNameOf(request.mode)
    switch (name) {
      case 'host':
        return this.#openHost(request)
      case 'none':
        return this.#openNone(request)
      case DEFAULT_NETWORK:
        return this.#openBridge(request)
      default:
        throw notFound(`failed to set up container networking: network ${request.mode} not found`)
    }
  }

  async release(containerId: string): Promise<void> {
    this.#alive.delete(containerId)
    const holding = this.#holdings.get(containerId)
    if (holding === undefined) return
    this.#holdings.delete(containerId)
    const statements = holding.endpoint === undefined ? [] : deleteOf(containerId)
    await this.#commit(statements, this.#event('disconnect', holding.network, containerId))
    this.#letGo(holding)
  }

  restore(alive: ReadonlyMap<string, { pid: number }>): Promise<void> {
    this.#alive = new Map(alive)
    this.#restored = this.#restore(this.#alive)
    return this.#restored
  }

  /** What failed at the daemon's start, for want of room on the disk, is tried again by who needs it. */
  async #whenRestored(): Promise<void> {
    const attempt = this.#restored
    if (attempt === undefined) throw system('networks are not restored yet')
    try {
      await attempt
    } catch {
      if (this.#restored === attempt) this.#restored = this.#restore(this.#alive)
      await this.#restored
    }
  }

  /** Id of a network by its name; empty before `restore`. */
  networkId(name: string): string {
    return this.#ids.get(networkNameOf(name)) ?? ''
  }

  /** What `network inspect` tells of the default bridge; undefined where the daemon has none. */
  get defaultBridge(): BridgeFacts | undefined {
    return this.#bridge.facts()
  }

  /** Carries out deferred work; for an orderly end and for tests. */
  async settle(): Promise<void> {
    await this.#firewall.flush()
    await this.#reaper.flush()
  }

  /** The daemon ends. Takes everything off the host, unless containers on the bridge run on. */
  async shutdown(): Promise<void> {
    await this.#restored?.catch(() => undefined)
    await this.#pool.close()
    await this.settle()
    const inUse = [...this.#holdings.values()].some((holding) => holding.endpoint !== undefined)
    await (inUse ? this.#bridge.leave() : this.#bridge.remove())
  }

  /** Ends all background work and leaves the host as it is, as a kill of the daemon would. */
  async detach(): Promise<void> {
    await this.#pool.close()
    await this.#bridge.leave()
  }

  // ---- opening ----

  #openHost(request: SandboxRequest): Sandbox {
    this.#connectPlainly(request, 'host')
    return {
      netnsFd: undefined,
      holdFds: [],
      endpoints: { host: this.#plainEndpoint(request, 'host') },
      ports: {},
      ...hostSandboxFiles(request, this.#config, this.#host, this.#bridge.current?.gatewayText),
    }
  }

  async #openNone(request: SandboxRequest): Promise<Sandbox> {
    const files = this.#ownFiles(request, undefined)
    const netnsFd = await this.#pool.take()
    this.#connectPlainly(request, 'none')
    return {
      netnsFd,
      holdFds: [],
      endpoints: { none: this.#plainEndpoint(request, 'none') },
      ports: {},
      ...files,
    }
  }

  async #openBridge(request: SandboxRequest): Promise<Sandbox> {
    const bridge = await this.#bridge.ready()
    await using scope = new RollbackScope((what, error) =>
      this.#log.warn({ err: error, container: request.containerId }, `cannot ${what}`),
    )
    const endpoint = await this.#newEndpoint(request, bridge)
    scope.undo('free address', () => this.#freeAddress(endpoint))
    const files = this.#ownFiles(request, endpoint.address)
    const reserved = await this.#reservePorts(request, endpoint)
    scope.undo('release ports', () => this.#freePorts(reserved))
    const ports = reserved.map((port) => portRow(port, endpoint))

    scope.undo('delete rows', () => this.#store.write(deleteOf(request.containerId)))
    const netns = this.#pool.take()
    scope.undo('close netns', async () => this.#native.closeFd(await netns))
    scope.undo('remove link', () => this.#reaper.later(endpoint.hostInterface))
    scope.undo('unpublish ports', () => this.#firewall.removeLater(ports))
    // Beside each other, not rows first: a device of our bridge and an element of our table that no
    // row owns are garbage that the next restore finds, and the commit is the slowest of the three.
    const [netnsFd] = await settleAll([
      netns,
      netns.then((fd) => bridge.attach({ ...endpoint, netnsFd: fd, interface: INTERFACE })),
      this.#publish(ports, endpoint, request.containerName),
      this.#insertRows(endpoint, ports),
    ])
    this.#holdings.set(request.containerId, { network: DEFAULT_NETWORK, endpoint, ports })
    scope.release()
    return {
      netnsFd,
      holdFds: reserved.map((port) => port.fd),
      endpoints: { [DEFAULT_NETWORK]: this.#bridgeEndpoint(request, bridge, endpoint) },
      ports: publishedPorts(request, reserved),
      ...files,
    }
  }

  async #newEndpoint(request: SandboxRequest, bridge: BridgeNetwork): Promise<EndpointRow> {
    const address = bridge.addresses.allocate()
    if (address === undefined) {
      throw system(
        `no available IPv4 addresses on this network's address pools: ${DEFAULT_NETWORK}`,
      )
    }
    const text = formatAddress(address)
    // Nothing sent to the last owner may reach this one.
    if (this.#firewall.isLeaving(text)) await this.#firewall.flush()
    return {
      id: newId(),
      networkId: this.networkId(DEFAULT_NETWORK),
      containerId: request.containerId,
      address: text,
      mac: request.macAddress || askedOf(request, DEFAULT_NETWORK)?.MacAddress || macOf(address),
      hostInterface: newHostInterface(),
    }
  }

  async #reservePorts(request: SandboxRequest, endpoint: EndpointRow): Promise<ReservedPort[]> {
    const requests = portRequests(request).filter((port) => this.#canServe(port))
    try {
      return await this.#ports.reserve(requests, this.#config.hostAddress ?? ANY_ADDRESS)
    } catch (error) {
      throw connectivityError(request.containerName, endpoint.id, error)
    }
  }

  /** Addresses cannot be translated from IPv6 to IPv4 in the kernel; moby ignores them as well. */
  #canServe(port: PortRequest): boolean {
    if (!port.hostAddress.includes(':')) return true
    this.#log.info({ port }, 'cannot map from IPv6 to an IPv4-only container')
    return false
  }

  async #insertRows(endpoint: EndpointRow, ports: readonly PortRow[]): Promise<void> {
    const { containerId } = endpoint
    // First of all, whatever an earlier life of the container left.
    const rows = [...deleteOf(containerId), insertEndpoint(endpoint), ...ports.map(insertPort)]
    await this.#commit(rows, this.#event('connect', DEFAULT_NETWORK, containerId))
  }

  async #publish(ports: PortRow[], endpoint: EndpointRow, name: string): Promise<void> {
    try {
      await this.#firewall.add(ports)
    } catch (error) {
      throw connectivityError(name, endpoint.id, error)
    }
    this.#forgetFlows(ports)
  }

  // ---- letting go ----

  #letGo({ endpoint, ports }: Holding): void {
    if (endpoint === undefined) return
    this.#firewall.removeLater(ports)
    for (const port of ports) this.#ports.release(port)
    this.#freeAddress(endpoint)
    // Usually the namespace took it along; not where another container still shares it.
    this.#reaper.later(endpoint.hostInterface)
  }

  #freeAddress(endpoint: EndpointRow): void {
    const address = parseAddress(endpoint.address)
    if (address !== undefined) this.#bridge.current?.addresses.free(address)
  }

  #freePorts(reserved: readonly ReservedPort[]): void {
    for (const port of reserved) {
      this.#native.closeFd(port.fd)
      this.#ports.release(port)
    }
  }

  /** In the background: the kernel takes its time. */
  #forgetFlows(ports: readonly PortRow[]): void {
    forgetUdpFlows(this.#native, ports).catch((error: unknown) =>
      this.#log.warn({ err: error }, 'cannot delete UDP flows from connection tracking'),
    )
  }

  // ---- restoring ----

  async #restore(alive: ReadonlyMap<string, { pid: number }>): Promise<void> {
    this.#ids = await ensurePredefined(this.#store)
    const endpoints = listEndpoints(this.#store)
    const ports = listPorts(this.#store)
    const dead = new Set(
      [...endpoints, ...ports].map((row) => row.containerId).filter((id) => !alive.has(id)),
    )
    if (dead.size > 0) await this.#store.write([...dead].flatMap(deleteOf))
    for (const endpoint of endpoints) {
      if (dead.has(endpoint.containerId)) continue
      const held = ports.filter((port) => port.containerId === endpoint.containerId)
      this.#holdings.set(endpoint.containerId, { network: DEFAULT_NETWORK, endpoint, ports: held })
      for (const port of held) this.#ports.adopt(port)
    }
    if (this.#config.bridge !== 'none') await this.#restoreBridge()
  }

  async #restoreBridge(): Promise<void> {
    const kept = [...this.#holdings.values()]
    try {
      const bridge = await this.#bridge.ready(kept.length > 0)
      for (const { endpoint } of kept) {
        const address = parseAddress(endpoint?.address ?? '')
        if (address !== undefined) bridge.addresses.take(address)
      }
      await this.#firewall.add(kept.flatMap((holding) => holding.ports))
      await this.#removeStrayLinks(bridge)
    } catch (error) {
      // Networks none and host still work; a start on the bridge tries again and says why not.
      this.#log.error({ err: error }, 'cannot set up the default bridge')
    }
  }

  /** Ports of the bridge that no row owns: a daemon died between the device and its container. */
  async #removeStrayLinks(bridge: BridgeNetwork): Promise<void> {
    const links = await this.#native.linkList({})
    const index = links.find((link) => link.name === bridge.options.name)?.index
    const owned = new Set([...this.#holdings.values()].map((held) => held.endpoint?.hostInterface))
    for (const link of links) {
      if (link.master === index && link.kind === 'veth' && !owned.has(link.name)) {
        this.#reaper.later(link.name)
      }
    }
  }

  // ---- events, and what inspect shows ----

  /** Off the way of the start: there is nothing on the host that a row would have to own. */
  #connectPlainly(request: SandboxRequest, network: string): void {
    this.#holdings.set(request.containerId, { network, ports: [] })
    this.#commit([], this.#event('connect', network, request.containerId)).catch((error: unknown) =>
      this.#log.warn({ err: error }, 'cannot record a network event'),
    )
  }

  async #commit(statements: readonly Statement[], event: NewEvent): Promise<void> {
    if (this.#events !== undefined) return this.#events.commit(statements, [event])
    if (statements.length > 0) await this.#store.write(statements)
  }

  #event(action: 'connect' | 'disconnect', network: string, container: string): NewEvent {
    const attributes = { container, name: network, type: driverOf(network) ?? '' }
    return { type: 'network', action, actorId: this.networkId(network), attributes }
  }

  #ownFiles(
    request: SandboxRequest,
    address: string | undefined,
  ): Pick<Sandbox, 'hosts' | 'resolvConf'> {
    const gateway = this.#bridge.current?.gatewayText
    return ownSandboxFiles(request, this.#config, this.#host, gateway, address)
  }

  #plainEndpoint(request: SandboxRequest, name: string): EndpointSettings {
    return endpointSettings(askedOf(request, name), {
      networkId: this.networkId(name),
      endpointId: newId(),
    })
  }

  #bridgeEndpoint(
    request: SandboxRequest,
    bridge: BridgeNetwork,
    endpoint: EndpointRow,
  ): EndpointSettings {
    return endpointSettings(askedOf(request, DEFAULT_NETWORK), {
      networkId: endpoint.networkId,
      endpointId: endpoint.id,
      gateway: bridge.gatewayText,
      address: endpoint.address,
      prefixLength: bridge.subnet.length,
      mac: endpoint.mac,
    })
  }
}

function connectivityError(name: string, endpointId: string, cause: unknown): EngineError {
  const container = name.replace(/^\//, '')
  return system(
    'failed to set up container networking: driver failed programming external connectivity on ' +
      `endpoint ${container} (${endpointId}): ${(cause as Error).message}`,
    cause,
  )
}
