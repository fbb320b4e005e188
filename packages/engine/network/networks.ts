import { createHash } from 'node:crypto'
import type { EndpointSettings } from '@tdocker/api'
import type { Native } from '@tdocker/kernel'
import { EngineError } from '../base/errors.ts'
import type {
  NetworkSandboxes,
  RenamedEndpoints,
  Sandbox,
  SandboxRequest,
} from '../container/needs.ts'
import type { EventLog } from '../event/event-log.ts'
import type { Store } from '../store/store.ts'
import { NetworkDirectory } from './directory.ts'
import { BridgeDriver } from './drivers/bridge-driver.ts'
import type { NetworkDriver } from './drivers/driver.ts'
import { SublinkDriver } from './drivers/sublink-driver.ts'
import { Firewall } from './firewall.ts'
import { hostFiles, type HostFiles } from './host-files.ts'
import { HostPorts } from './host-ports.ts'
import { HostRules } from './host-rules.ts'
import { shownEndpoint } from './holding.ts'
import { DEFAULT_POOLS, parsePool, type AddressPool } from './ipam.ts'
import { LinkReaper } from './link-reaper.ts'
import { LiveEndpoints } from './live-endpoints.ts'
import type { LiveNetwork } from './live-network.ts'
import { NameTable } from './names.ts'
import { NetnsPool } from './netns-pool.ts'
import type { NetworkContext } from './network-context.ts'
import { NetworkMaker } from './network-maker.ts'
import type { NetworksConfig, NetworksLog } from './networks-config.ts'
import type { SandboxResolver } from './resolver.ts'
import { Restorer, type AliveContainers } from './restorer.ts'
import { planEndpoints } from './sandbox-request.ts'
import { Sandboxes } from './sandboxes.ts'

const DEFAULT_TABLE = 'tdocker'

export interface NetworksOptions {
  native: Native
  store: Store
  config: NetworksConfig
  log: NetworksLog
  /** Hears of networks and endpoints that come and go; nothing is told without it. */
  events?: Pick<EventLog, 'commit'>
  /** The embedded DNS server, given the names it answers from and what networks are called. */
  resolver?: (names: NameTable, nameOf: (networkId: string) => string) => SandboxResolver
  /** For tests. */
  host?: HostFiles
}

/** The network room; `restore` comes before anything else. */
export function createNetworks(options: NetworksOptions): Networks {
  return new Networks(options)
}

export class Networks implements NetworkSandboxes {
  readonly #ctx: NetworkContext
  readonly #sandboxes: Sandboxes
  readonly #live: LiveEndpoints
  readonly #restorer: Restorer
  readonly maker: NetworkMaker
  #restored: Promise<void> | undefined
  /** The API may be asked before `restore` has begun. */
  readonly #begun = Promise.withResolvers<void>()
  /** Containers that live on since before `restore`. */
  #alive: AliveContainers = new Map()

