import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { KernelError, type Native } from '@tdocker/kernel'
import { forbidden, invalidParameter, system } from '../../base/errors.ts'
import {
  formatHost,
  formatAddress,
  formatPrefix,
  isLinkLocal,
  macOf,
  overlaps,
  type Family,
  type Prefix,
} from '../address.ts'
import type { EndpointRow } from '../endpoint-rows.ts'
import { addressesOf, usualMtu, viewHost, type HostView } from '../host-view.ts'
import { interfaceSetup } from '../interface-setup.ts'
import type { LinkReaper } from '../link-reaper.ts'
import type { LivePool, LiveNetwork } from '../live-network.ts'
import type { FirewallNetwork } from '../network-chains.ts'
import type { Attachment, NetworkDraft, NetworkDriver } from './driver.ts'
import { bridgeSettings, type BridgeSettings } from './options.ts'

/** moby's name for the address in AuxiliaryAddresses that containers take for their gateway. */
const GATEWAY_AUX: Readonly<Record<Family, string>> = {
  4: 'DefaultGatewayIPv4',
  6: 'DefaultGatewayIPv6',
}

type BridgeKernel = Pick<
  Native,
  | 'linkList'
  | 'addressList'
  | 'routeList'
  | 'bridgeEnsure'
  | 'bridgePort'
  | 'linkDelete'
  | 'vethAttach'
>

/** A bridge of the host's per network, and a veth pair per endpoint. */
export class BridgeDriver implements NetworkDriver {
  readonly #native: BridgeKernel
  readonly #reaper: Pick<LinkReaper, 'later'>
  /** All networks of this driver. */
  readonly #siblings: () => Iterable<LiveNetwork>
  /** What is usual on the host, until it is looked at. */
  #mtu = 1500

  constructor(
    native: BridgeKernel,
    reaper: Pick<LinkReaper, 'later'>,
    siblings: () => Iterable<LiveNetwork>,
  ) {
    this.#native = native
    this.#reaper = reaper
    this.#siblings = siblings
  }

  check({ options, internal, enableIPv4, enableIPv6 }: NetworkDraft): void {
    const { mode4, mode6 } = bridgeSettings(options)
    if (!internal && (mode4 === 'isolated' || mode6 === 'isolated'))
      throw system("gateway mode 'isolated' can only be used for an internal network")
    if (!enableIPv4 && !enableIPv6) throw invalidParameter('IPv4 or IPv6 must be enabled')
  }

  takesGateway({ options, internal }: NetworkDraft, family: Family): boolean {
    const { mode4, mode6, inhibitIPv4 } = bridgeSettings(options)
    if (family === 6) return mode6 !== 'isolated'
    return mode4 !== 'isolated' && !(inhibitIPv4 && internal)
  }

  claim(network: LiveNetwork, host: HostView): void {
    const device = deviceOf(network)
    if (network.poolsOf(4).length > 1 || network.poolsOf(6).length > 1)
      throw forbidden("bridge driver doesn't support multiple subnets")
    for (const pool of network.poolsOf(6)) checkIPv6Subnet(pool.space.subnet)
    for (const other of this.#siblings()) {
      const conflict = other.id === network.id ? undefined : conflictOf(network, other)
      if (conflict !== undefined)
        throw forbidden(
          `cannot create network ${network.id} (${device}): conflicts with network ${other.id} (${deviceOf(other)}): ${conflict}`,
        )
    }
    if (host.links.has(device)) network.config.foreignBridge = true
  }

  rules(network: LiveNetwork): FirewallNetwork {
    return firewallNetwork(network)
  }

  async open(network: LiveNetwork, host: HostView): Promise<void> {
    this.#mtu = usualMtu(host)
    const settings = bridgeSettings(network.config.options)
    const device = deviceOf(network)
    const link = host.links.get(device)
    if (link !== undefined && link.kind !== 'bridge')
      throw system(`existing interface ${device} is not a bridge`)
    const wanted = bridgeAddresses(network, settings)
    if (link !== undefined) {
      const present = addressesOf(host, device).map(({ address, ...block }) =>
        formatHost(address, block),
      )
      const mine = network.config.foreignBridge !== true
      const stale = present.some((text) => !text.startsWith('fe80:') && !wanted.includes(text))
      if (link.up && !stale && wanted.every((text) => present.includes(text))) {
        setBridgeSysctls(device, network.config.enableIPv6)
        return
      }
      if (stale && mine && network.endpoints.size === 0)
        await this.#native.linkDelete({ name: device })
    }
    await this.#makeDevice(network, settings, wanted)
  }

