/** Answers about containers as older clients expect them. */
import type { ContainerInspectResponse, ContainerSummary } from '@tdocker/api'
import { since } from '@tdocker/api/versions.ts'

export function summaryFor(container: ContainerSummary, version: string): ContainerSummary {
  if (since(version, 'listHealth')) return container
  const told: ContainerSummary = { ...container }
  delete told.Health
  if (!since(version, 'descriptor')) delete told.ImageManifestDescriptor
  if (!since(version, 'listAnnotations')) {
    told.HostConfig = { NetworkMode: container.HostConfig.NetworkMode }
  }
  return told
}

export function inspectFor(
  container: ContainerInspectResponse,
  version: string,
): ContainerInspectResponse {
  if (since(version, 'noLegacyFields')) {
    const { MacAddress: _, ...config } = container.Config
    return { ...container, Config: config }
  }
  const told: ContainerInspectResponse = {
    ...container,
    NetworkSettings: legacyNetwork(container.NetworkSettings),
  }
  if (!since(version, 'descriptor')) delete told.ImageManifestDescriptor
  if (!since(version, 'noAliasesInInspect')) addAliases(told)
  return told
}

type NetworkSettings = ContainerInspectResponse['NetworkSettings']

/** The default bridge's endpoint stood at the top once, and still does for older clients. */
function legacyNetwork(settings: NetworkSettings): NetworkSettings {
  const bridge = settings.Networks['bridge']
  if (!bridge) return settings
  return {
    ...settings,
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

const predefined = new Set(['bridge', 'host', 'none', 'default'])

function addAliases(told: ContainerInspectResponse): void {
  const own = [told.Id.slice(0, 12), told.Config.Hostname ?? '']
  const networks = Object.entries(told.NetworkSettings.Networks).map(([name, endpoint]) => {
    if (predefined.has(name)) return [name, endpoint]
    return [name, { ...endpoint, Aliases: [...new Set([...(endpoint.Aliases ?? []), ...own])] }]
  })
  told.NetworkSettings = { ...told.NetworkSettings, Networks: Object.fromEntries(networks) }
}
