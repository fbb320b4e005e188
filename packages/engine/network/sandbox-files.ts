import type { SandboxRequest } from '../container/needs.ts'
import type { HostFiles } from './host-files.ts'
import { hostHostsFile, hostsFile } from './hosts-file.ts'
import type { NetworksConfig } from './networks-config.ts'
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
  gateway: string | undefined,
): SandboxFiles {
  return {
    hosts: hostHostsFile(host.hosts(), request.extraHosts, config.hostGateway ?? gateway),
    resolvConf: formatResolvConf(hostResolvConf(host.resolvConf(), overrides(request, config))),
  }
}

/** For a namespace of its own; `address` is the container's, if it has one. */
export function ownSandboxFiles(
  request: SandboxRequest,
  config: NetworksConfig,
  host: HostFiles,
  gateway: string | undefined,
  address: string | undefined,
): SandboxFiles {
  const { hostname, domainname } = request
  return {
    hosts: hostsFile({
      ipv6: host.ipv6 && !disablesIpv6(request.sysctls),
      extraHosts: request.extraHosts,
      hostGateway: config.hostGateway ?? gateway,
      ...(address === undefined ? {} : { self: { address, hostname, domainname } }),
    }),
    resolvConf: formatResolvConf(
      isolatedResolvConf(host.upstreamResolvConf(), overrides(request, config), false),
    ),
  }
}

/** A container's own settings replace the daemon's, each list as a whole. */
function overrides(request: SandboxRequest, config: NetworksConfig): DnsOverrides {
  return {
    dns: request.dns.length > 0 ? request.dns : (config.dns ?? []),
    dnsSearch: request.dnsSearch.length > 0 ? request.dnsSearch : (config.dnsSearch ?? []),
    dnsOptions: request.dnsOptions.length > 0 ? request.dnsOptions : (config.dnsOptions ?? []),
  }
}

function disablesIpv6(sysctls: Readonly<Record<string, string>>): boolean {
  return ['all', 'lo'].some((scope) => sysctls[`net.ipv6.conf.${scope}.disable_ipv6`] === '1')
}
