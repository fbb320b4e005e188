import { randomBytes } from 'node:crypto'
import type { EndpointSettings } from '@tdocker/api'
import { forbidden, invalidParameter, system } from '../base/errors.ts'
import type { SandboxRequest } from '../container/needs.ts'
import { formatAddress, macOf, parseAddress, type Address, type Family } from './address.ts'
import type { EndpointRow } from './endpoint-rows.ts'
import { INTERFACE_NAME, strangeLinkLocal, SYSCTLS } from './endpoint-check.ts'
import type { LiveNetwork } from './live-network.ts'
import { parseLinks } from './endpoint-links.ts'
import { newId } from './predefined.ts'

export interface EndpointWish {
  request: SandboxRequest
  network: LiveNetwork
  asked: EndpointSettings | undefined
  /** Interface names that the container has already. */
  interfaces: ReadonlySet<string>
  /** `eth` */
  prefix: string
}

/**
 * Addresses, names and device names of a new endpoint, taken from the network until `drop`. Throws
 * in moby's words (libnetwork's createEndpoint).
 */
export function newEndpoint(wish: EndpointWish): EndpointRow {
  const { request, network, asked } = wish
  checkEndpoint(wish)
  const interfaceName = nameFor(wish)
  const links = parseLinks(asked?.Links ?? [])
  const id = newId()
  const { address, address6 } = takeAddresses(network, id, wish)
  const row: EndpointRow = {
    id,
    networkId: network.id,
    containerId: request.containerId,
    address: address === undefined ? '' : formatAddress(address),
    address6: address6 === undefined ? '' : formatAddress(address6),
    mac: request.macAddress || asked?.MacAddress || (address ? macOf(address) : randomMac()),
    hostInterface: newHostInterface(),
    detail: {
      interface: interfaceName,
      containerName: request.containerName,
      names: network.predefined ? [] : endpointNames(request, asked?.Aliases ?? []),
      links,
      gatewayPriority: asked?.GwPriority ?? 0,
      linkLocal: asked?.IPAMConfig?.LinkLocalIPs ?? [],
      sysctls: sysctlsOf(asked),
    },
  }
  network.endpoints.set(id, row)
  return row
}

/** For `host` and `none`: nothing but an identity. */
export function plainEndpoint(
  request: Pick<SandboxRequest, 'containerId' | 'containerName'>,
  network: LiveNetwork,
): EndpointRow {
  return {
    id: newId(),
    networkId: network.id,
    containerId: request.containerId,
    address: '',
    address6: '',
    mac: '',
    hostInterface: '',
    detail: {
      interface: '',
      containerName: request.containerName,
      names: [],
      links: {},
      gatewayPriority: 0,
      linkLocal: [],
      sysctls: [],
    },
  }
}

/** By which others find the container; the first for reverse answers (buildEndpointDNSNames). */
export function endpointNames(
  o: Pick<SandboxRequest, 'containerName' | 'containerId' | 'hostname'>,
  aliases: readonly string[],
): string[] {
  const name = o.containerName.replace(/^\//, '')
  const all = [name, ...aliases, o.containerId.slice(0, 12), o.hostname]
  return [...new Set(all.filter((text) => text !== ''))]
}

function checkEndpoint({ network, asked }: EndpointWish): void {
  if (network.config.configOnly)
    throw forbidden('cannot create endpoint on configuration-only network')
  if (network.config.state !== undefined) throw system(`network ${network.name} is being removed`)
  const strange = asked && strangeLinkLocal(asked)
  if (strange !== undefined) throw invalidParameter(`invalid link local IP address: ${strange}`)
}

function takeAddresses(
  network: LiveNetwork,
  id: string,
  { request, asked }: EndpointWish,
): { address: Address | undefined; address6: Address | undefined } {
  const { enableIPv4, enableIPv6 } = network.config
  const address = enableIPv4
    ? takeAddress(network, 4, asked?.IPAMConfig?.IPv4Address, id)
    : undefined
  try {
    const wanted = enableIPv6 && !refusesIPv6(request, asked)
    const address6 = wanted
      ? takeAddress(network, 6, asked?.IPAMConfig?.IPv6Address, id)
      : undefined
    return { address, address6 }
  } catch (error) {
    for (const pool of network.poolsOf(4)) if (address) pool.space.free(address)
    throw error
  }
}

function takeAddress(
  network: LiveNetwork,
  family: Family,
  asked: string | undefined,
  id: string,
): Address | undefined {
  const pools = network.poolsOf(family)
  if (pools.length === 0) return undefined
  const wanted = parseAddress(asked ?? '')
  if (wanted === undefined) {
    for (const { space } of pools) {
      const address = space.allocate()
      if (address !== undefined) return address
    }
    throw system(
      `no available IPv${family} addresses on this network's address pools: ${network.name} (${network.id})`,
    )
  }
  const pool = network.poolOf(asked ?? '')
  if (pool?.family !== family)
    throw invalidParameter(
      `invalid address ${asked}: It does not belong to any of this network's subnets`,
    )
  if (!pool.space.take(wanted))
    throw forbidden(`Address already in use${holderOf(network, wanted, id)}`)
  return wanted
}

/** Whom to ask for the address. */
function holderOf(network: LiveNetwork, address: Address, own: string): string {
  const text = formatAddress(address)
  const holder = [...network.endpoints.values()].find(
    (row) => row.id !== own && (row.address === text || row.address6 === text),
  )
  return holder === undefined ? '' : `: ${text} is ${holder.detail.containerName}'s`
}

function refusesIPv6(request: SandboxRequest, asked: EndpointSettings | undefined): boolean {
  const { sysctls } = request
  const whole = ['all', 'default'].some(
    (device) => sysctls[`net.ipv6.conf.${device}.disable_ipv6`] === '1',
  )
  return whole || sysctlsOf(asked).some((text) => text.endsWith('.disable_ipv6=1'))
}

function sysctlsOf(asked: EndpointSettings | undefined): string[] {
  return (asked?.DriverOpts?.[SYSCTLS] ?? '').split(',').filter((text) => text !== '')
}

function nameFor({ asked, interfaces, prefix }: EndpointWish): string {
  const wanted = asked?.DriverOpts?.[INTERFACE_NAME]
  if (wanted) {
    if (!/^[^\s/:]{1,15}$/.test(wanted) || interfaces.has(wanted))
      throw invalidParameter(`invalid interface name: ${wanted}`)
    return wanted
  }
  for (let i = 0; ; i++) if (!interfaces.has(`${prefix}${i}`)) return `${prefix}${i}`
}

/** A device name nobody has: 15 characters are all the kernel allows. */
function newHostInterface(): string {
  return `veth${randomBytes(4).toString('hex').slice(0, 7)}`
}

/** Locally administered, to one receiver. */
function randomMac(): string {
  const bytes = randomBytes(6)
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
