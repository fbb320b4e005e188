import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { EndpointSettings } from '@tdocker/api'
import { KernelError, type Native } from '@tdocker/kernel'
import { EngineError, notFound, system } from '../base/errors.ts'
import { RollbackScope } from '../base/scope.ts'
import type { NetworkSandboxes, Sandbox, SandboxRequest } from '../container/needs.ts'
import type { Store } from '../store/store.ts'
import { formatAddress, formatPrefix, macOf, parseAddress, parsePrefix } from './address.ts'
import { BridgeNetwork, newHostInterface, type BridgeSubnet } from './bridge-network.ts'
import {
  deleteOf,
  findNetwork,
  insertEndpoint,
  insertNetwork,
  insertPort,
  listEndpoints,
  listPorts,
  updateNetworkConfig,
  type EndpointRow,
  type NetworkRow,
  type PortRow,
} from './endpoint-rows.ts'
import { endpointSettings } from './endpoint-settings.ts'
import { Firewall } from './firewall.ts'
import { acceptForwarding, withdrawForwarding } from './forward-accept.ts'
import { hostFiles, type HostFiles } from './host-files.ts'
import { ANY_ADDRESS, HostPorts, type ReservedPort } from './host-ports.ts'
import { LinkReaper } from './link-reaper.ts'
import { DEFAULT_NETWORK, type NetworksConfig, type NetworksLog } from './networks-config.ts'
import { checkSandboxRequest, networkNameOf } from './sandbox-request.ts'
import {
  exposedPorts,
  formatContainerPort,
  portRequests,
  type PortRequest,
} from './port-request.ts'
import { hostSandboxFiles, ownSandboxFiles } from './sandbox-files.ts'

const DEFAULT_BRIDGE = 'tdocker0'
const DEFAULT_TABLE = 'tdocker'
const INTERFACE = 'eth0'
const PREDEFINED: ReadonlyArray<{ name: string; driver: string }> = [
  { name: DEFAULT_NETWORK, driver: 'bridge' },
  { name: 'host', driver: 'host' },
  { name: 'none', driver: 'null' },
]

export interface NetworksOptions {
  native: Native
  store: Store
  config: NetworksConfig
  log: NetworksLog
  /** For tests. */
  host?: HostFiles
}

/** The network room; `restore` comes before anything else. */
export function createNetworks(options: NetworksOptions): Networks {
  return new Networks(options)
}

/** What one container holds while it runs. */
interface Holding {
  endpoint: EndpointRow
  ports: PortRow[]
}

export class Networks implements NetworkSandboxes {
  readonly #native: Native
  readonly #store: Store
  readonly #config: NetworksConfig
  readonly #log: NetworksLog
  readonly #host: HostFiles
  readonly #firewall: Firewall
  readonly #ports: HostPorts
  readonly #reaper: LinkReaper
  readonly #holdings = new Map<string, Holding>()
  readonly #ids = new Map<string, string>()
  #bridge: BridgeNetwork | undefined
  #opening: Promise<BridgeNetwork> | undefined
  #restored: Promise<void> | undefined

  constructor({ native, store, config, log, host = hostFiles }: NetworksOptions) {
    this.#native = native
    this.#store = store
    this.#config = config
    this.#log = log
    this.#host = host
    this.#firewall = new Firewall(native, config.table ?? DEFAULT_TABLE, log)
    this.#ports = new HostPorts(native, () => host.ephemeralPorts())
    this.#reaper = new LinkReaper(native, log)
  }

  async plan(request: SandboxRequest): Promise<{ endpoints: Record<string, EndpointSettings> }> {
    const name = networkNameOf(request.mode)
    if (!PREDEFINED.some((network) => network.name === name)) {
      throw notFound(`network ${request.mode} not found`)
    }
    checkSandboxRequest(request)
    return { endpoints: { [name]: endpointSettings(askedOf(request, name), undefined) } }
  }

