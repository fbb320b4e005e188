/**
 * HTTP to registries: one request, its redirects, and errors in the words that Docker's users know.
 * Redirects are followed here and not by the client library, because this is where credentials leak:
 * `authorization` never goes to another origin, https never becomes http, and a public registry
 * cannot send us to loopback or link-local addresses.
 */
import { STATUS_CODES } from 'node:http'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { lookup as dnsLookup } from 'node:dns'
import { Readable } from 'node:stream'
import { getCACertificates } from 'node:tls'
import { digestOf } from '@tdocker/oci'
import type { Dispatcher } from 'undici'
import { EngineError } from '../base/errors.ts'
import { type HostCertificates, readHostCertificates } from './host-certificates.ts'
import { NetworkError, goMethod } from './registry-error.ts'
import { proxyFor } from './proxy.ts'
import { hostOf } from './registry-config.ts'
import { tlsReason } from './tls-reason.ts'

export const USER_AGENT = 'tdocker/0.1.0 (linux)'
const MAX_REDIRECTS = 10
/** Bytes of a body that may wait for their reader. */
const READ_AHEAD = 1024 * 1024

export interface Response {
  status: number
  statusText: string
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Readable
  /** Where it came from, after redirects. */
  url: URL
  /** False when a redirect led to another origin, whose challenges are not to be answered. */
  sameOrigin: boolean
}

export interface TransportOptions {
  /** No bytes for so long end a body, or a wait for headers. */
  stallTimeoutMs?: number
  connectTimeoutMs?: number
  /** Docker's directory of registries' certificates. */
  certsDir?: string
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A stream is opened anew for each attempt: a redirect or a challenge may ask for it once more. */
export type RequestBody = string | Uint8Array | (() => Readable)

export interface RequestOptions {
  method: Method
  url: URL
  headers: Readonly<Record<string, string>>
  body?: RequestBody
  /** How long an answer may take after the last byte was sent; otherwise the stall timeout. */
  answerTimeoutMs?: number
  /** Certificates are not checked. */
  insecure: boolean
  /** May also reach loopback and link-local addresses: the registry itself is such a host. */
  local: boolean
  /** A ping's URL to name in errors instead of what was asked for. */
  named?: string
  signal: AbortSignal
}

type Undici = typeof import('undici')
let loaded: Promise<Undici> | undefined

/** At first use: its hundred modules would hold up every start of the daemon. */
function loadUndici(): Promise<Undici> {
  return (loaded ??= import('undici'))
}

export class Transport {
  readonly #agents = new Map<string, Dispatcher>()
  readonly #options: TransportOptions

  constructor(options: TransportOptions = {}) {
    this.#options = options
  }

  /** Throws NetworkError; any status is an answer. The caller reads or destroys the body. */
  async send(o: RequestOptions): Promise<Response> {
    let { url } = o
    let headers = { 'user-agent': USER_AGENT, ...o.headers }
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await this.#once(o, url, headers)
      const location = response.headers['location']
      if (!isRedirect(o, response.status) || typeof location !== 'string') return response
      discard(response.body)
      const next = resolveRedirect(o, url, location)
      if (next.origin !== url.origin) headers = withoutCredentials(headers)
      url = next
    }
    throw fail(o, url, `stopped after ${MAX_REDIRECTS} redirects`)
  }