  constructor(o: NetworksOptions) {
    this.#ctx = contextOf(o, (id) => this.#sandboxes.get(id)?.name)
    this.#sandboxes = new Sandboxes(this.#ctx, (network) => this.#restorer.broughtBack(network))
    this.#live = new LiveEndpoints(this.#ctx, this.#sandboxes)
    this.#restorer = new Restorer(this.#ctx, this.#sandboxes)
    this.maker = new NetworkMaker(this.#ctx)
  }

  /** All networks; empty before `restore`. */
  get directory(): NetworkDirectory {
    return this.#ctx.directory
  }

  /** Who is called what, for the embedded DNS server. */
  get names(): NameTable {
    return this.#ctx.names
  }

  async plan(request: SandboxRequest): ReturnType<NetworkSandboxes['plan']> {
    const planned = Object.entries(planEndpoints(this.#ctx, request))
    return {
      asked: Object.fromEntries(planned.map(([name, { asked }]) => [name, asked])),
      endpoints: Object.fromEntries(planned.map(([name, { shown }]) => [name, shown])),
    }
  }

  async open(request: SandboxRequest): Promise<Sandbox> {
    await this.whenRestored()
    try {
      return await this.#sandboxes.open(request)
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      const text = `failed to set up container networking: ${error.message}`
      throw new EngineError(error.kind, text, { cause: error })
    }
  }

  async release(containerId: string): Promise<void> {
    this.#alive.delete(containerId)
    await this.#sandboxes.release(containerId)
  }

  restore(alive: Parameters<NetworkSandboxes['restore']>[0]): Promise<void> {
    this.#alive = new Map(alive)
    this.#restored = this.#restorer.restore(this.#alive)
    this.#begun.resolve()
    return this.#restored
  }

  /** What failed at the daemon's start, for want of room on the disk, is tried again by who needs it. */
  async whenRestored(): Promise<void> {
    if (this.#restored === undefined) await this.#begun.promise
    const attempt = this.#restored
    try {
      await attempt
    } catch {
      if (this.#restored === attempt) this.#restored = this.#restorer.restore(this.#alive)
      await this.#restored
    }
  }

  endpointsOf(containerId: string): Record<string, EndpointSettings> | undefined {
    const holding = this.#sandboxes.get(containerId)
    if (holding === undefined) return undefined
    return Object.fromEntries(
      holding.endpoints.map((held) => [
        held.network.name,
        shownEndpoint(this.#ctx, held, undefined),
      ]),
    )
  }

  planConnect(
    request: SandboxRequest,
    reference: string,
    asked: EndpointSettings,
  ): ReturnType<NetworkSandboxes['planConnect']> {
    return this.#live.plan(request, reference, asked)
  }

  async connect(
    o: Parameters<NetworkSandboxes['connect']>[0],
  ): ReturnType<NetworkSandboxes['connect']> {
    await this.whenRestored()
    return this.#live.connect(o)
  }

  async disconnect(o: Parameters<NetworkSandboxes['disconnect']>[0]): Promise<void> {
    await this.whenRestored()
    await this.#live.disconnect(o)
  }

  async publish(o: Parameters<NetworkSandboxes['publish']>[0]): Promise<void> {
    await this.whenRestored()
    await this.#live.publish(o)
  }

  rename(containerId: string, o: { name: string; hostname: string }): RenamedEndpoints {
    return this.#live.rename(containerId, o)
  }

  nameOf(reference: string): string | undefined {
    return this.#ctx.directory.find(reference)?.name
  }

  /** Id of a network by its name; empty before `restore`. */
  networkId(name: string): string {
    return this.#ctx.directory.byName(name)?.id ?? ''
  }

  /** Carries out deferred work; for an orderly end and for tests. */
  async settle(): Promise<void> {
    await this.#ctx.firewall.flush()
    await this.#ctx.reaper.flush()
  }

  /** The daemon ends. Takes everything off the host, unless containers with endpoints run on. */
  async shutdown(): Promise<void> {
    await this.#restored?.catch(() => undefined)
    await this.#ctx.netns.close()
    await this.settle()
    const inUse = this.#sandboxes
      .all()
      .some(({ endpoints }) => endpoints.some(({ plain }) => !plain))
    if (inUse) return this.#ctx.rules.leave()
    await this.#ctx.rules.clear()
    await this.#restorer.removeDevices()
  }

  /** Ends all background work and leaves the host as it is, as a kill of the daemon would. */
  async detach(): Promise<void> {
    await this.#ctx.netns.close()
    await this.#ctx.rules.leave()
  }
}

function contextOf(
  o: NetworksOptions,
  nameOf: (containerId: string) => string | undefined,
): NetworkContext {
  const { native, store, config, log, events, host = hostFiles } = o
  const firewall = new Firewall(native, config.table ?? DEFAULT_TABLE, log)
  const directory = new NetworkDirectory()
  const reaper = new LinkReaper(native, log)
  const ofDriver = (name: string) => (): LiveNetwork[] =>
    directory.all().filter((network) => network.driver === name)
  const drivers = new Map<string, NetworkDriver>([
    ['bridge', new BridgeDriver(native, reaper, ofDriver('bridge'))],
    ['macvlan', new SublinkDriver('macvlan', native, ofDriver('macvlan'))],
    ['ipvlan', new SublinkDriver('ipvlan', native, ofDriver('ipvlan'))],
  ])
  const names = new NameTable()
  return {
    native,
    store,
    config,
    log,
    events,
    host,
    directory,
    drivers,
    firewall,
    rules: new HostRules({ native, store, config, firewall, log }),
    reaper,
    ports: new HostPorts(native, () => host.ephemeralPorts(), nameOf),
    // The default concerns devices to come: they get no IPv6 unless their network has, lo keeps ::1.
    netns: new NetnsPool(native, host.ipv6 ? { 'net/ipv6/conf/default/disable_ipv6': '1' } : {}),
    names,
    pools: [...(config.pools ?? DEFAULT_POOLS), ...uniqueLocalPools(config)],
    resolver: o.resolver?.(names, (id) => directory.byId(id)?.name ?? ''),
  }
}

/** RFC 4193: a /48 that no other machine has, unless the daemon's options name pools of IPv6. */
function uniqueLocalPools({ pools = [], hostId = '' }: NetworksConfig): AddressPool[] {
  if (pools.some(({ base }) => base.family === 6)) return []
  const digits = createHash('sha256').update(hostId).digest('hex')
  const base = `fd${digits.slice(0, 2)}:${digits.slice(2, 6)}:${digits.slice(6, 10)}::/48`
  const pool = parsePool(base, 64)
  return pool === undefined ? [] : [pool]
}
