import { KernelError, type Native } from '@tdocker/kernel'
import { invalidParameter, system } from '../../base/errors.ts'
import type { Family } from '../address.ts'
import type { EndpointRow } from '../endpoint-rows.ts'
import type { HostView } from '../host-view.ts'
import { interfaceSetup } from '../interface-setup.ts'
import type { LiveNetwork } from '../live-network.ts'
import type { Attachment, NetworkDraft, NetworkDriver } from './driver.ts'
import { dummyName, ensureParent, removeParent, type ParentKernel } from './parent-link.ts'

type Kind = 'macvlan' | 'ipvlan'
type Options = Readonly<Record<string, string>>

/** linux/if_link.h: MACVLAN_MODE_*, IPVLAN_MODE_*, IPVLAN_F_*. */
const MODES: Readonly<Record<Kind, ReadonlyMap<string, number>>> = {
  macvlan: new Map([
    ['bridge', 4],
    ['private', 1],
    ['vepa', 2],
    ['passthru', 8],
  ]),
  ipvlan: new Map([
    ['l2', 0],
    ['l3', 1],
    ['l3s', 2],
  ]),
}
const FLAGS: ReadonlyMap<string, number> = new Map([
  ['bridge', 0],
  ['private', 1],
  ['vepa', 2],
])
const REASONS: Readonly<Record<string, string>> = {
  EOPNOTSUPP: 'operation not supported',
  EBUSY: 'device or resource busy',
  EINVAL: 'invalid argument',
  ENODEV: 'no such device',
}

type SublinkKernel = ParentKernel & Pick<Native, 'sublinkAttach'>

/** Networks whose endpoints share a device of the host's: macvlan and ipvlan. */
export class SublinkDriver implements NetworkDriver {
  readonly #kind: Kind
  readonly #native: SublinkKernel
  /** All networks of this driver. */
  readonly #siblings: () => Iterable<LiveNetwork>

  constructor(kind: Kind, native: SublinkKernel, siblings: () => Iterable<LiveNetwork>) {
    this.#kind = kind
    this.#native = native
    this.#siblings = siblings
  }

  check({ options, enableIPv4, enableIPv6 }: NetworkDraft): void {
    this.#mode(options)
    if (this.#kind === 'ipvlan') this.#flag(options)
    if (options['parent'] === 'lo')
      throw system(`loopback interface is not a valid ${this.#kind} parent link`)
    if (!enableIPv4 && !enableIPv6) throw invalidParameter('IPv4 or IPv6 must be enabled')
  }

  takesGateway(): boolean {
    return false
  }

  claim(network: LiveNetwork): void {
    const shared = this.#sharing(network)
    this.#checkShared(network, parentOf(network), shared)
    // Who comes later to a device of ours keeps it for the others.
    if (shared.some((other) => other.config.ownParent)) network.config.ownParent = true
  }

  rules(): undefined {
    return undefined
  }

  async open(network: LiveNetwork, host: HostView): Promise<void> {
    const made = await ensureParent(this.#native, host, parentOf(network), network.id)
    if (made) network.config.ownParent = true
  }

  async close(network: LiveNetwork): Promise<void> {
    if (network.config.ownParent && this.#sharing(network).length === 0)
      await removeParent(this.#native, parentOf(network))
  }

  /** Other networks on the same device. */
  #sharing(network: LiveNetwork): LiveNetwork[] {
    const parent = parentOf(network)
    return [...this.#siblings()].filter(
      (other) => other.id !== network.id && parentOf(other) === parent,
    )
  }

  interfacePrefix(): string {
    return 'eth'
  }

  gateway(network: LiveNetwork, family: Family): string | undefined {
    if (!this.leadsOut(network)) return undefined
    const [pool] = network.poolsOf(family)
    if (pool === undefined) return undefined
    if (this.#kind === 'ipvlan' && this.#mode(network.config.options) > 0)
      return family === 4 ? '0.0.0.0' : '::'
    return pool.config.gateway
  }

  leadsOut(network: LiveNetwork): boolean {
    return !network.internal && (network.config.options['parent'] ?? '') !== ''
  }

  publishes(): boolean {
    return false
  }

  routes(): boolean {
    return false
  }

  hostAddress(): undefined {
    return undefined
  }

  async attach(network: LiveNetwork, attachment: Attachment): Promise<void> {
    const { options } = network.config
    try {
      await this.#native.sublinkAttach({
        kind: this.#kind,
        parent: parentOf(network),
        mode: this.#mode(options),
        ...(this.#kind === 'ipvlan' ? { flags: this.#flag(options) } : {}),
        ...interfaceSetup(network, attachment, (family) => this.gateway(network, family)),
      })
    } catch (error) {
      if (!(error instanceof KernelError) || error.syscall !== 'RTM_NEWLINK') throw error
      const reason = REASONS[error.code] ?? error.code
      throw system(`failed to create the ${this.#kind} port: ${reason}`, error)
    }
  }

  /** The interface lives and dies with the namespace alone. */
  async repair(): Promise<void> {}

  forget(): void {}

  async detach(_network: LiveNetwork, row: EndpointRow, netnsFd: number): Promise<void> {
    await this.#native.linkDelete({ name: row.detail.interface, netnsFd })
  }

  #mode(options: Options): number {
    const usual = this.#kind === 'macvlan' ? 'bridge' : 'l2'
    const text = options[`${this.#kind}_mode`] || usual
    const mode = MODES[this.#kind].get(text)
    if (mode !== undefined) return mode
    throw system(
      `requested ${this.#kind} mode '${text}' is not valid, '${usual}' mode is the ${this.#kind} driver default`,
    )
  }

  #flag(options: Options): number {
    const text = options['ipvlan_flag'] || 'bridge'
    const flag = FLAGS.get(text)
    if (flag !== undefined) return flag
    throw system(
      `requested ipvlan flag '${text}' is not valid, 'bridge' is the ipvlan driver default`,
    )
  }

  #checkShared(network: LiveNetwork, parent: string, shared: readonly LiveNetwork[]): void {
    const [first] = shared
    if (first === undefined) return
    if (this.#kind === 'ipvlan')
      throw system(`network ${dummyName(first.id)} is already using parent interface ${parent}`)
    const passthru = ({ config }: LiveNetwork): boolean =>
      config.options['macvlan_mode'] === 'passthru'
    if (passthru(network))
      throw system(
        `cannot use mode passthru, macvlan network ${first.id} is already using parent interface ${parent}`,
      )
    const blocking = shared.find(passthru)
    if (blocking)
      throw system(
        `macvlan network ${blocking.id} is already using parent interface ${parent} in mode passthru`,
      )
  }
}

function parentOf(network: LiveNetwork): string {
  return network.config.options['parent'] || dummyName(network.id)
}