  async #once(
    o: RequestOptions,
    url: URL,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    if (!o.local && isIP(hostOf(url.host)) && isForbidden(hostOf(url.host))) {
      throw fail(o, url, `refusing to connect to ${url.hostname}`)
    }
    let body: string | Uint8Array | Readable | undefined
    try {
      const undici = await loadUndici()
      const dispatcher = await this.#agent(undici, url, o)
      body = typeof o.body === 'function' ? o.body() : o.body
      const answer = await undici.request(url, {
        method: o.method,
        headers,
        body: body ?? null,
        signal: o.signal,
        highWaterMark: READ_AHEAD,
        ...(o.answerTimeoutMs !== undefined && { headersTimeout: o.answerTimeoutMs }),
        dispatcher,
      })
      // An aborted or broken body is told by reading it; without a listener it would be uncaught.
      answer.body.on('error', () => {})
      return {
        status: answer.statusCode,
        statusText: answer.statusText,
        headers: answer.headers,
        body: answer.body,
        url,
        sameOrigin: url.origin === o.url.origin,
      }
    } catch (error) {
      o.signal.throwIfAborted()
      if (error instanceof EngineError || error instanceof NetworkError) throw error
      throw networkError(error, o.named === undefined ? o.method : 'GET', o.named ?? url.href, url)
    } finally {
      // An answer that came before the body was sent leaves the rest of it unread.
      if (body instanceof Readable) body.destroy()
    }
  }

  /** One agent for hosts of the same trust; a host with certificates of its own has its own. */
  async #agent(undici: Undici, url: URL, o: RequestOptions): Promise<Dispatcher> {
    const proxy = proxyOf(o, url)
    const tls = url.protocol === 'https:'
    const certificates = tls ? await this.#certificates(url.host) : undefined
    // What lies in the directory now counts, as it would for dockerd.
    const trust = certificates ? `${url.host} ${digestOf(JSON.stringify(certificates))}` : ''
    const key = `${url.protocol}${o.insecure}${o.local}${proxy?.href ?? ''} ${trust}`
    let agent = this.#agents.get(key)
    if (!agent) {
      agent = makeAgent(undici, { ...o, ...this.#options, proxy, tls, certificates })
      this.#agents.set(key, agent)
    }
    return agent
  }

  #certificates(host: string): Promise<HostCertificates | undefined> {
    const { certsDir = '/etc/docker/certs.d' } = this.#options
    return readHostCertificates(certsDir, host)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()))
    this.#agents.clear()
  }
}

function makeAgent(
  { Agent, ProxyAgent }: Undici,
  o: {
    insecure: boolean
    local: boolean
    proxy: URL | undefined
    tls: boolean
    certificates: HostCertificates | undefined
  } & TransportOptions,
): Dispatcher {
  const stall = o.stallTimeoutMs ?? 60_000
  const timeout = o.connectTimeoutMs ?? 30_000
  const options = {
    headersTimeout: stall,
    bodyTimeout: stall,
    keepAliveTimeout: 15_000,
    connections: 16,
    maxHeaderSize: 64 * 1024,
  }
  const registryTls = {
    rejectUnauthorized: !o.insecure,
    ...(o.tls && !o.insecure && { ca: [...systemCertificates(), ...(o.certificates?.ca ?? [])] }),
    ...(o.certificates && {
      cert: o.certificates.client.map((pair) => pair.cert),
      key: o.certificates.client.map((pair) => pair.key),
    }),
  }
  if (o.proxy === undefined) {
    const lookup = o.local ? {} : { lookup: publicLookup }
    return new Agent({ ...options, connect: { timeout, ...registryTls, ...lookup } })
  }
  return new ProxyAgent({
    ...options,
    uri: o.proxy.href,
    connectTimeout: timeout,
    // As Go: plain requests are passed on by the proxy, only TLS goes through a tunnel.
    proxyTunnel: false,
    requestTls: registryTls,
    proxyTls: { ca: systemCertificates() },
  })
}

function proxyOf(o: RequestOptions, url: URL): URL | undefined {
  try {
    return proxyFor(url, process.env)
  } catch {
    throw fail(o, url, 'invalid proxy address in the environment')
  }
}

let certificates: string[] | undefined

/** The machine's store where it has one (as Docker), else what Node brings. */
function systemCertificates(): string[] {
  if (certificates) return certificates
  const own = getCACertificates('system')
  certificates = [
    ...(own.length > 0 ? own : getCACertificates('bundled')),
    ...getCACertificates('extra'),
  ]
  return certificates
}

/** Loopback, link-local (cloud metadata lives there), unspecified and multicast addresses. */
const FORBIDDEN = new BlockList()
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
] as const) {
  FORBIDDEN.addSubnet(address, prefix, 'ipv4')
}
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6')
FORBIDDEN.addSubnet('ff00::', 8, 'ipv6')
FORBIDDEN.addAddress('::1', 'ipv6')
FORBIDDEN.addAddress('::', 'ipv6')

