/** HTTP to registries from the client itself: one request, its redirects, a body of limited size. */
import { readFileSync, readdirSync } from 'node:fs'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { clientVersion } from '../../command/program.ts'

const MAX_BODY = 8 * 1024 * 1024
const MAX_REDIRECTS = 10
const TIMEOUT_MS = 30_000
const CERTIFICATES = '/etc/docker/certs.d'

export interface RegistryRequest {
  readonly method: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Certificates are not checked. */
  readonly insecure: boolean
}

export interface RegistryResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Where it came from, after redirects. */
  readonly url: URL
}

/** Any status is an answer. Credentials stay with the origin they were given for. */
export async function send(o: RegistryRequest): Promise<RegistryResponse> {
  let { url } = o
  let headers: Readonly<Record<string, string>> = o.headers ?? {}
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await once({ ...o, url, headers })
    const { location } = response.headers
    const isRead = o.method === 'GET' || o.method === 'HEAD'
    if (!isRead || response.status < 301 || response.status > 308 || !location) return response
    const next = new URL(location, url)
    if (url.protocol === 'https:' && next.protocol !== 'https:') {
      throw failure(o, 'refusing to follow a redirect from https to http')
    }
    if (next.origin !== url.origin) {
      headers = Object.fromEntries(
        Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
      )
    }
    url = next
  }
  throw failure(o, `stopped after ${MAX_REDIRECTS} redirects`)
}

async function once(o: RegistryRequest): Promise<RegistryResponse> {
  let response: IncomingMessage
  try {
    response = await open(o)
  } catch (error) {
    throw failure(o, reason(error as NodeJS.ErrnoException, o.url))
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) {
      response.destroy()
      throw failure(o, `the answer is larger than ${MAX_BODY} bytes`)
    }
    chunks.push(chunk)
  }
  return {
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? '',
    headers: response.headers,
    body: Buffer.concat(chunks),
    url: o.url,
  }
}

function open(o: RegistryRequest): Promise<IncomingMessage> {
  const isTls = o.url.protocol === 'https:'
  const body = o.body === undefined ? undefined : Buffer.from(o.body)
  // Where the runtime knows `proxyEnv`, the environment's proxies are used; else it is ignored.
  const proxies = { proxyEnv: process.env }
  return new Promise((resolve, reject) => {
    const request = (isTls ? httpsRequest : httpRequest)(
      o.url,
      {
        method: o.method,
        timeout: TIMEOUT_MS,
        agent: isTls ? new HttpsAgent({ ...proxies, ...trust(o) }) : new HttpAgent({ ...proxies }),
        headers: {
          'user-agent': `tdocker-client/${clientVersion} (linux)`,
          ...(body || o.method === 'POST' ? { 'content-length': String(body?.length ?? 0) } : {}),
          ...o.headers,
        },
      },
      resolve,
    )
    request.once('timeout', () => request.destroy(new Error('i/o timeout')))
    request.once('error', reject)
    request.end(body)
  })
}

/** Authorities and client certificates of `certs.d/HOST`, beside those of the system. */
function trust(o: RegistryRequest): object {
  const directory = join(CERTIFICATES, o.url.host)
  let names: string[] = []
  try {
    names = readdirSync(directory)
  } catch {
    // Most registries have none.
  }
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8')
  const ca = names.filter((name) => name.endsWith('.crt')).map(read)
  const pairs = names.filter(
    (name) => name.endsWith('.cert') && names.includes(name.replace(/cert$/, 'key')),
  )
  return {
    rejectUnauthorized: !o.insecure,
    ...(ca.length > 0 ? { ca: [...rootCertificates, ...ca] } : {}),
    ...(pairs.length > 0
      ? { cert: pairs.map(read), key: pairs.map((name) => read(name.replace(/cert$/, 'key'))) }
      : {}),
  }
}

/** Go's url.Error. */
function failure(o: RegistryRequest, why: string): Error {
  const method = o.method.slice(0, 1) + o.method.slice(1).toLowerCase()
  return new Error(`${method} "${o.url.href}": ${why}`)
}

export const noTls = 'http: server gave HTTP response to HTTPS client'

function reason(error: NodeJS.ErrnoException, url: URL): string {
  const { code = '', message } = error
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (code === 'ECONNREFUSED') {
    return `dial tcp ${url.hostname}:${port}: connect: connection refused`
  }
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${url.hostname}: no such host`
  if (code === 'EPROTO' || /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code)) {
    return noTls
  }
  if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET)/.test(code)) {
    return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  }
  if (code === 'ECONNRESET') return 'EOF'
  return message
}
