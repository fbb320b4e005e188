import type {
  EndpointResource,
  EndpointSettings,
  IPAMConfig,
  Network,
  NetworkStatus,
  SubnetStatus,
} from '@tdocker/api'
import { formatPrefix } from './address.ts'
import type { LiveNetwork } from './live-network.ts'
import type { PoolConfig } from './network-rows.ts'

/** A network as lists and `inspect` show it, without its containers. */
export function networkResource(network: LiveNetwork): Network {
  const { config } = network
  return {
    Name: network.name,
    Id: network.id,
    Created: new Date(network.createdAt).toISOString(),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: config.enableIPv4,
    EnableIPv6: config.enableIPv6,
    IPAM: {
      Driver: config.ipamDriver,
      Options: config.ipamOptions,
      Config: shownPools(network),
    },
    Internal: config.internal,
    Attachable: config.attachable,
    Ingress: false,
    ConfigFrom: { Network: config.configFrom },
    ConfigOnly: config.configOnly,
    Options: { ...config.options },
    Labels: { ...config.labels },
  }
}

/** Use of its subnets; nothing of networks without addresses of ours. */
export function networkStatus(network: LiveNetwork): NetworkStatus {
  if (network.config.configOnly || network.pools.length === 0) return { IPAM: {} }
  const Subnets: Record<string, SubnetStatus> = {}
  for (const { space } of network.pools)
    Subnets[formatPrefix(space.subnet)] = {
      IPsInUse: space.inUse,
      DynamicIPsAvailable: space.available,
    }
  return { IPAM: { Subnets } }
}

export function endpointResource(name: string, endpoint: EndpointSettings): EndpointResource {
  const { IPAddress, IPPrefixLen, GlobalIPv6Address, GlobalIPv6PrefixLen } = endpoint
  return {
    Name: name,
    EndpointID: endpoint.EndpointID ?? '',
    MacAddress: endpoint.MacAddress ?? '',
    IPv4Address: IPAddress ? `${IPAddress}/${IPPrefixLen ?? 32}` : '',
    IPv6Address: GlobalIPv6Address ? `${GlobalIPv6Address}/${GlobalIPv6PrefixLen ?? 128}` : '',
  }
}

/** moby shows what was allocated: a configuration network and `host` have nothing. */
function shownPools({ config, driver }: LiveNetwork): IPAMConfig[] | null {
  if (config.configOnly || driver === 'host' || driver === 'null') return null
  return config.pools.map(shownPool)
}

function shownPool({ subnet, range, gateway, auxiliary }: PoolConfig): IPAMConfig {
  return {
    Subnet: subnet,
    ...(range === undefined ? {} : { IPRange: range }),
    ...(gateway === undefined ? {} : { Gateway: gateway }),
    ...(auxiliary === undefined ? {} : { AuxiliaryAddresses: auxiliary }),
  }
}
