import {
  contains,
  formatAddress,
  formatPrefix,
  overlaps,
  parseAddress,
  parsePrefix,
  prefixOf,
  type Family,
  type Prefix,
} from './address.ts'
import { OPTION } from './drivers/options.ts'
import { system } from '../base/errors.ts'
import { addressesOf, usualMtu, type HostView } from './host-view.ts'
import { chooseSubnet, type AddressPool } from './ipam.ts'
import { blankConfig, type NetworkConfig, type PoolConfig } from './network-rows.ts'
import type { NetworksConfig } from './networks-config.ts'

export const DEFAULT_DEVICE = 'tdocker0'

export interface DefaultBridgeWish {
  config: NetworksConfig
  /** What it was before. */
  stored: NetworkConfig
  host: HostView
  pools: readonly AddressPool[]
  /** Of the host and of other networks. */
  taken: readonly Prefix[]
  /** Containers have addresses of it: these stay valid. */
  inUse: boolean
}

/** The network `bridge` as the daemon's options, the host and an earlier run make it. */
export function defaultBridgeConfig(wish: DefaultBridgeWish): NetworkConfig {
  const { config, stored, inUse, host } = wish
  const families: Family[] = config.ipv6 ? [4, 6] : [4]
  const kept = (family: Family): PoolConfig | undefined =>
    stored.pools.find(({ subnet }) => subnet.includes(':') === (family === 6))
  return {
    ...blankConfig(),
    enableIPv6: config.ipv6 ?? false,
    pools: families.map((family) => {
      const old = kept(family)
      return inUse && old ? old : poolFor(wish, family, old)
    }),
    options: {
      [OPTION.defaultBridge]: 'true',
      [OPTION.interContainer]: String(config.interContainer ?? true),
      [OPTION.masquerade]: String(config.masquerade ?? true),
      [OPTION.hostBinding]: config.hostAddress ?? '0.0.0.0',
      [OPTION.name]: config.bridge ?? DEFAULT_DEVICE,
      [OPTION.mtu]: String(config.mtu ?? usualMtu(host)),
    },
  }
}

/** As moby: `bip`, else what the bridge has, else what it had, else the first free one of the pools. */
function poolFor(wish: DefaultBridgeWish, family: Family, old: PoolConfig | undefined): PoolConfig {
  const { config } = wish
  const [bip, fixed, gateway] =
    family === 4
      ? [config.bip, config.fixedCidr, config.defaultGateway]
      : [config.bip6, config.fixedCidr6, config.defaultGateway6]
  const range = fixed === undefined ? undefined : block(fixed)
  const found =
    (bip === undefined ? undefined : fromAddress(bip, family)) ??
    fromDevice(wish, family, range) ??
    fromRange(range) ??
    fromStored(old, wish.taken) ??
    fromPools(wish, family)
  return {
    ...found,
    ...(range === undefined ? {} : { range: formatPrefix(range) }),
    ...(gateway === undefined
      ? {}
      : { auxiliary: { [family === 4 ? 'DefaultGatewayIPv4' : 'DefaultGatewayIPv6']: gateway } }),
  }
}

type Found = Pick<PoolConfig, 'subnet' | 'gateway' | 'given'>

function fromAddress(text: string, family: Family): Found {
  const prefix = parsePrefix(text)
  if (prefix?.family !== family || prefix.length > (family === 4 ? 30 : 126))
    throw system(`invalid CIDR address: ${text}`)
  return { subnet: formatPrefix(prefix), gateway: formatAddress(prefix.address), given: true }
}

function fromDevice(
  { config, host }: DefaultBridgeWish,
  family: Family,
  range: Prefix | undefined,
): Found | undefined {
  const present = addressesOf(host, config.bridge ?? DEFAULT_DEVICE).find(
    (prefix) =>
      prefix.family === family &&
      !formatAddress(prefix.address).startsWith('fe80:') &&
      (range === undefined || contains(prefix, { family, value: range.base })),
  )
  if (present === undefined) return undefined
  return { subnet: formatPrefix(present), gateway: formatAddress(present.address), given: false }
}

function fromRange(range: Prefix | undefined): Found | undefined {
  return range && { ...withFirst(range), given: true }
}

function fromStored(old: PoolConfig | undefined, taken: readonly Prefix[]): Found | undefined {
  const subnet = old && block(old.subnet)
  const gateway = parseAddress(old?.gateway ?? '')
  if (old === undefined || subnet === undefined || gateway === undefined) return undefined
  if (taken.some((prefix) => overlaps(prefix, subnet))) return undefined
  return { subnet: old.subnet, gateway: formatAddress(gateway), given: false }
}

function fromPools({ pools, taken }: DefaultBridgeWish, family: Family): Found {
  const subnet = chooseSubnet({ pools, family, taken })
  if (subnet === undefined) throw system('all predefined address pools have been fully subnetted')
  return { ...withFirst(subnet), given: false }
}

function withFirst(subnet: Prefix): { subnet: string; gateway: string } {
  const first = { family: subnet.family, value: subnet.base + 1n }
  return { subnet: formatPrefix(subnet), gateway: formatAddress(first) }
}

function block(text: string): Prefix {
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw system(`invalid CIDR address: ${text}`)
  return prefixOf(prefix.address, prefix.length)
}
