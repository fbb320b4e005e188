import { isIP } from 'node:net'
import type { EndpointSettings } from '@tdocker/api'
import { contains, isLinkLocal, parseAddress } from './address.ts'
import { joinedErrors } from './joined-errors.ts'
import type { LiveNetwork } from './live-network.ts'
import { isReserved } from './predefined.ts'

export const SYSCTLS = 'com.docker.network.endpoint.sysctls'
export const INTERFACE_NAME = 'com.docker.network.endpoint.ifname'

/**
 * What is wrong with an endpoint's settings, in moby's words (daemon/container_operations.go);
 * undefined for nothing. `network` may be unknown when a container is created.
 */
export function endpointProblems(
  name: string,
  network: LiveNetwork | undefined,
  asked: EndpointSettings,
): string | undefined {
  const { IPv4Address: v4 = '', IPv6Address: v6 = '', LinkLocalIPs = [] } = asked.IPAMConfig ?? {}
  const problems: string[] = []
  if (isReserved(name)) {
    if (v4 !== '' || v6 !== '')
      problems.push('user-specified IP address is supported on user-defined networks only')
    if ((asked.Aliases ?? []).length > 0)
      problems.push('network-scoped aliases are only supported for user-defined networks')
  }
  if (v4 !== '' && (parseAddress(v4)?.family !== 4 || isUnspecified(v4)))
    problems.push(`invalid IPv4 address: ${v4}`)
  if (v6 !== '' && (parseAddress(v6)?.family !== 6 || isUnspecified(v6)))
    problems.push(`invalid IPv6 address: ${v6}`)
  for (const text of LinkLocalIPs)
    if (isIP(text) === 0 || isUnspecified(text))
      problems.push(`invalid link-local IP address: ${text === '' ? 'invalid IP' : text}`)
  if (network !== undefined) problems.push(...rangeProblems(network, [v4, v6]))
  problems.push(...sysctlProblems(asked.DriverOpts?.[SYSCTLS]))
  const text = joinedErrors(problems)
  return text === undefined ? undefined : `invalid endpoint settings:\n${text}`
}

/** The first of the asked link-local addresses that is none. */
export function strangeLinkLocal(asked: EndpointSettings): string | undefined {
  return asked.IPAMConfig?.LinkLocalIPs?.find((text) => {
    const address = parseAddress(text)
    return address === undefined || !isLinkLocal(address)
  })
}

function rangeProblems(network: LiveNetwork, addresses: readonly string[]): string[] {
  return addresses.flatMap((text) => {
    const address = parseAddress(text)
    if (address === undefined) return []
    const inside = network.pools.some(({ space }) => contains(space.subnet, address))
    return inside ? [] : [`no configured subnet contains IP address ${text}`]
  })
}

function sysctlProblems(option: string | undefined): string[] {
  return (option?.split(',') ?? []).flatMap((text) => {
    const [, family = '', , name, ...rest] = text.split('.')
    const known = ['ipv4', 'ipv6', 'mpls'].includes(family)
    if (known && (name === 'IFNAME' || name === 'ifname') && rest.length > 0) return []
    return [
      `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    ]
  })
}

function isUnspecified(text: string): boolean {
  return parseAddress(text)?.value === 0n
}
