import type { EndpointSettings, NetworkSettings } from '@tdocker/api'
import { type Container, joinedContainer } from '../container.ts'
import { olderThan } from '../create/version-gates.ts'

/** The namespace is a descriptor in the shim's hands; the process shows the way to it. */
export function networkSettings(c: Container, version: string): NetworkSettings {
  const own = joinedContainer(c.hostConfig.NetworkMode) === undefined
  const runs = c.pid > 0 && own
  return {
    ...(olderThan(version, '1.52') ? legacyFields(c) : {}),
    SandboxID: runs ? c.id : '',
    SandboxKey: runs ? `/proc/${c.pid}/ns/net` : '',
    Ports: c.detail.ports,
    Networks: networks(c, version),
  }
}

function networks(c: Container, version: string): Record<string, EndpointSettings> {
  return Object.fromEntries(
    Object.entries(c.detail.endpoints).map(([name, endpoint]) => [
      name,
      shownEndpoint(c, name, endpoint, version),
    ]),
  )
}

const PREDEFINED = new Set(['bridge', 'none', 'host', 'default'])

function shownEndpoint(
  c: Container,
  name: string,
  endpoint: EndpointSettings,
  version: string,
): EndpointSettings {
  const shown: EndpointSettings = {
    IPAMConfig: endpoint.IPAMConfig ?? null,
    Links: endpoint.Links ?? null,
    Aliases: endpoint.Aliases ?? null,
    MacAddress: endpoint.MacAddress ?? '',
    DriverOpts: endpoint.DriverOpts ?? null,
    GwPriority: endpoint.GwPriority ?? 0,
    NetworkID: endpoint.NetworkID ?? '',
    EndpointID: endpoint.EndpointID ?? '',
    Gateway: endpoint.Gateway ?? '',
    IPAddress: endpoint.IPAddress ?? '',
    IPPrefixLen: endpoint.IPPrefixLen ?? 0,
    IPv6Gateway: endpoint.IPv6Gateway ?? '',
    GlobalIPv6Address: endpoint.GlobalIPv6Address ?? '',
    GlobalIPv6PrefixLen: endpoint.GlobalIPv6PrefixLen ?? 0,
    DNSNames: endpoint.DNSNames ?? null,
  }
  if (olderThan(version, '1.45') && !PREDEFINED.has(name)) {
    const aliases = [...(shown.Aliases ?? []), c.id.slice(0, 12), c.config.Hostname ?? '']
    shown.Aliases = [...new Set(aliases)]
  }
  if (olderThan(version, '1.48')) delete shown.GwPriority
  if (olderThan(version, '1.44')) delete shown.DNSNames
  return shown
}

/** The default bridge's endpoint at the top, as it was before API 1.52. */
function legacyFields(c: Container): Partial<NetworkSettings> {
  const bridge = c.detail.endpoints['bridge'] ?? {}
  return {
    Bridge: '',
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge.EndpointID ?? '',
    Gateway: bridge.Gateway ?? '',
    GlobalIPv6Address: bridge.GlobalIPv6Address ?? '',
    GlobalIPv6PrefixLen: bridge.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge.IPAddress ?? '',
    IPPrefixLen: bridge.IPPrefixLen ?? 0,
    IPv6Gateway: bridge.IPv6Gateway ?? '',
    MacAddress: bridge.MacAddress ?? '',
  }
}
