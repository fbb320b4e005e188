import { isIP } from 'node:net'

/** Docker's choice where the host's resolvers cannot be reached from a container. */
const FALLBACK = ['8.8.8.8', '8.8.4.4']

export interface ResolvConf {
  nameservers: string[]
  search: string[]
  options: string[]
  /** Lines with directives of other names, kept as they are. */
  other: string[]
}

export interface DnsOverrides {
  dns: readonly string[]
  dnsSearch: readonly string[]
  dnsOptions: readonly string[]
}

/** Reads resolv.conf(5): the last `search` or `domain` counts, options accumulate. */
export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = { nameservers: [], search: [], options: [], other: [] }
  for (const line of text.split('\n')) {
    const [directive = '', ...values] = line.trim().split(/\s+/)
    if (directive === '' || directive.startsWith('#') || directive.startsWith(';')) continue
    applyDirective(conf, directive, values, line)
  }
  return conf
}

/** Resolver settings of a container in the host's namespace: the host's, where nothing else is asked. */
export function hostResolvConf(host: ResolvConf, overrides: DnsOverrides): ResolvConf {
  return {
    nameservers: overrides.dns.length > 0 ? [...overrides.dns] : host.nameservers,
    search:
      overrides.dnsSearch.length > 0
        ? overrides.dnsSearch.filter((domain) => domain !== '.')
        : host.search,
    options: overrides.dnsOptions.length > 0 ? [...overrides.dnsOptions] : host.options,
    other: host.other,
  }
}

/**
 * Settings for a namespace of its own without an embedded resolver: the host's loopback resolvers
 * cannot be reached from there, nor IPv6 ones without IPv6.
 */
export function isolatedResolvConf(
  host: ResolvConf,
  overrides: DnsOverrides,
  ipv6: boolean,
): ResolvConf {
  const conf = hostResolvConf(host, overrides)
  if (overrides.dns.length > 0) return conf
  const reachable = conf.nameservers.filter(
    (server) => !isLoopback(server) && (ipv6 || isIP(server) !== 6),
  )
  return { ...conf, nameservers: reachable.length > 0 ? reachable : [...FALLBACK] }
}

export function formatResolvConf(conf: ResolvConf): string {
  const lines = conf.nameservers.map((server) => `nameserver ${server}`)
  if (conf.search.length > 0) lines.push(`search ${conf.search.join(' ')}`)
  if (conf.options.length > 0) lines.push(`options ${conf.options.join(' ')}`)
  return [...lines, ...conf.other].map((line) => `${line}\n`).join('')
}

/** True where the only resolver is systemd-resolved's stub, whose upstreams stand in another file. */
export function isResolvedStub(conf: ResolvConf): boolean {
  return conf.nameservers.length === 1 && conf.nameservers[0] === '127.0.0.53'
}

function applyDirective(conf: ResolvConf, directive: string, values: string[], line: string): void {
  switch (directive) {
    case 'nameserver':
      if (isIP(stripZone(values[0] ?? '')) !== 0) conf.nameservers.push(values[0] ?? '')
      return
    case 'domain':
    case 'search':
      if (values.length > 0) conf.search = values
      return
    case 'options':
      conf.options.push(...values)
      return
    default:
      conf.other.push(line)
  }
}

function isLoopback(server: string): boolean {
  return server === '::1' || server.startsWith('127.')
}

function stripZone(server: string): string {
  return server.split('%')[0] ?? ''
}