/** Whether only one who names it may be led there. */
export function isForbidden(address: string): boolean {
  return FORBIDDEN.check(address, family(address))
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

/** Resolves names as usual, without the addresses that a public registry has no business with. */
const publicLookup: LookupFunction = (host, options, callback) => {
  dnsLookup(host, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, '', 0)
    const allowed = found.filter((entry) => !isForbidden(entry.address))
    const [first] = allowed
    if (!first) {
      const refused = Object.assign(new Error(`refusing to connect to ${host}`), {
        code: 'EREFUSED',
      })
      return callback(refused, '', 0)
    }
    return options.all ? callback(null, allowed) : callback(null, first.address, first.family)
  })
}

/** What is sent with a body goes elsewhere only where the status says that its method stays. */
function isRedirect(o: RequestOptions, status: number): boolean {
  if (status === 307 || status === 308) return true
  if (typeof o.body === 'function') return false
  return status === 301 || status === 302 || status === 303
}

function resolveRedirect(o: RequestOptions, from: URL, location: string): URL {
  let next: URL
  try {
    next = new URL(location, from)
  } catch {
    throw fail(o, from, 'failed to parse Location header')
  }
  if (next.protocol !== 'https:' && next.protocol !== 'http:') {
    throw fail(o, from, `unsupported protocol scheme "${next.protocol.slice(0, -1)}"`)
  }
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw fail(o, from, 'refusing to follow a redirect from https to http')
  }
  next.username = ''
  next.password = ''
  return next
}

function withoutCredentials<T extends Readonly<Record<string, string>>>(headers: T): T {
  const secret = new Set(['authorization', 'cookie'])
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !secret.has(name.toLowerCase())),
  ) as T
}

/** Lets a body go: reads on when little can be left, so that the connection is kept. */
export function discard(body: Readable): void {
  body.resume()
  body.once('error', () => {})
  setTimeout(() => body.destroy(), 1000).unref()
}

function fail(o: RequestOptions, url: URL, reason: string): NetworkError {
  const text = `${goMethod(o.method)} "${o.named ?? url.href}": ${reason}`
  return new NetworkError(text, { permanent: true })
}

/** A failure of Node's, in the words of Go's net/http. */
export function networkError(
  error: unknown,
  method: string,
  named: string,
  url: URL,
): NetworkError {
  const { reason, permanent } = explain(error, url)
  return new NetworkError(`${goMethod(method)} "${named}": ${reason}`, { permanent, cause: error })
}

function explain(error: unknown, url: URL): { reason: string; permanent: boolean } {
  const code = errorCode(error)
  const tls = tlsReason(error, code, url)
  if (tls !== undefined) return { reason: tls, permanent: true }
  return { reason: plainReason(error, code, url), permanent: false }
}

function plainReason(error: unknown, code: string, url: URL): string {
  const host = hostOf(url.host)
  switch (code) {
    case 'ECONNREFUSED':
      return `dial tcp ${addressIn(error, url)}: connect: connection refused`
    case 'EHOSTUNREACH':
      return `dial tcp ${addressIn(error, url)}: connect: no route to host`
    case 'ENETUNREACH':
      return `dial tcp ${addressIn(error, url)}: connect: network is unreachable`
    case 'ENOTFOUND':
      return `dial tcp: lookup ${host}: no such host`
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${host}: Temporary failure in name resolution`
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `dial tcp ${addressIn(error, url)}: i/o timeout`
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return 'net/http: timeout awaiting response'
    case 'ECONNRESET':
      return 'read: connection reset by peer'
    case 'UND_ERR_SOCKET':
      return 'EOF'
    default:
      return proxyRefusal(error) ?? (error instanceof Error ? error.message : String(error))
  }
}

/** Go says a proxy's refusal by its status text alone. */
function proxyRefusal(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const status = /^Proxy response \((\d+)\)/.exec(error.message)?.[1]
  if (error.message.startsWith('Proxy Authentication Required')) return STATUS_CODES[407]
  return status === undefined ? undefined : (STATUS_CODES[status] ?? `status code ${status}`)
}

function errorCode(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (typeof code === 'string') return code
  }
  return ''
}

function addressIn(error: unknown, url: URL): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  const { address, port } = (inner ?? {}) as { address?: string; port?: number }
  if (address === undefined) return url.host
  return `${isIP(address) === 6 ? `[${address}]` : address}:${port ?? ''}`
}
