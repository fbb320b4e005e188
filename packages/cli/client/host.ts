import { quote } from '../flag/scalar.ts'

/** Where the daemon listens, from `-H` or `DOCKER_HOST`. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly base: string }
  | { readonly kind: 'ssh'; readonly url: string }

export const defaultHost = 'unix:///run/tdocker.sock'

/** Brings a host to its full form: `:2375` → `tcp://localhost:2375`; empty is the default. */
export function normalizeHost(text: string, tls: boolean): string {
  const host = text.trim()
  if (host === '') return tls ? 'tcp://localhost:2376' : defaultHost
  const split = /^([a-z]+):\/\/(.*)$/s.exec(host)
  const [protocol, address] = split ? [split[1], split[2] as string] : ['tcp', host]
  if (protocol === 'tcp') return `tcp://${tcpAddress(address, host, tls)}`
  if (protocol === 'unix') {
    if (address.includes('://')) throw new Error(`invalid proto, expected unix: ${address}`)
    return address === '' ? defaultHost : host
  }
  if (protocol === 'ssh') return host
  throw new Error(`invalid bind address format: ${host}`)
}

function tcpAddress(address: string, whole: string, tls: boolean): string {
  if (address.includes('://')) throw new Error(`invalid proto, expected tcp: ${whole}`)
  const match = /^(\[[^\]]*\]|[^:/]*)(?::([0-9]*))?(\/.*)?$/.exec(address)
  if (!match) throw new Error(`parse ${quote(whole)}: ${wrongAddress(address)}`)
  const [, host, port, path = ''] = match
  return `${host || 'localhost'}:${port || (tls ? '2376' : '2375')}${path}`
}

/** Go's words for what no address is. */
function wrongAddress(address: string): string {
  const port = /:[^/:]*(?=\/|$)/.exec(address)?.[0]
  return port === undefined
    ? 'invalid character in host name'
    : `invalid port ${quote(port)} after host`
}

/** Takes a normalized host apart. */
export function parseEndpoint(host: string): Endpoint {
  if (host.startsWith('unix://')) return { kind: 'unix', path: host.slice('unix://'.length) }
  if (host.startsWith('ssh://')) return { kind: 'ssh', url: host }
  const url = new URL(host.replace(/^tcp:/, 'http:'))
  return {
    kind: 'tcp',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 80),
    base: url.pathname.replace(/\/$/, ''),
  }
}
