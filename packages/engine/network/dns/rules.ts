import type { DnsSockets } from '@tdocker/kernel'
import { RESOLVER_ADDRESS } from './internal-conf.ts'

const TABLE = 'tdocker-dns'

/**
 * nftables commands for a container's namespace: port 53 leads to the sockets, which leave 53 itself
 * to servers in the container. Replaces what is there.
 */
export function resolverRules({ udpPort, tcpPort }: DnsSockets, replaces = false): string {
  const rule = (protocol: string, port: number): string =>
    `ip daddr ${RESOLVER_ADDRESS} ${protocol} dport 53 dnat to ${RESOLVER_ADDRESS}:${port}`
  return [
    ...(replaces ? [`add table ip ${TABLE}`, `delete table ip ${TABLE}`] : []),
    `table ip ${TABLE} {`,
    '  chain out {',
    '    type nat hook output priority -100',
    `    ${rule('udp', udpPort)}`,
    `    ${rule('tcp', tcpPort)}`,
    '  }',
    '}',
  ].join('\n')
}
