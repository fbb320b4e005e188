import type { EndpointSettings, NetworkSettings } from '@tdocker/api'
import { type Container, joinedContainer } from '../container.ts'

/** The namespace is a descriptor in the shim's hands; the process shows the way to it. */
export function networkSettings(c: Container): NetworkSettings {
  const own = joinedContainer(c.hostConfig.NetworkMode) === undefined
  const runs = c.pid > 0 && own
  return {
    SandboxID: runs ? c.id : '',
    SandboxKey: runs ? `/proc/${c.pid}/ns/net` : '',
    Ports: c.detail.ports,
    Networks: networks(c),
  }
}

function networks(c: Container): Record<string, EndpointSettings> {
  return Object.fromEntries(
    Object.entries(c.detail.endpoints).map(([name, endpoint]) => [name, shownEndpoint(endpoint)]),
  )
}

function shownEndpoint(endpoint: EndpointSettings): EndpointSettings {
  return {
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
}
