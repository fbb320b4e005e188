import type { NetworkCreateRequest } from '@tdocker/api'
import { forbidden, invalidParameter, system } from '../base/errors.ts'
import { KeyedLock } from '../base/keyed-lock.ts'
import { RollbackScope } from '../base/scope.ts'
import { overlaps, parsePrefix } from './address.ts'
import { checkCreate, type NetworkWish } from './create-request.ts'
import type { NetworkDriver } from './drivers/driver.ts'
import { deviceOf } from './drivers/bridge-driver.ts'
import { takenPrefixes, viewHost, type HostView } from './host-view.ts'
import { LiveNetwork, subnetOf } from './live-network.ts'
import { commit, driverOf, networkEvent, type NetworkContext } from './network-context.ts'
import {
  deleteNetwork,
  insertNetwork,
  updateNetworkConfig,
  type PoolConfig,
} from './network-rows.ts'
import { allocatePool, type TakenPool } from './pool-allocation.ts'
import { newId } from './predefined.ts'

/** Another engine may take the same subnet between our look and our device. */
const SUBNET_ATTEMPTS = 5
const ONE_AT_A_TIME = 'networks'

/** Makes and removes the networks of users. */
export class NetworkMaker {
  readonly #ctx: NetworkContext
  readonly #locks = new KeyedLock()

  constructor(ctx: NetworkContext) {
    this.#ctx = ctx
  }

  /** Throws with moby's sentences, and then nothing has changed. */
  create(body: NetworkCreateRequest): Promise<LiveNetwork> {
    return this.#locks.run(ONE_AT_A_TIME, async () => {
      const wish = checkCreate(body, {
        directory: this.#ctx.directory,
        drivers: new Set(this.#ctx.drivers.keys()),
        defaultOptions: this.#ctx.config.defaultOptions ?? {},
      })
      if (wish.config.configOnly) return this.#keepConfiguration(wish)
      for (let attempt = 1; ; attempt++) {
        const network = await this.#make(wish, attempt < SUBNET_ATTEMPTS)
        if (network !== undefined) return network
      }
    })
  }

  /** Throws forbidden while it is in use. */
  async remove(network: LiveNetwork): Promise<void> {
    const ctx = this.#ctx
    checkRemovable(ctx, network)
    // From here on nobody gets an endpoint.
    const { config } = network
    config.state = 'removing'
    try {
      await ctx.store.write([updateNetworkConfig(network.id, config)])
      await ctx.rules.remove(network.id)
      await driverOf(ctx, network)?.close(network)
    } catch (error) {
      delete config.state
      throw error
    }
    // moby tells nothing of configuration networks.
    const events = config.configOnly ? [] : [networkEvent(network, 'destroy')]
    await commit(ctx, [deleteNetwork(network.id)], events)
    ctx.directory.delete(network)
  }

  async #keepConfiguration(wish: NetworkWish): Promise<LiveNetwork> {
    const pools = wish.pools.flatMap((pool) => (pool.subnet ? allocatePool(pool, 'kept') : []))
    const network = this.#newNetwork(wish, pools)
    await commit(this.#ctx, [insertNetwork(network.row)], [networkEvent(network, 'create')])
    this.#ctx.directory.add(network)
    return network
  }

  /** undefined when somebody else took the subnet and another one may be tried. */
  async #make(wish: NetworkWish, mayRetry: boolean): Promise<LiveNetwork | undefined> {
    const ctx = this.#ctx
    const driver = ctx.drivers.get(wish.driver)
    if (driver === undefined) throw system(`no driver ${wish.driver}`)
    driver.check(wish.config)
    if (wish.config.ipamDriver === 'null') throw invalidParameter('ipv4 pool is empty')
    const host = await viewHost(ctx.native)
    const network = this.#newNetwork(wish, this.#allocate(wish, driver, host))
    driver.claim(network, host)

    await using scope = new RollbackScope((what, error) =>
      ctx.log.warn({ err: error, network: network.name }, `cannot ${what}`),
    )
    network.config.state = 'creating'
    await ctx.store.write([insertNetwork(network.row)])
    scope.undo('delete row', () => ctx.store.write([deleteNetwork(network.id)]))
    scope.undo('remove devices', () => driver.close(network))
    await driver.open(network, host)
    if (mayRetry && (await this.#lostRace(network))) return undefined
    const rules = driver.rules(network)
    if (rules !== undefined) {
      scope.undo('remove rules', () => ctx.rules.remove(network.id))
      await ctx.rules.add(rules)
    }
    delete network.config.state
    const row = updateNetworkConfig(network.id, network.config)
    await commit(ctx, [row], [networkEvent(network, 'create')])
    ctx.directory.add(network)
    scope.release()
    return network
  }

  #newNetwork(wish: NetworkWish, pools: PoolConfig[]): LiveNetwork {
    const { name, driver, config } = wish
    const copy = { ...structuredClone(config), pools }
    return new LiveNetwork({ id: newId(), name, driver, createdAt: Date.now(), config: copy })
  }

  #allocate(wish: NetworkWish, driver: NetworkDriver, host: HostView): PoolConfig[] {
    const ctx = this.#ctx
    const others = takenPools(ctx)
    const taken = [
      ...takenPrefixes(host, ctx.host.resolvConf().nameservers),
      ...others.map(({ subnet }) => subnet),
    ]
    return wish.pools.flatMap((pool) => {
      const found = allocatePool(pool, {
        pools: ctx.pools,
        others,
        taken,
        gateway: driver.takesGateway(wish.config, pool.family),
      })
      for (const { subnet } of found) {
        const prefix = parsePrefix(subnet)
        if (prefix) taken.push(prefix)
      }
      return found
    })
  }

  /** True when a device that is not ours has addresses of a subnet that we chose. */
  async #lostRace(network: LiveNetwork): Promise<boolean> {
    const chosen = network.config.pools.filter((pool) => !pool.given).map(subnetOf)
    if (chosen.length === 0 || network.driver !== 'bridge') return false
    const { links, addresses } = await viewHost(this.#ctx.native)
    const own = links.get(deviceOf(network))?.index ?? 0
    return addresses.some(({ index, address }) => {
      const prefix = parsePrefix(address)
      return (
        index < own && prefix !== undefined && chosen.some((subnet) => overlaps(subnet, prefix))
      )
    })
  }
}

/** Subnets of all networks there are. */
export function takenPools(ctx: NetworkContext, except?: LiveNetwork): TakenPool[] {
  return ctx.directory
    .all()
    .filter((network) => network !== except && !network.config.configOnly)
    .flatMap((network) =>
      network.pools.map(({ space, config }) => ({
        network: network.name,
        subnet: space.subnet,
        range: config.range === undefined ? undefined : space.range,
      })),
    )
}

function checkRemovable(ctx: NetworkContext, network: LiveNetwork): void {
  const { name, config, endpoints } = network
  if (network.predefined) throw forbidden(`${name} is a pre-defined network and cannot be removed`)
  if (config.configOnly && ctx.directory.all().some((other) => other.config.configFrom === name))
    throw forbidden(
      `error while removing network: configuration network ${JSON.stringify(name)} is in use`,
    )
  if (endpoints.size > 0) {
    const users = [...endpoints.values()].map(
      ({ id, detail }) => `name:${JSON.stringify(detail.containerName)} id:"${id.slice(0, 12)}"`,
    )
    throw forbidden(
      `error while removing network: network ${name} has active endpoints (${users.join(', ')})`,
    )
  }
  if (config.state === 'removing')
    throw forbidden(`error while removing network: network ${name} is being removed`)
}
