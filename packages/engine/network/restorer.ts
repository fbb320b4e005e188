import { setImmediate } from 'node:timers/promises'
import { sql } from '../store/store.ts'
import { defaultBridgeConfig } from './default-bridge.ts'
import { deviceOf, firewallNetwork } from './drivers/bridge-driver.ts'
import {
  deleteEndpoint,
  deleteOf,
  listEndpoints,
  listPorts,
  type EndpointRow,
  type PortRow,
} from './endpoint-rows.ts'
import { familiesOf, newHolding, type Holding } from './holding.ts'
import { takenPrefixes, viewHost, type HostView } from './host-view.ts'
import { LiveNetwork } from './live-network.ts'
import { driverOf, type NetworkContext } from './network-context.ts'
import { takenPools } from './network-maker.ts'
import {
  deleteNetwork,
  listNetworks,
  updateNetworkConfig,
  type NetworkRow,
} from './network-rows.ts'
import { DEFAULT_NETWORK } from './networks-config.ts'
import { plainEndpoint } from './new-endpoint.ts'
import type { DnsOverrides } from './resolv-conf.ts'
import { ensurePredefined } from './predefined.ts'
import type { Sandboxes } from './sandboxes.ts'

/** What is there already costs no wait: others on the event loop have their turn in between. */
const AT_A_TIME = 8

/** Containers that live on since an earlier daemon, and the networks they are on. */
export type AliveContainers = Map<
  string,
  { pid: number; networks?: readonly string[]; resolver?: DnsOverrides }
>

/** The way from rows to networks on the host, when the daemon starts. */
export class Restorer {
  readonly #ctx: NetworkContext
  readonly #sandboxes: Sandboxes
  /** Networks that could not be set up. */
  readonly #broken = new Set<LiveNetwork>()

  constructor(ctx: NetworkContext, sandboxes: Sandboxes) {
    this.#ctx = ctx
    this.#sandboxes = sandboxes
  }

  /** Devices, addresses, rules and holdings become what the rows say; what no row owns goes. */
  async restore(alive: AliveContainers): Promise<void> {
    const ctx = this.#ctx
    const stored = listNetworks(ctx.store)
    stored.push(...(await ensurePredefined(ctx.store, stored)))
    const endpoints = await this.#livingEndpoints(alive)
    const ports = listPorts(ctx.store).filter(({ containerId }) => alive.has(containerId))
    const unfinished = stored.filter(({ config }) => config.state !== undefined)
    for (const row of stored) if (!unfinished.includes(row)) this.#load(row)
    for (const row of unfinished) await this.#clear(row)

    let host = await viewHost(ctx.native)
    await this.#placeDefaultBridge(endpoints, host)
    for (const row of endpoints) ctx.directory.byId(row.networkId)?.adopt(row)
    this.#adoptHoldings(alive, endpoints, ports)
    await this.#adoptResolvers(alive)
    const changed = await this.#openAll(host)
    await this.#resetRules(ports)
    if (changed) host = await viewHost(ctx.native)
    await this.#repairEndpoints(alive, host)
    this.#removeStrayLinks(endpoints, host)
  }

  /** Sets up again what failed; undefined when the network is all right. */
  broughtBack(network: LiveNetwork): Promise<void> | undefined {
    return this.#broken.has(network) ? this.#bringBack(network) : undefined
  }

