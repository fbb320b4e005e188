import { KernelError, type Native } from '@tdocker/kernel'
import { system } from '../base/errors.ts'
import type { Store } from '../store/store.ts'
import type { Family } from './address.ts'
import type { PortElement } from './firewall-rules.ts'
import type { Firewall } from './firewall.ts'
import { acceptForwarding, withdrawForwarding } from './beside/forward-accept.ts'
import type { ForeignChain } from './beside/foreign-chains.ts'
import { LegacyFirewall } from './beside/legacy-firewall.ts'
import { enableForwarding } from './forwarding.ts'
import type { FirewallNetwork } from './network-chains.ts'
import type { NetworksConfig, NetworksLog } from './networks-config.ts'
import { RuleWatch } from './rule-watch.ts'

/** Packet rules and forwarding of all bridges, and keeping them there. */
export class HostRules {
  readonly #native: Native
  readonly #store: Store
  readonly #config: NetworksConfig
  readonly #firewall: Firewall
  readonly #log: NetworksLog
  readonly #watch: RuleWatch
  readonly #legacy: LegacyFirewall
  readonly #networks = new Map<string, FirewallNetwork>()
  readonly #forwarding = new Set<Family>()
  /** Chains that only their owner may change. */
  readonly #refused = new Set<string>()
  #written = false

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
    this.#legacy = new LegacyFirewall(
      o.native,
      () => this.#bridges(),
      (error) => o.log.warn({ err: error }, 'cannot change the rules of iptables-legacy'),
    )
  }

  /** At the daemon's start: the table holds exactly these networks and ports. */
  async reset(
    networks: readonly FirewallNetwork[],
    elements: readonly PortElement[],
  ): Promise<void> {
    await this.#forward(networks)
    for (const network of networks) this.#networks.set(network.id, network)
    await this.#firewall.reset(networks, elements).catch((error: unknown) => {
      throw withAdvice(error)
    })
    await this.#acceptElsewhere(this.#bridges())
    this.#written = true
    this.#watch.start()
    this.#legacy.start()
  }

  /** A new network, or new facts about one. */
  async add(network: FirewallNetwork): Promise<void> {
    if (!this.#written) return this.reset([network], [])
    await this.#forward([network])
    this.#networks.set(network.id, network)
    try {
      await this.#firewall.addNetwork(network)
      await this.#acceptElsewhere([network.bridge])
    } catch (error) {
      this.#networks.delete(network.id)
      throw withAdvice(error)
    }
  }

  /** Fine when it is not there. */
  async remove(id: string): Promise<void> {
    const network = this.#networks.get(id)
    if (network === undefined) return
    this.#networks.delete(id)
    await this.#withdrawElsewhere([network.bridge])
    await this.#firewall.removeNetwork(id)
  }

  /** The daemon ends and nothing uses a bridge: everything goes. */
  async clear(): Promise<void> {
    await this.leave()
    if (!this.#written) return
    this.#written = false
    await this.#withdrawElsewhere(this.#bridges())
    this.#networks.clear()
    await this.#firewall.remove()
  }

  /** Stops looking after the rules and leaves them as they are, for the next daemon. */
  async leave(): Promise<void> {
    await Promise.all([this.#watch.stop(), this.#legacy.stop()])
  }

  async #acceptElsewhere(bridges: readonly string[]): Promise<void> {
    await acceptForwarding(this.#native, bridges, (place, error) => this.#tell(place, error))
    await this.#legacy.check()
  }

  /** Once for each chain: a check comes with every change that anybody makes. */
  #tell({ family, table, chain }: ForeignChain, err: unknown): void {
    const name = `${family} ${table} ${chain}`
    if (this.#refused.has(name)) return
    this.#refused.add(name)
    const advice = 'put the bridges into a zone of firewalld that accepts, such as trusted'
    this.#log.warn({ err, chain: name }, `another firewall drops what bridges forward: ${advice}`)
  }

  async #withdrawElsewhere(bridges: readonly string[]): Promise<void> {
    await withdrawForwarding(this.#native, bridges)
    await this.#legacy.withdraw(bridges)
  }

  #bridges(): string[] {
    return [...this.#networks.values()].map((network) => network.bridge)
  }

  async #verify(): Promise<void> {
    if (!this.#written) return
    if (!(await this.#firewall.isIntact())) {
      this.#log.warn({}, 'our nftables rules were changed, writing them again')
      await this.#firewall.rebuild()
    }
    await this.#acceptElsewhere(this.#bridges())
  }

  /** Turns on what the networks' families need, once each. */
  async #forward(networks: readonly FirewallNetwork[]): Promise<void> {
    if (!(this.#config.ipForward ?? true)) return
    const wanted: Family[] = []
    if (networks.some(({ subnet }) => subnet !== undefined)) wanted.push(4)
    if (networks.some(({ subnet6 }) => subnet6 !== undefined)) wanted.push(6)
    for (const family of wanted) {
      if (this.#forwarding.has(family)) continue
      this.#forwarding.add(family)
      const links = await this.#native.linkList({})
      const { guarded, turnedOn, keep } = enableForwarding(family, this.#store, links)
      if (turnedOn) this.#log.info({ guarded, family }, 'forwarding is now on')
      if (keep.length > 0) await this.#store.write(keep)
      if (!(this.#config.ipForwardGuard ?? true) || guarded.length === 0) continue
      this.#firewall.guard(family === 4 ? { guardedLinks: guarded } : { guardedLinks6: guarded })
      if (this.#written) await this.#firewall.rebuild()
    }
  }
}

function withAdvice(error: unknown): unknown {
  if (!(error instanceof KernelError) || error.syscall !== 'dlopen') return error
  return system('libnftables.so.1 is missing; install the package libnftables1', error)
}
