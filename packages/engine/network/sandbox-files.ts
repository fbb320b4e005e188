import type { SandboxRequest } from '../container/needs.ts'
import type { HostFiles } from './host-files.ts'
import { hostHostsFile, hostsFile } from './hosts-file.ts'
import type { Holding } from './holding.ts'
import type { NetworkContext } from './network-context.ts'
import type { NetworksConfig } from './networks-config.ts'
import type { ResolverSandbox } from './resolver.ts'
import {
  formatResolvConf,
  hostResolvConf,
  isolatedResolvConf,
  type DnsOverrides,
} from './resolv-conf.ts'

/** Contents of /etc/hosts and /etc/resolv.conf. */
export interface SandboxFiles {
  hosts: string
  resolvConf: string
}

/** For a container in the host's namespace: the host's own files. */
export function hostSandboxFiles(
  request: SandboxRequest,
  config: NetworksConfig,
  host: HostFiles,
  gateways: readonly string[],
): SandboxFiles {
  return {
    hosts: hostHostsFile(host.hosts(), request.extraHosts, hostGateways(config, gateways)),
    resolvConf: formatResolvConf(hostResolvConf(host.resolvConf(), overrides(request, config))),
  }
}

/** For a namespace of its own, with the addresses that it has there. */
export function ownSandboxFiles(
  request: SandboxRequest,
  config: NetworksConfig,
  host: HostFiles,
  gateways: readonly string[],
  own: { addresses: readonly string[]; ipv6Servers: boolean },
): SandboxFiles {
  const { hostname, domainname } = request
  return {
    hosts: hostsFile({
      ipv6: host.ipv6 && !disablesIpv6(request.sysctls),
      extraHosts: request.extraHosts,
      hostGateways: hostGateways(config, gateways),
      self: { addresses: own.addresses, hostname, domainname },
    }),
    resolvConf: formatResolvConf(
      isolatedResolvConf(host.upstreamResolvConf(), overrides(request, config), own.ipv6Servers),
    ),
  }
}

/** A container as the embedded DNS server sees it. */
export function resolverSandbox(
  { config, host }: Pick<NetworkContext, 'config' | 'host'>,
  asked: DnsOverrides,
  holding: Holding,
  gateways: readonly string[],
): ResolverSandbox {
  return {
    containerId: holding.containerId,
    networks: () =>
      holding.endpoints.map(({ network, row }) => ({ id: network.id, links: row.detail.links })),
    external: () => holding.endpoints.some(({ network }) => !network.internal),
    host: host.upstreamResolvConf(),
    overrides: overrides(asked, config),
    hostGateways: hostGateways(config, gateways),
  }
}

function hostGateways(config: NetworksConfig, gateways: readonly string[]): readonly string[] {
  return config.hostGateways ?? gateways
}

/** A container's own settings replace the daemon's, each list as a whole. */
function overrides(request: DnsOverrides, config: NetworksConfig): DnsOverrides {
  return {
    dns: request.dns.length > 0 ? request.dns : (config.dns ?? []),
    dnsSearch: request.dnsSearch.length > 0 ? request.dnsSearch : (config.dnsSearch ?? []),
    dnsOptions: request.dnsOptions.length > 0 ? request.dnsOptions : (config.dnsOptions ?? []),
  }
}

function disablesIpv6(sysctls: Readonly<Record<string, string>>): boolean {
  return ['all', 'lo'].some((scope) => sysctls[`net.ipv6.conf.${scope}.disable_ipv6`] === '1')
}
