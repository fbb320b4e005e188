import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { KernelError, type Address, type Native, type Route } from '@tdocker/kernel'
import { system } from '../base/errors.ts'
import {
  contains,
  formatAddress,
  formatPrefix,
  macOf,
  overlaps,
  parseAddress,
  parsePrefix,
  type Prefix,
} from './address.ts'
import type { FirewallNetwork } from './firewall-rules.ts'
import { AddressSpace, chooseSubnet, DEFAULT_POOLS, type AddressPool } from './ipam.ts'

const DEFAULT_MTU = 1500
/** Another engine may take the same subnet between our look and our bridge. */
const SUBNET_ATTEMPTS = 5

export interface BridgeOptions {
  name: string
  /** Gateway in CIDR form; chosen from `pools` without it. */
  bip: string | undefined
  pools: readonly AddressPool[] | undefined
  /** That of the default route's device without it. */
  mtu: number | undefined
  masquerade: boolean
  interContainer: boolean
}

/** A subnet and our own address in it. */
export interface BridgeSubnet {
  subnet: Prefix
  gateway: number
}

export interface BridgeEndpoint {
  netnsFd: number
  hostInterface: string
  /** Name inside the namespace. */
  interface: string
  address: string
  mac: string
}

export type BridgeKernel = Pick<
  Native,
  'addressList' | 'routeList' | 'linkList' | 'bridgeEnsure' | 'linkDelete' | 'vethAttach'
>

/** One bridge, its subnet, and the endpoints on it. */
export class BridgeNetwork {
  readonly options: BridgeOptions
  readonly addresses: AddressSpace
  readonly subnet: Prefix
  readonly gateway: number
  readonly mtu: number
  readonly #native: BridgeKernel

  private constructor(
    native: BridgeKernel,
    options: BridgeOptions,
    { subnet, gateway }: BridgeSubnet,
    mtu: number,
  ) {
    this.#native = native
    this.options = options
    this.subnet = subnet
    this.gateway = gateway
    this.mtu = mtu
    this.addresses = new AddressSpace(subnet, [gateway])
  }

  /**
   * Finds or makes the bridge. `stored` is the subnet of an earlier run, which is kept as long as
   * nothing on the host has come into its way; `inUse` says that containers have addresses of it.
   */
  static async open(
    native: BridgeKernel,
    options: BridgeOptions,
    stored: BridgeSubnet | undefined,
    inUse: boolean,
  ): Promise<BridgeNetwork> {
    for (let attempt = 1; ; attempt++) {
      const host = await hostNetworks(native, options.name)
      const wanted = inUse && stored ? stored : chooseBridgeSubnet(options, stored, host)
      const mtu = options.mtu ?? host.mtu
      if (!inUse && host.bridgeAddresses.some((address) => !sameAddress(address, wanted))) {
        await native.linkDelete({ name: options.name })
      }
      const { index, created } = await ensureDevice(native, options, wanted, mtu)
      const taken = created && options.bip === undefined && !inUse && attempt < SUBNET_ATTEMPTS
      if (!taken || !(await lostRace(native, index, wanted.subnet))) {
        return new BridgeNetwork(native, options, wanted, mtu)
      }
      await native.linkDelete({ name: options.name })
    }
  }

  get firewall(): FirewallNetwork {
    return {
      bridge: this.options.name,
      subnet: formatPrefix(this.subnet),
      masquerade: this.options.masquerade,
      interContainer: this.options.interContainer,
    }
  }

  get gatewayText(): string {
    return formatAddress(this.gateway)
  }

  owns(address: string): boolean {
    const parsed = parseAddress(address)
    return parsed !== undefined && contains(this.subnet, parsed)
  }

  /** Puts `eth0` with `address` into the namespace. Undone by itself when it throws. */
  async attach(endpoint: BridgeEndpoint): Promise<void> {
    try {
      await this.#attach(endpoint)
    } catch (error) {
      if (!(error instanceof KernelError) || error.code !== 'ENODEV') throw error
      // Somebody removed the bridge under us.
      const { subnet, gateway } = this
      await ensureDevice(this.#native, this.options, { subnet, gateway }, this.mtu)
      await this.#attach(endpoint)
    }
  }

  async #attach(o: BridgeEndpoint): Promise<void> {
    await this.#native.vethAttach({
      bridge: this.options.name,
      hostName: o.hostInterface,
      netnsFd: o.netnsFd,
      name: o.interface,
      mac: o.mac,
      addresses: [`${o.address}/${this.subnet.length}`],
      gateways: [this.gatewayText],
      mtu: this.mtu,
      isolated: !this.options.interContainer && !bridgesFilter(),
    })
  }
}

/** A device name nobody has: 15 characters are all the kernel allows. */
export function newHostInterface(): string {
  return `veth${randomBytes(4).toString('hex').slice(0, 7)}`
}

interface HostNetworks {
  /** What a new subnet must not touch. */
  taken: Prefix[]
  /** IPv4 addresses that the bridge already has. */
  bridgeAddresses: Array<Prefix & { address: number }>
  mtu: number
}

