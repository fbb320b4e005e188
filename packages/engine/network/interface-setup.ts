import type { InterfaceSetup } from '@tdocker/kernel'
import { formatHost, parseAddress, type Family } from './address.ts'
import type { Attachment } from './drivers/driver.ts'
import type { LiveNetwork } from './live-network.ts'

/** `gateway` of the network for a family. */
export function interfaceSetup(
  network: LiveNetwork,
  { row, netnsFd, gatewayFor }: Attachment,
  gateway: (family: Family) => string | undefined,
): InterfaceSetup {
  const name = row.detail.interface
  return {
    netnsFd,
    name,
    mac: row.mac,
    addresses: [
      ...[row.address, row.address6].flatMap((text) => withLength(network, text)),
      ...row.detail.linkLocal.map((text) => `${text}/${text.includes(':') ? 64 : 16}`),
    ],
    gateways: ([4, 6] as const).flatMap((family) =>
      gatewayFor.has(family) ? (gateway(family) ?? []) : [],
    ),
    sysctls: { ...familySysctls(row.address6, name), ...ownSysctls(row.detail.sysctls, name) },
  }
}

/** In namespaces of containers a new interface has no IPv6 unless its network has. */
function familySysctls(address6: string, name: string): Record<string, string> {
  if (address6 === '') return {}
  return {
    [`net/ipv6/conf/${name}/disable_ipv6`]: '0',
    [`net/ipv6/conf/${name}/accept_ra`]: '0',
  }
}

/** `net.ipv4.conf.IFNAME.log_martians=1` → path and value. The rest may hold dots of its own. */
function ownSysctls(asked: readonly string[], name: string): Record<string, string> {
  const result: Record<string, string> = {}
  for (const text of asked) {
    const [key = '', ...value] = text.split('=')
    const [net, family, group, , ...rest] = key.split('.')
    result[[net, family, group, name, rest.join('.')].join('/')] = value.join('=')
  }
  return result
}

function withLength(network: LiveNetwork, text: string): string[] {
  const address = parseAddress(text)
  const pool = network.poolOf(text)
  return address === undefined || pool === undefined ? [] : [formatHost(address, pool.space.subnet)]
}
