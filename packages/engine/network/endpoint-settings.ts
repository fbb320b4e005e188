import type { EndpointSettings } from '@tdocker/api'

/** What of an endpoint exists only while its container runs. */
export interface LiveEndpoint {
  networkId: string
  endpointId: string
  gateway?: string
  address?: string
  prefixLength?: number
  gateway6?: string
  address6?: string
  prefixLength6?: number
  mac?: string
  /** null on networks without names. */
  names?: string[] | null
}

/** The record that `inspect` shows: what was asked for, and what is there. */
export function endpointSettings(
  asked: EndpointSettings | undefined,
  live: LiveEndpoint | undefined,
): EndpointSettings {
  return {
    IPAMConfig: asked?.IPAMConfig ?? null,
    Links: asked?.Links ?? null,
    Aliases: asked?.Aliases ?? null,
    DriverOpts: asked?.DriverOpts ?? null,
    GwPriority: asked?.GwPriority ?? 0,
    NetworkID: live?.networkId ?? '',
    EndpointID: live?.endpointId ?? '',
    Gateway: live?.gateway ?? '',
    IPAddress: live?.address ?? '',
    MacAddress: live?.mac ?? asked?.MacAddress ?? '',
    IPPrefixLen: live?.prefixLength ?? 0,
    IPv6Gateway: live?.gateway6 ?? '',
    GlobalIPv6Address: live?.address6 ?? '',
    GlobalIPv6PrefixLen: live?.prefixLength6 ?? 0,
    DNSNames: live?.names ?? null,
  }
}
