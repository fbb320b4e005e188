import { isIP } from 'node:net'
import { invalidParameter } from '../base/errors.ts'

/** HostConfig.ExtraHosts' word for the host's own address. */
const HOST_GATEWAY = 'host-gateway'

const LOOPBACK_V4 = ['127.0.0.1\tlocalhost']
const LOOPBACK_V6 = [
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
]

export interface HostsFile {
  /** False where the container's namespace has no `::1`. */
  ipv6: boolean
  /** `name:address` or `name:host-gateway`. */
  extraHosts: readonly string[]
  /** What `host-gateway` stands for; empty where the daemon has no bridge. */
  hostGateways: readonly string[]
  /** The container's own lines, one per address. */
  self: { addresses: readonly string[]; hostname: string; domainname: string }
}

/** Text of a container's /etc/hosts. */
export function hostsFile(file: HostsFile): string {
  const lines = [
    ...LOOPBACK_V4,
    ...(file.ipv6 ? LOOPBACK_V6 : []),
    ...extraHostLines(file.extraHosts, file.hostGateways),
    ...ownHostLines(file.self),
  ]
  return `${lines.join('\n')}\n`
}

/** A container's lines about itself, for these addresses. */
export function ownHostLines({ addresses, hostname, domainname }: HostsFile['self']): string[] {
  const names = domainname === '' ? hostname : `${hostname}.${domainname} ${hostname}`
  return addresses.map((address) => `${address}\t${names}`)
}

/** The host's own file with the extra hosts appended, for the host's namespace. */
export function hostHostsFile(
  hostFile: string,
  extraHosts: readonly string[],
  hostGateways: readonly string[],
): string {
  const lines = extraHostLines(extraHosts, hostGateways)
  if (lines.length === 0) return hostFile
  const separator = hostFile === '' || hostFile.endsWith('\n') ? '' : '\n'
  return `${hostFile}${separator}${lines.join('\n')}\n`
}

/** Throws invalidParameter with moby's sentences for an entry that is not `name:address`. */
export function checkExtraHost(entry: string): void {
  const { name, address } = splitExtraHost(entry)
  if (name === '' || address === '') {
    throw invalidParameter(`bad format for add-host: ${JSON.stringify(entry)}`)
  }
  if (address !== HOST_GATEWAY && isIP(address) === 0) {
    throw invalidParameter(`invalid IP address in add-host: ${JSON.stringify(address)}`)
  }
}

function extraHostLines(entries: readonly string[], hostGateways: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    const { name, address } = splitExtraHost(entry)
    if (address !== HOST_GATEWAY) return [`${address}\t${name}`]
    if (hostGateways.length === 0)
      throw invalidParameter('unable to derive the IP value for host-gateway')
    return hostGateways.map((gateway) => `${gateway}\t${name}`)
  })
}

/** The name ends at the first colon: addresses may hold more of them, bare or in brackets. */
function splitExtraHost(entry: string): { name: string; address: string } {
  const colon = entry.indexOf(':')
  if (colon < 0) return { name: '', address: '' }
  const address = entry.slice(colon + 1).replace(/^\[(.*)\]$/, '$1')
  return { name: entry.slice(0, colon), address }
}
