import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { KernelError, type Native } from '@tdocker/kernel'
import { notFound, system } from '../base/errors.ts'
import type { Store } from '../store/store.ts'
import { formatPrefix, parseAddress, parsePrefix } from './address.ts'
import { BridgeNetwork, type BridgeSubnet } from './bridge-network.ts'
import { findNetwork, updateNetworkConfig, type NetworkConfig } from './endpoint-rows.ts'
import type { Firewall } from './firewall.ts'
import { acceptForwarding, withdrawForwarding } from './forward-accept.ts'
import type { BridgeFacts } from './network-verbs.ts'
import { DEFAULT_NETWORK, type NetworksConfig, type NetworksLog } from './networks-config.ts'
import { RuleWatch } from './rule-watch.ts'

const DEFAULT_DEVICE = 'tdocker0'
const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward'
const BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** The default bridge on the host: device, rules, forwarding, and keeping them there. */
export class DefaultBridge {
  readonly #native: Native
  readonly #store: Store
  readonly #config: NetworksConfig
  readonly #firewall: Firewall
  readonly #log: NetworksLog
  readonly #watch: RuleWatch
  #opening: Promise<BridgeNetwork> | undefined
  #current: BridgeNetwork | undefined

  constructor(o: {
    native: Native
    store: Store
    config: NetworksConfig
    firewall: Firewall
    log: NetworksLog
  }) {
    this.#native = o.native
    this.#store = o.store
    this.#config = o.config
    this.#firewall = o.firewall
    this.#log = o.log
    this.#watch = new RuleWatch(
      o.native,
      () => this.#verify(),
      (error) => o.log.warn({ err: error }, 'cannot bring back our nftables rules'),
    )
  }

  /** undefined before it was set up, and where the daemon has none. */
  get current(): BridgeNetwork | undefined {
    return this.#current
  }

  /** As it is, or before it is set up as it is kept and asked for; undefined for no bridge at all. */
  facts(): BridgeFacts | undefined {
    const config = this.#config
    if (config.bridge === 'none') return undefined
    const bridge = this.#current
    const stored = bridge ? undefined : findNetwork(this.#store, DEFAULT_NETWORK)?.config
    return {
      name: bridge?.options.name ?? config.bridge ?? DEFAULT_DEVICE,
      subnet: bridge ? formatPrefix(bridge.subnet) : stored?.subnet,
      gateway: bridge?.gatewayText ?? stored?.gateway,
      mtu: bridge?.mtu ?? config.mtu ?? 1500,
      masquerade: config.masquerade ?? true,
      interContainer: config.interContainer ?? true,
      addressesInUse: bridge?.addresses.inUse ?? 1,
    }
  }

  /** Sets it up at first use, or again when that failed. `inUse`: containers have its addresses. */
  ready(inUse = false): Promise<BridgeNetwork> {
    this.#opening ??= this.#open(inUse).catch((error: unknown) => {
      this.#opening = undefined
      throw withAdvice(error)
    })
    return this.#opening
  }

  /** Takes device and rules off the host. */
  async remove(): Promise<void> {
    await this.#watch.stop()
    const bridge = this.#current
    if (bridge === undefined) return
    this.#current = undefined
    this.#opening = undefined
    await withdrawForwarding(this.#native, bridge.options.name)
    await this.#firewall.remove()
    await this.#native.linkDelete({ name: bridge.options.name })
  }

  /** Stops looking after the rules and leaves them as they are, for the next daemon. */
  async leave(): Promise<void> {
    await this.#watch.stop()
  }

  async #open(inUse: boolean): Promise<BridgeNetwork> {
    const config = this.#config
    if (config.bridge === 'none') throw notFound(`network ${DEFAULT_NETWORK} not found`)
    const stored = findNetwork(this.#store, DEFAULT_NETWORK)?.config
    const guardedLinks = await this.#enableForwarding(stored)
    const bridge = await BridgeNetwork.open(
      this.#native,
      {
        name: config.bridge ?? DEFAULT_DEVICE,
        bip: config.bip,
        pools: config.pools,
        mtu: config.mtu,
        masquerade: config.masquerade ?? true,
        interContainer: config.interContainer ?? true,
      },
      storedSubnet(stored),
      inUse,
    )
    await this.#keep(bridge, guardedLinks)
    await this.#firewall.reset({ networks: [bridge.firewall], guardedLinks }, [])
    await acceptForwarding(this.#native, bridge.options.name)
    this.#watch.start()
    this.#current = bridge
    return bridge
  }

  async #verify(): Promise<void> {
    const bridge = this.#current
    if (bridge === undefined) return
    if (!(await this.#firewall.isIntact())) {
      this.#log.warn({}, 'our nftables rules were changed, writing them again')
      await this.#firewall.rebuild()
    }
    await acceptForwarding(this.#native, bridge.options.name)
  }

  /**
   * Forwarding makes a router of the machine. Where we turn it on, the devices that were there
   * before get no new ways between them; who wants those turns forwarding on first. Bridges are
   * other engines', which count on forwarding as we do.
   */
  async #enableForwarding(stored: NetworkConfig | undefined): Promise<string[]> {
    if (!(this.#config.ipForward ?? true) || !existsSync(IP_FORWARD)) return []
    if (readFileSync(IP_FORWARD, 'utf8').trim() === '1') {
      return stored?.bootId === bootId() ? (stored.guardedLinks ?? []) : []
    }
    const links = await this.#native.linkList({})
    const guarded = links
      .filter((link) => link.name !== 'lo' && link.kind !== 'bridge' && link.master === undefined)
      .map((link) => link.name)
    writeFileSync(IP_FORWARD, '1')
    this.#log.info({ guarded }, 'net.ipv4.ip_forward is now 1')
    return (this.#config.ipForwardGuard ?? true) ? guarded : []
  }

  async #keep(bridge: BridgeNetwork, guardedLinks: string[]): Promise<void> {
    const row = findNetwork(this.#store, DEFAULT_NETWORK)
    const config: NetworkConfig = {
      bridge: bridge.options.name,
      subnet: formatPrefix(bridge.subnet),
      gateway: bridge.gatewayText,
      ...(guardedLinks.length > 0 ? { guardedLinks, bootId: bootId() } : {}),
    }
    if (row === undefined || JSON.stringify(row.config) === JSON.stringify(config)) return
    await this.#store.write([updateNetworkConfig(row.id, config)])
  }
}

function storedSubnet(config: NetworkConfig | undefined): BridgeSubnet | undefined {
  const subnet = parsePrefix(config?.subnet ?? '')
  const gateway = parseAddress(config?.gateway ?? '')
  if (subnet === undefined || gateway === undefined) return undefined
  return { subnet: { base: subnet.base, length: subnet.length }, gateway }
}

function bootId(): string {
  return readFileSync(BOOT_ID, 'utf8').trim()
}

function withAdvice(error: unknown): unknown {
  if (!(error instanceof KernelError) || error.syscall !== 'dlopen') return error
  return system('libnftables.so.1 is missing; install the package libnftables1', error)
}
