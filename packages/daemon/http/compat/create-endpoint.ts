/** What clients said container-wide before endpoints had settings of their own. */
import type { EndpointSettings, HostConfig } from '@tdocker/api'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { since } from '@tdocker/api/versions.ts'
import { system } from '@tdocker/engine/base/errors.ts'

type Endpoints = Record<string, EndpointSettings>

/** The endpoint that a container-wide setting is meant for; made where there is none at all. */
export function endpointOfMode(
  mode: string,
  endpoints: Endpoints,
  version: string,
): EndpointSettings {
  const [first] = Object.values(endpoints)
  if (first === undefined) return (endpoints[mode] = {})
  // There was one network only, whatever it was called.
  if (!since(version, 'severalNetworks')) return first
  const own = endpoints[mode]
  if (own) return own
  throw new InvalidRequest(
    'HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks',
  )
}

const option = 'com.docker.network.endpoint.sysctls'

/**
 * `net.ipv4.conf.eth0.x` names an interface, which is an endpoint's matter since API 1.46: moved
 * there for clients up to 1.47, refused afterwards. Answers a warning or nothing. Docker's own
 * refusals here carry no status, so they are 500.
 */
export function moveInterfaceSysctls(
  host: HostConfig,
  endpoints: Endpoints,
  version: string,
): string {
  const mode = host.NetworkMode ?? ''
  if (mode === 'host' || mode.startsWith('container:')) return ''
  const found = Object.entries(host.Sysctls ?? {}).filter(
    ([key]) => /^net\.[^.]*\.[^.]*\.eth/.test(key) && key.split('.').length > 4,
  )
  const [firstKey] = found[0] ?? []
  if (firstKey === undefined) return ''
  if (since(version, 'gwPriority'))
    throw system(
      `interface specific sysctl setting ${JSON.stringify(firstKey)} must be supplied using driver option '${option}'`,
    )
  const endpoint = sysctlEndpoint(firstKey, mode, endpoints, version)
  const moved = found.map(([key, value]) => {
    const [, family, group, device, ...rest] = key.split('.')
    if (device !== 'eth0')
      throw system(
        `unable to determine network endpoint for sysctl ${key}, use driver option '${option}' to set per-interface sysctls`,
      )
    delete host.Sysctls![key]
    return `net.${family}.${group}.IFNAME.${rest.join('.')}=${value}`
  })
  const before = endpoint.DriverOpts?.[option]
  endpoint.DriverOpts = {
    ...endpoint.DriverOpts,
    [option]: [...moved, ...(before === undefined ? [] : [before])].join(','),
  }
  const keys = JSON.stringify(found.map(([key]) => key).join(','))
  return `Migrated sysctl ${keys} to DriverOpts{${JSON.stringify(option)}:${JSON.stringify(moved.join(','))}}.`
}

function sysctlEndpoint(
  key: string,
  mode: string,
  endpoints: Endpoints,
  version: string,
): EndpointSettings {
  try {
    return endpointOfMode(mode, endpoints, version)
  } catch (error) {
    throw new InvalidRequest(
      `unable to find a network for sysctl ${key}: ${(error as Error).message}`,
    )
  }
}
