import type { DnsOverrides, ResolvConf } from '../resolv-conf.ts'
import { withNotes, wished } from '../resolv-conf.ts'

/** Where a container finds the embedded server. */
export const RESOLVER_ADDRESS = '127.0.0.11'

export interface Upstream {
  address: string
  /** Asked from the host's namespace, not from the container's. */
  host: boolean
}

export interface InternalConf {
  /** What the container reads. */
  resolvConf: ResolvConf
  upstreams: Upstream[]
  /** `ndots` was asked for: the resolver adds search domains to names without a dot itself. */
  ndots: boolean
}

/** libnetwork asks no more than three. */
const MAX_UPSTREAMS = 3

/**
 * Settings of a container that has the embedded server (libnetwork's TransformForIntNS): the host's
 * servers are asked from where the host asks them, those that the user names from where the
 * container is.
 */
export function internalConf(host: ResolvConf, overrides: DnsOverrides): InternalConf {
  const conf = wished(host, overrides)
  const asked = conf.options.filter((option) => option.startsWith('ndots:'))
  const options = conf.options.filter((option) => !isBadNdots(option))
  const known = options.some((option) => option.startsWith('ndots:'))
  const servers = conf.nameservers.map((address) => ({
    address,
    host: overrides.dns.length === 0,
  }))
  const resolvConf = {
    ...conf,
    nameservers: [RESOLVER_ADDRESS],
    options: known ? options : [...options, 'ndots:0'],
  }
  return {
    resolvConf: withNotes(resolvConf, overrides, {
      transform: 'internal resolver',
      external: servers.map(({ address, host: ofHost }) => (ofHost ? `host(${address})` : address)),
      ...(known ? {} : { ndotsFrom: 'internal' }),
    }),
    upstreams: servers
      .filter(({ address, host: ofHost }) => ofHost || address !== RESOLVER_ADDRESS)
      .slice(0, MAX_UPSTREAMS),
    ndots: asked.length > 0,
  }
}

/** libnetwork's removeInvalidNDots. */
function isBadNdots(option: string): boolean {
  const [key, value = ''] = option.split(':')
  return key === 'ndots' && !/^[+-]?\d+$/.test(value)
}