  async open(request: SandboxRequest): Promise<Sandbox> {
    if (this.#restored === undefined) throw system('networks are not restored yet')
    await this.#restored
    const name = networkNameOf(request.mode)
    switch (name) {
      case 'host':
        return this.#openHost(request)
      case 'none':
        return this.#openNone(request)
      case DEFAULT_NETWORK:
        return this.#openBridge(request)
      default:
        throw notFound(`network ${request.mode} not found`)
    }
  }

  async release(containerId: string): Promise<void> {
    const holding = this.#holdings.get(containerId)
    if (holding === undefined) return
    this.#holdings.delete(containerId)
    await this.#store.write(deleteOf(containerId))
    this.#letGo(holding)
  }

  restore(alive: ReadonlyMap<string, { pid: number }>): Promise<void> {
    this.#restored = this.#restore(alive)
    return this.#restored
  }

  /** Id of a network by its name; empty before `restore`. */
  networkId(name: string): string {
    return this.#ids.get(networkNameOf(name)) ?? ''
  }

  /** What `info` and `network inspect` tell of the default bridge; undefined when there is none. */
  get defaultBridge(): { name: string; subnet: string; gateway: string } | undefined {
    const bridge = this.#bridge
    if (bridge === undefined) return undefined
    return {
      name: bridge.options.name,
      subnet: formatPrefix(bridge.subnet),
      gateway: bridge.gatewayText,
    }
  }

  /** Carries out deferred work; for an orderly end and for tests. */
  async settle(): Promise<void> {
    await this.#firewall.flush()
    await this.#reaper.flush()
  }

  /** Takes everything off the host, unless containers still run: theirs stays as it is. */
  async shutdown(): Promise<void> {
    await this.#restored?.catch(() => undefined)
    await this.settle()
    const bridge = this.#bridge
    if (this.#holdings.size > 0 || bridge === undefined) return
    this.#bridge = undefined
    this.#opening = undefined
    await withdrawForwarding(this.#native, bridge.options.name)
    await this.#firewall.remove()
    await this.#native.linkDelete({ name: bridge.options.name })
  }

  // ---- opening ----

  #openHost(request: SandboxRequest): Sandbox {
    const gateway = this.#bridge?.gatewayText
    return {
      netnsFd: undefined,
      holdFds: [],
      endpoints: { host: this.#plainEndpoint(request, 'host') },
      ports: {},
      ...hostSandboxFiles(request, this.#config, this.#host, gateway),
    }
  }

  async #openNone(request: SandboxRequest): Promise<Sandbox> {
    const files = ownSandboxFiles(
      request,
      this.#config,
      this.#host,
      this.#bridge?.gatewayText,
      undefined,
    )
    return {
      netnsFd: await this.#newNetns(),
      holdFds: [],
      endpoints: { none: this.#plainEndpoint(request, 'none') },
      ports: {},
      ...files,
    }
  }

  async #openBridge(request: SandboxRequest): Promise<Sandbox> {
    const bridge = await this.#readyBridge()
    await using scope = new RollbackScope((what, error) =>
      this.#log.warn({ err: error, container: request.containerId }, `cannot ${what}`),
    )
    const endpoint = await this.#newEndpoint(request, bridge)
    scope.undo('free address', () => this.#freeAddress(endpoint))
    const files = ownSandboxFiles(
      request,
      this.#config,
      this.#host,
      bridge.gatewayText,
      endpoint.address,
    )
    const reserved = await this.#reservePorts(request, endpoint)
    scope.undo('release ports', () => this.#freePorts(reserved))
    const holding = { endpoint, ports: reserved.map((port) => portRow(port, endpoint)) }

    scope.undo('delete rows', () => this.#store.write(deleteOf(request.containerId)))
    const netns = this.#newNetns()
    scope.undo('close netns', async () => this.#native.closeFd(await netns))
    // The rows must be there before the device; the namespace has no name and needs no owner.
    const [netnsFd] = await allSettled([netns, this.#insertRows(holding)])
    scope.undo('remove link', () => this.#reaper.later(endpoint.hostInterface))
    scope.undo('unpublish ports', () => this.#firewall.removeLater(holding.ports))
    await allSettled([
      bridge.attach({ ...endpoint, netnsFd, interface: INTERFACE }),
      this.#publish(holding.ports, endpoint, request.containerName),
    ])
    this.#holdings.set(request.containerId, holding)
    scope.release()
    return {
      netnsFd,
      holdFds: reserved.map((port) => port.fd),
      endpoints: { [DEFAULT_NETWORK]: this.#bridgeEndpoint(request, bridge, endpoint) },
      ports: publishedPorts(request, reserved),
      ...files,
    }
  }

  async #newNetns(): Promise<number> {
    // The default concerns devices to come: eth0 gets no IPv6, lo keeps ::1 as in Docker.
    const sysctls: Record<string, string> = this.#host.ipv6
      ? { 'net/ipv6/conf/default/disable_ipv6': '1' }
      : {}
    return this.#native.netnsCreate({ sysctls })
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

  async #insertRows({ endpoint, ports }: Holding): Promise<void> {
    await this.#store.write([
      // Whatever an earlier life of the container left.
      ...deleteOf(endpoint.containerId),
      insertEndpoint(endpoint),
      ...ports.map(insertPort),
    ])
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
    this.#firewall.removeLater(ports)
    for (const port of ports) this.#ports.release(port)
    this.#forgetFlows(ports)
    this.#freeAddress(endpoint)
    // Usually the namespace took it along; not where another container still shares it.
    this.#reaper.later(endpoint.hostInterface)
  }

  #freeAddress(endpoint: EndpointRow): void {
    const address = parseAddress(endpoint.address)
    if (address !== undefined) this.#bridge?.addresses.free(address)
  }

  #freePorts(reserved: readonly ReservedPort[]): void {
    for (const port of reserved) {
      this.#native.closeFd(port.fd)
      this.#ports.release(port)
    }
  }

  /**
   * A UDP flow that was tracked before its port was published, or to an earlier owner, would go on
   * past the map for as long as its sender keeps it alive. In the background: it waits on the kernel.
   */
  #forgetFlows(ports: readonly PortRow[]): void {
    const udp = ports.filter((port) => port.protocol === 'udp')
    if (udp.length === 0) return
    this.#deleteFlows(udp).catch((error: unknown) =>
      this.#log.warn({ err: error }, 'cannot delete UDP flows from connection tracking'),
    )
  }

  async #deleteFlows(ports: readonly PortRow[]): Promise<void> {
    await this.#firewall.settled()
    const own = (await this.#native.addressList({}))
      .map(({ address }) => parsePrefix(address))
      .filter((prefix) => prefix !== undefined)
      .map((prefix) => formatAddress(prefix.address))
    for (const { hostAddress, hostPort } of ports) {
      const addresses = hostAddress === ANY_ADDRESS ? own : [hostAddress]
      for (const address of addresses) {
        await this.#native.conntrackDelete({ protocol: 'udp', port: hostPort, address })
      }
    }
  }

  // ---- the bridge ----

  #readyBridge(): Promise<BridgeNetwork> {
    this.#opening ??= this.#openDefaultBridge(false).catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #openDefaultBridge(inUse: boolean): Promise<BridgeNetwork> {
    const config = this.#config
    if (config.bridge === 'none') throw notFound(`network ${DEFAULT_NETWORK} not found`)
    const row = findNetwork(this.#store, DEFAULT_NETWORK)
    const bridge = await BridgeNetwork.open(
      this.#native,
      {
        name: config.bridge ?? DEFAULT_BRIDGE,
        bip: config.bip,
        pools: config.pools,
        mtu: config.mtu,
        masquerade: config.masquerade ?? true,
        interContainer: config.interContainer ?? true,
      },
      storedSubnet(row),
      inUse,
    )
    await this.#keepSubnet(row, bridge)
    if (config.ipForward ?? true) enableForwarding(this.#log)
    await this.#firewall.reset([bridge.firewall], []).catch((error: unknown) => {
      throw withAdvice(error)
    })
    await acceptForwarding(this.#native, bridge.options.name)
    this.#bridge = bridge
    return bridge
  }

  async #keepSubnet(row: NetworkRow | undefined, bridge: BridgeNetwork): Promise<void> {
    const config = {
      bridge: bridge.options.name,
      subnet: formatPrefix(bridge.subnet),
      gateway: bridge.gatewayText,
    }
    if (row === undefined || JSON.stringify(row.config) === JSON.stringify(config)) return
    await this.#store.write([updateNetworkConfig(row.id, config)])
  }

  // ---- restoring ----

  async #restore(alive: ReadonlyMap<string, { pid: number }>): Promise<void> {
    await this.#ensurePredefined()
    const endpoints = listEndpoints(this.#store)
    const ports = listPorts(this.#store)
    const dead = new Set(
      [...endpoints, ...ports].map((row) => row.containerId).filter((id) => !alive.has(id)),
    )
    if (dead.size > 0) await this.#store.write([...dead].flatMap(deleteOf))
    for (const endpoint of endpoints) {
      if (dead.has(endpoint.containerId)) continue
      const held = ports.filter((port) => port.containerId === endpoint.containerId)
      this.#holdings.set(endpoint.containerId, { endpoint, ports: held })
      for (const port of held) this.#ports.adopt(port)
    }
    if (this.#config.bridge !== 'none') await this.#restoreBridge()
  }

  async #restoreBridge(): Promise<void> {
    const kept = [...this.#holdings.values()]
    try {
      this.#opening = this.#openDefaultBridge(kept.length > 0)
      const bridge = await this.#opening
      for (const { endpoint } of kept) {
        const address = parseAddress(endpoint.address)
        if (address !== undefined) bridge.addresses.take(address)
      }
      await this.#firewall.add(kept.flatMap((holding) => holding.ports))
      await this.#removeStrayLinks(bridge)
    } catch (error) {
      // Networks none and host still work; a start on the bridge tries again and says why not.
      this.#opening = undefined
      this.#log.error({ err: error }, 'cannot set up the default bridge')
    }
  }

  /** Ports of the bridge that no row owns: a daemon died between the device and its container. */
  async #removeStrayLinks(bridge: BridgeNetwork): Promise<void> {
    const links = await this.#native.linkList({})
    const index = links.find((link) => link.name === bridge.options.name)?.index
    const owned = new Set(
      [...this.#holdings.values()].map(({ endpoint }) => endpoint.hostInterface),
    )
    for (const link of links) {
      if (link.master === index && link.kind === 'veth' && !owned.has(link.name)) {
        this.#reaper.later(link.name)
      }
    }
  }

  async #ensurePredefined(): Promise<void> {
    const missing: NetworkRow[] = []
    for (const { name, driver } of PREDEFINED) {
      const row = findNetwork(this.#store, name) ?? {
        id: newId(),
        name,
        driver,
        createdAt: Date.now(),
        config: {},
      }
      if (!this.#ids.has(name) && findNetwork(this.#store, name) === undefined) missing.push(row)
      this.#ids.set(name, row.id)
    }
    if (missing.length > 0) await this.#store.write(missing.map(insertNetwork))
  }

  // ---- what inspect shows ----

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

/** Promise.all that leaves nothing running behind the back of a rollback, e.g. with a closed fd. */
async function allSettled<T extends readonly unknown[]>(
  promises: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(promises)
  return (await Promise.all(promises)) as unknown as T
}

function askedOf(request: SandboxRequest, name: string): EndpointSettings | undefined {
  const asked = request.networking.EndpointsConfig ?? {}
  return (
    asked[name] ?? asked[request.mode] ?? (name === DEFAULT_NETWORK ? asked['default'] : undefined)
  )
}

function portRow(port: ReservedPort, endpoint: EndpointRow): PortRow {
  const { protocol, hostAddress, hostPort, containerPort } = port
  const { containerId, address: containerAddress } = endpoint
  return { protocol, hostAddress, hostPort, containerId, containerAddress, containerPort }
}

function publishedPorts(
  request: SandboxRequest,
  reserved: readonly ReservedPort[],
): Sandbox['ports'] {
  const ports: Sandbox['ports'] = {}
  for (const key of exposedPorts(request)) ports[key] = null
  for (const port of reserved) {
    const key = formatContainerPort({ port: port.containerPort, protocol: port.protocol })
    const bindings = (ports[key] ??= [])
    bindings.push({ HostIp: port.hostAddress, HostPort: String(port.hostPort) })
  }
  return ports
}

function storedSubnet(row: NetworkRow | undefined): BridgeSubnet | undefined {
  const subnet = parsePrefix(row?.config.subnet ?? '')
  const gateway = parseAddress(row?.config.gateway ?? '')
  if (subnet === undefined || gateway === undefined) return undefined
  return { subnet: { base: subnet.base, length: subnet.length }, gateway }
}

function connectivityError(name: string, endpointId: string, cause: unknown): EngineError {
  const container = name.replace(/^\//, '')
  return system(
    'failed to set up container networking: driver failed programming external connectivity on ' +
      `endpoint ${container} (${endpointId}): ${(cause as Error).message}`,
    cause,
  )
}

function withAdvice(error: unknown): unknown {
  if (!(error instanceof KernelError) || error.code !== 'ENOSYS') return error
  return system('libnftables.so.1 is missing; install the package libnftables1', error)
}

function enableForwarding(log: NetworksLog): void {
  const path = '/proc/sys/net/ipv4/ip_forward'
  if (!existsSync(path) || readFileSync(path, 'utf8').trim() === '1') return
  writeFileSync(path, '1')
  log.info({}, 'net.ipv4.ip_forward is now 1')
}

function newId(): string {
  return randomBytes(32).toString('hex')
}