  async close(network: LiveNetwork): Promise<void> {
    if (network.config.foreignBridge !== true)
      await this.#native.linkDelete({ name: deviceOf(network) })
  }

  interfacePrefix(network: LiveNetwork): string {
    return bridgeSettings(network.config.options).interfacePrefix
  }

  gateway(network: LiveNetwork, family: Family): string | undefined {
    const { mode4, mode6 } = bridgeSettings(network.config.options)
    if (network.internal || (family === 4 ? mode4 : mode6) === 'isolated') return undefined
    const [pool] = network.poolsOf(family)
    return pool?.config.auxiliary?.[GATEWAY_AUX[family]] ?? pool?.config.gateway
  }

  leadsOut(): boolean {
    return false
  }

  publishes(network: LiveNetwork): boolean {
    return !network.internal
  }

  routes(network: LiveNetwork, family: Family): boolean {
    const { mode4, mode6 } = bridgeSettings(network.config.options)
    return (family === 4 ? mode4 : mode6) === 'routed'
  }

  hostAddress(network: LiveNetwork): string | undefined {
    return bridgeSettings(network.config.options).hostBinding
  }

  async attach(network: LiveNetwork, attachment: Attachment): Promise<void> {
    try {
      await this.#attach(network, attachment)
    } catch (error) {
      if (!(error instanceof KernelError) || error.code !== 'ENODEV') throw error
      // Somebody removed the bridge under us.
      await this.open(network, await viewHost(this.#native))
      await this.#attach(network, attachment)
    }
  }

  async repair(
    network: LiveNetwork,
    row: EndpointRow,
    host: HostView,
    attach: () => Promise<void>,
  ): Promise<void> {
    const link = host.links.get(row.hostInterface)
    if (link === undefined) return attach()
    const bridge = host.links.get(deviceOf(network))?.index
    if (bridge !== undefined && link.master === bridge && link.up) return
    // The bridge was removed and made anew: the pair has lost it.
    const { interContainer } = bridgeSettings(network.config.options)
    await this.#native.bridgePort({
      bridge: deviceOf(network),
      name: row.hostInterface,
      isolated: isolates(interContainer),
    })
  }

  forget(row: EndpointRow): void {
    this.#reaper.later(row.hostInterface)
  }

  async detach(_network: LiveNetwork, row: EndpointRow): Promise<void> {
    await this.#native.linkDelete({ name: row.hostInterface })
  }

  async #makeDevice(
    network: LiveNetwork,
    settings: BridgeSettings,
    addresses: readonly string[],
  ): Promise<void> {
    const device = deviceOf(network)
    const gateway = network.poolsOf(4)[0]?.gateway
    await this.#native.bridgeEnsure({
      name: device,
      addresses: addresses.filter((text) => !text.includes(':')),
      ...(gateway && network.config.foreignBridge !== true ? { mac: macOf(gateway) } : {}),
      mtu: settings.mtu || this.#mtu,
    })
    // Without IPv6 the kernel refuses its addresses.
    setBridgeSysctls(device, network.config.enableIPv6)
    const addresses6 = addresses.filter((text) => text.includes(':'))
    if (addresses6.length > 0)
      await this.#native.bridgeEnsure({ name: device, addresses: addresses6 })
  }

  async #attach(network: LiveNetwork, attachment: Attachment): Promise<void> {
    const settings = bridgeSettings(network.config.options)
    await this.#native.vethAttach({
      bridge: deviceOf(network),
      hostName: attachment.row.hostInterface,
      isolated: isolates(settings.interContainer),
      ...interfaceSetup(network, attachment, (family) => this.gateway(network, family)),
      mtu: settings.mtu || this.#mtu,
    })
  }
}