  /** An orderly end: the rows alone tell of the networks. */
  async removeDevices(): Promise<void> {
    const removals = this.#ctx.directory.all().map(async (network) => {
      try {
        await driverOf(this.#ctx, network)?.close(network)
      } catch (error) {
        this.#ctx.log.warn({ err: error, network: network.name }, 'cannot remove devices')
      }
    })
    await Promise.all(removals)
  }

  /** Rows of containers that live; the others go, and so do connects that were never told of. */
  async #livingEndpoints(alive: AliveContainers): Promise<EndpointRow[]> {
    const { store } = this.#ctx
    const all = listEndpoints(store)
    const owners = [...all, ...listPorts(store)].map(({ containerId }) => containerId)
    const dead = [...new Set(owners)].filter((id) => !alive.has(id))
    const living = all.filter(({ containerId }) => alive.has(containerId))
    const pending = living.filter(({ detail }) => detail.pending)
    const statements = [...dead.flatMap(deleteOf), ...pending.map(({ id }) => deleteEndpoint(id))]
    // Devices first: without its row nobody would look for a macvlan inside.
    for (const row of pending) await this.#undoConnect(row, alive)
    if (statements.length > 0) await store.write(statements)
    return living.filter(({ detail }) => !detail.pending)
  }

  async #undoConnect(row: EndpointRow, alive: AliveContainers): Promise<void> {
    const { native, log } = this.#ctx
    try {
      await native.linkDelete({ name: row.hostInterface })
      await this.#inNamespace(row.containerId, alive, (netnsFd) =>
        native.linkDelete({ name: row.detail.interface, netnsFd }),
      )
    } catch (error) {
      log.warn({ err: error, container: row.containerId }, 'cannot undo a connect')
    }
  }

  #load(row: NetworkRow): void {
    if (row.name === DEFAULT_NETWORK && this.#ctx.config.bridge === 'none') return
    this.#ctx.directory.add(new LiveNetwork(row))
  }

  /** A daemon died while it made or removed the network. */
  async #clear(row: NetworkRow): Promise<void> {
    const network = new LiveNetwork(row)
    try {
      await driverOf(this.#ctx, network)?.close(network)
    } catch (error) {
      this.#ctx.log.warn({ err: error, network: row.name }, 'cannot remove devices')
    }
    const orphans = sql`DELETE FROM endpoint WHERE network_id = ${row.id}`
    await this.#ctx.store.write([orphans, deleteNetwork(row.id)])
  }

  /** The daemon's options and the host say what the default bridge is, more than its row. */
  async #placeDefaultBridge(endpoints: readonly EndpointRow[], host: HostView): Promise<void> {
    const ctx = this.#ctx
    const old = ctx.directory.byName(DEFAULT_NETWORK)
    if (old === undefined) return
    try {
      const config = defaultBridgeConfig({
        config: ctx.config,
        stored: old.config,
        host,
        pools: ctx.pools,
        taken: [
          ...takenPrefixes(host, ctx.host.resolvConf().nameservers, new Set([deviceOf(old)])),
          ...takenPools(ctx, old).map(({ subnet }) => subnet),
        ],
        inUse: endpoints.some(({ networkId }) => networkId === old.id),
      })
      const network = new LiveNetwork({ ...old.row, config })
      ctx.directory.replace(network)
      this.#broken.delete(old)
      if (JSON.stringify(config) !== JSON.stringify(old.config))
        await ctx.store.write([updateNetworkConfig(network.id, config)])
    } catch (error) {
      this.#fails(old, error)
    }
  }

  #adoptHoldings(
    alive: AliveContainers,
    endpoints: readonly EndpointRow[],
    ports: readonly PortRow[],
  ): void {
    const { directory, ports: hostPorts } = this.#ctx
    const holdings = new Map<string, Holding>()
    const holdingOf = (id: string, name: string): Holding => {
      const holding = holdings.get(id) ?? newHolding(id, name)
      holdings.set(id, holding)
      return holding
    }
    for (const row of endpoints) {
      const network = directory.byId(row.networkId)
      if (network === undefined) continue
      holdingOf(row.containerId, row.detail.containerName).endpoints.push({
        network,
        row,
        plain: false,
      })
    }
    for (const [containerId, { networks = [] }] of alive)
      for (const name of networks) {
        const network = directory.byName(name)
        if (network === undefined || driverOf(this.#ctx, network) !== undefined) continue
        const row = plainEndpoint({ containerId, containerName: '' }, network)
        holdingOf(containerId, '').endpoints.push({ network, row, plain: true })
      }
    const byContainer = Map.groupBy(ports, ({ containerId }) => containerId)
    for (const holding of holdings.values()) {
      holding.ports = byContainer.get(holding.containerId) ?? []
      for (const port of holding.ports) hostPorts.adopt(port)
      this.#sandboxes.adopt(holding)
    }
  }

  /** Early: questions are waiting since the last daemon. */
  async #adoptResolvers(alive: AliveContainers): Promise<void> {
    const nothing = { dns: [], dnsSearch: [], dnsOptions: [] }
    const adoptions = this.#sandboxes.all().map(async (holding) => {
      const living = alive.get(holding.containerId)
      if (living === undefined) return
      try {
        await this.#sandboxes.adoptResolver(holding, living.pid, living.resolver ?? nothing)
      } catch (err) {
        const about = { err, container: holding.containerId }
        this.#ctx.log.warn(about, 'cannot go on with the embedded DNS server')
      }
    })
    await Promise.all(adoptions)
  }

  /** True when a device was made. */
  async #openAll(host: HostView): Promise<boolean> {
    let changed = false
    for (const [index, network] of this.#ctx.directory.all().entries()) {
      if (this.#broken.has(network)) continue
      if (index % AT_A_TIME === 0) await setImmediate()
      try {
        changed = (await this.#open(network, host)) || changed
      } catch (error) {
        this.#fails(network, error)
      }
    }
    return changed
  }

  async #open(network: LiveNetwork, host: HostView): Promise<boolean> {
    await driverOf(this.#ctx, network)?.open(network, host)
    return network.driver === 'bridge' && !host.links.has(deviceOf(network))
  }

  async #resetRules(ports: readonly PortRow[]): Promise<void> {
    const networks = this.#ctx.directory
      .all()
      .filter((network) => network.driver === 'bridge' && !this.#broken.has(network))
    if (networks.length === 0) return
    try {
      await this.#ctx.rules.reset(networks.map(firewallNetwork), ports)
    } catch (error) {
      // Networks none and host still work; a start on a bridge tries again and says why not.
      for (const network of networks) this.#fails(network, error)
    }
  }

  async #repairEndpoints(alive: AliveContainers, host: HostView): Promise<void> {
    for (const [index, holding] of this.#sandboxes.all().entries()) {
      if (index % (AT_A_TIME * 8) === 0) await setImmediate()
      for (const { network, row, plain } of holding.endpoints) {
        if (plain || this.#broken.has(network)) continue
        const driver = driverOf(this.#ctx, network)
        const attach = (): Promise<void> =>
          this.#inNamespace(holding.containerId, alive, async (netnsFd) => {
            const gatewayFor = familiesOf(holding.gateways, row.id)
            await driver?.attach(network, { row, netnsFd, gatewayFor })
          })
        try {
          await driver?.repair(network, row, host, attach)
        } catch (error) {
          this.#ctx.log.warn(
            { err: error, container: holding.containerId, network: network.name },
            'cannot bring back an endpoint',
          )
        }
      }
    }
  }

  async #inNamespace(
    containerId: string,
    alive: AliveContainers,
    work: (netnsFd: number) => Promise<void>,
  ): Promise<void> {
    const { native } = this.#ctx
    const pid = alive.get(containerId)?.pid
    if (pid === undefined) return
    const netnsFd = native.nsOpen(pid, 'net')
    try {
      await work(netnsFd)
    } finally {
      native.closeFd(netnsFd)
    }
  }

  /** Ports of our bridges that no row owns: a daemon died between the device and its container. */
  #removeStrayLinks(endpoints: readonly EndpointRow[], host: HostView): void {
    const bridges = new Set(
      this.#ctx.directory
        .all()
        .filter(({ driver, config }) => driver === 'bridge' && config.foreignBridge !== true)
        .map((network) => host.links.get(deviceOf(network))?.index),
    )
    const owned = new Set(endpoints.map(({ hostInterface }) => hostInterface))
    for (const link of host.links.values()) {
      if (link.master === undefined || !bridges.has(link.master)) continue
      if (link.kind === 'veth' && !owned.has(link.name)) this.#ctx.reaper.later(link.name)
    }
  }

  async #bringBack(network: LiveNetwork): Promise<void> {
    const ctx = this.#ctx
    const host = await viewHost(ctx.native)
    if (network.name === DEFAULT_NETWORK && network.endpoints.size === 0)
      await this.#placeDefaultBridge([], host)
    const current = ctx.directory.byName(network.name) ?? network
    await driverOf(ctx, current)?.open(current, host)
    const rules = driverOf(ctx, current)?.rules(current)
    if (rules !== undefined) await ctx.rules.add(rules)
    this.#broken.delete(network)
  }

  #fails(network: LiveNetwork, error: unknown): void {
    this.#broken.add(network)
    this.#ctx.log.error({ err: error, network: network.name }, 'cannot set up a network')
  }
}