async function hostNetworks(native: BridgeKernel, bridge: string): Promise<HostNetworks> {
  const [links, addresses, routes] = await Promise.all([
    native.linkList({}),
    native.addressList({}),
    native.routeList({}),
  ])
  const own = links.find((link) => link.name === bridge)
  if (own !== undefined && own.kind !== 'bridge') {
    throw system(`device ${bridge} exists and is not a bridge`)
  }
  const gatewayLink = routes.find((route) => route.destination === '0.0.0.0/0')?.index
  return {
    taken: takenPrefixes(own?.index, addresses, routes),
    bridgeAddresses: ipv4Of(addresses.filter((address) => address.index === own?.index)),
    mtu: Math.min(
      links.find((link) => link.index === gatewayLink)?.mtu ?? DEFAULT_MTU,
      DEFAULT_MTU,
    ),
  }
}

function takenPrefixes(
  bridge: number | undefined,
  addresses: readonly Address[],
  routes: readonly Route[],
): Prefix[] {
  const destinations = routes
    .filter((route) => route.family === 4 && route.index !== bridge)
    .map((route) => parsePrefix(route.destination))
  // A default route is no claim on the addresses behind it.
  const routed = destinations.filter((prefix) => prefix !== undefined && prefix.length > 0)
  return [...ipv4Of(addresses.filter((address) => address.index !== bridge)), ...routed].filter(
    (prefix) => prefix !== undefined,
  )
}

function ipv4Of(addresses: readonly Address[]): Array<Prefix & { address: number }> {
  return addresses
    .map(({ address }) => parsePrefix(address))
    .filter((prefix) => prefix !== undefined)
}

/** As moby: `bip`, else what the bridge has, else what it had, else the first free one of the pools. */
function chooseBridgeSubnet(
  options: BridgeOptions,
  stored: BridgeSubnet | undefined,
  host: HostNetworks,
): BridgeSubnet {
  if (options.bip !== undefined) return bipSubnet(options.bip)
  const [present] = host.bridgeAddresses
  if (present !== undefined) {
    return { subnet: { base: present.base, length: present.length }, gateway: present.address }
  }
  if (stored !== undefined && !host.taken.some((prefix) => overlaps(prefix, stored.subnet))) {
    return stored
  }
  const subnet = chooseSubnet(options.pools ?? DEFAULT_POOLS, host.taken)
  if (subnet === undefined) {
    throw system('all predefined address pools have been fully subnetted')
  }
  return { subnet, gateway: subnet.base + 1 }
}

function bipSubnet(bip: string): BridgeSubnet {
  const prefix = parsePrefix(bip)
  if (prefix === undefined || prefix.length > 30) throw system(`invalid CIDR address: ${bip}`)
  return { subnet: { base: prefix.base, length: prefix.length }, gateway: prefix.address }
}

function sameAddress(present: Prefix & { address: number }, wanted: BridgeSubnet): boolean {
  return present.address === wanted.gateway && present.length === wanted.subnet.length
}

async function ensureDevice(
  native: BridgeKernel,
  options: BridgeOptions,
  { subnet, gateway }: BridgeSubnet,
  mtu: number,
): Promise<{ index: number; created: boolean }> {
  const device = await native.bridgeEnsure({
    name: options.name,
    addresses: [`${formatAddress(gateway)}/${subnet.length}`],
    mac: macOf(gateway),
    mtu,
  })
  setBridgeSysctls(options.name)
  return device
}

/** True when a device that was there before ours has addresses of the same subnet. */
async function lostRace(native: BridgeKernel, own: number, subnet: Prefix): Promise<boolean> {
  const others = (await native.addressList({})).filter((address) => address.index < own)
  return ipv4Of(others).some((prefix) => overlaps(prefix, subnet))
}

/**
 * route_localnet lets the host's 127.0.0.1 be rewritten towards the bridge (the firewall's raw chain
 * guards the other direction). Without IPv6 on the network the bridge has none either, and hears
 * no router advertisements of containers.
 */
function setBridgeSysctls(bridge: string): void {
  writeSysctl(`net/ipv4/conf/${bridge}/route_localnet`, '1')
  writeSysctl(`net/ipv6/conf/${bridge}/accept_ra`, '0')
  writeSysctl(`net/ipv6/conf/${bridge}/disable_ipv6`, '1')
}

/**
 * True where neighbours on a bridge meet in the firewall (br_netfilter), whose forward chain then
 * keeps them apart. Isolated bridge ports would there also stop what was published: rewritten
 * packets go on from port to port.
 */
function bridgesFilter(): boolean {
  const path = '/proc/sys/net/bridge/bridge-nf-call-iptables'
  return existsSync(path) && readFileSync(path, 'utf8').trim() === '1'
}

function writeSysctl(name: string, value: string): void {
  const path = `/proc/sys/${name}`
  if (!existsSync(path) || readFileSync(path, 'utf8').trim() === value) return
  writeFileSync(path, value)
}