/** The bridge's name: the user's choice, or as moby makes it. */
export function deviceOf(network: Pick<LiveNetwork, 'id' | 'config'>): string {
  return bridgeSettings(network.config.options).device ?? `br-${network.id.slice(0, 12)}`
}

export function firewallNetwork(network: LiveNetwork): FirewallNetwork {
  const settings = bridgeSettings(network.config.options)
  const subnet = (family: Family): string | undefined => {
    const [pool] = network.poolsOf(family)
    return pool && formatPrefix(pool.space.subnet)
  }
  const [subnet4, subnet6] = [subnet(4), subnet(6)]
  return {
    id: network.id,
    bridge: deviceOf(network),
    ...(subnet4 === undefined ? {} : { subnet: subnet4 }),
    ...(subnet6 === undefined ? {} : { subnet6 }),
    mode: settings.mode4,
    mode6: settings.mode6,
    masquerade: settings.masquerade,
    interContainer: settings.interContainer,
    internal: network.internal,
    trusted: settings.trusted,
    ...(settings.source4 === undefined ? {} : { source: settings.source4 }),
    ...(settings.source6 === undefined ? {} : { source6: settings.source6 }),
  }
}

function conflictOf(network: LiveNetwork, other: LiveNetwork): string | undefined {
  if (deviceOf(network) === deviceOf(other)) return 'networks have same bridge name'
  for (const { family, space } of network.pools)
    if (other.pools.some((pool) => overlaps(pool.space.subnet, space.subnet)))
      return `networks have overlapping IPv${family}`
  return undefined
}

/** moby's (validateIPv6Subnet): devices have a link-local /64 of their own already. */
function checkIPv6Subnet(subnet: Prefix): void {
  const text = formatPrefix(subnet)
  const first = { family: subnet.family, value: subnet.base }
  if (subnet.base >> 120n === 0xffn)
    throw invalidParameter(`multicast subnet '${text}' is not allowed`)
  const standard = formatAddress(first) === 'fe80::'
  if (isLinkLocal(first) && standard && subnet.length !== 64)
    throw invalidParameter(`'${text}' clashes with the Link-Local prefix 'fe80::/64'`)
}

/** What the bridge itself is given, in CIDR form. */
function bridgeAddresses(network: LiveNetwork, settings: BridgeSettings): string[] {
  const own = ({ gateway, space }: LivePool): string[] =>
    gateway === undefined ? [] : [formatHost(gateway, space.subnet)]
  return [
    ...(settings.inhibitIPv4 || settings.mode4 === 'isolated'
      ? []
      : network.poolsOf(4).flatMap(own)),
    ...(settings.mode6 === 'isolated' ? [] : network.poolsOf(6).flatMap(own)),
  ]
}

/**
 * route_localnet lets the host's 127.0.0.1 be rewritten towards the bridge (the firewall's raw chain
 * guards the other direction). Without IPv6 on the network the bridge has none either; router
 * advertisements of containers are never heard.
 */
function setBridgeSysctls(bridge: string, ipv6: boolean): void {
  writeSysctl(`net/ipv4/conf/${bridge}/route_localnet`, '1')
  writeSysctl(`net/ipv6/conf/${bridge}/accept_ra`, '0')
  writeSysctl(`net/ipv6/conf/${bridge}/disable_ipv6`, ipv6 ? '0' : '1')
}

/**
 * Isolated bridge ports keep neighbours apart; not where neighbours meet in the firewall
 * (br_netfilter), whose forward chain does it: isolated ports would there also stop what was
 * published, for rewritten packets go on from port to port.
 */
function isolates(interContainer: boolean): boolean {
  if (interContainer) return false
  const path = '/proc/sys/net/bridge/bridge-nf-call-iptables'
  return !(existsSync(path) && readFileSync(path, 'utf8').trim() === '1')
}

function writeSysctl(name: string, value: string): void {
  const path = `/proc/sys/${name}`
  if (!existsSync(path) || readFileSync(path, 'utf8').trim() === value) return
  writeFileSync(path, value)
}
