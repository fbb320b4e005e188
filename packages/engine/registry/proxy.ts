/**
 * Which proxy a URL goes through: HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go's
 * `http.ProxyFromEnvironment` reads them (golang.org/x/net/http/httpproxy), by which users write them.
 */
import { BlockList, isIP } from 'node:net'
import { hostOf } from './registry-config.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The proxy for `url`; undefined where it is reached directly. Throws TypeError for a proxy that is no URL. */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const proxy = variable(env, name)
  if (proxy === '' || isDirect(url, variable(env, 'NO_PROXY'))) return undefined
  return new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`)
}

/** The upper-case name goes first. */
function variable(env: Environment, name: string): string {
  return env[name] || env[name.toLowerCase()] || ''
}

function isDirect(url: URL, noProxy: string): boolean {
  const host = hostOf(url.host).replace(/\.$/, '').toLowerCase()
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (host === 'localhost' || isLoopback(host)) return true
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => matches(entry.toLowerCase(), host, port))
}

function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** `*`, an address, a network, `host`, `.domain` (not the domain itself), each maybe with a port. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  const network = /^([^/]+)\/(\d+)$/.exec(entry)
  if (network) return isWithin(host, network[1] ?? '', Number(network[2]))
  const name = hostOf(entry)
  const wantedPort = isIP(entry) ? '' : (/:(\d+)$/.exec(entry)?.[1] ?? '')
  if (wantedPort !== '' && wantedPort !== port) return false
  const domain = name.replace(/^\*\./, '.')
  if (isIP(name)) return name === host
  return domain.startsWith('.')
    ? host.endsWith(domain)
    : host === domain || host.endsWith(`.${domain}`)
}

function isWithin(host: string, address: string, prefix: number): boolean {
  const version = isIP(address)
  if (version === 0 || isIP(host) !== version || prefix > (version === 4 ? 32 : 128)) return false
  const family = version === 6 ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(address, prefix, family)
  return list.check(host, family)
}
