import { Agent, request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { json, text } from 'node:stream/consumers'
import { clientVersion, maxApiVersion } from '../command/program.ts'
import { ApiError, cannotConnect } from './errors.ts'
import { parseEndpoint } from './host.ts'
import type { TlsOptions } from './tls.ts'

export interface ClientOptions {
  /** Normalized host (`unix:///…`, `tcp://host:port`). */
  readonly host: string
  readonly tls?: TlsOptions | undefined
  /** Extra headers of every request (`HttpHeaders` of config.json). */
  readonly headers?: Readonly<Record<string, string>>
  /** Fixed API version (`DOCKER_API_VERSION`): no negotiation. */
  readonly version?: string | undefined
}

/** Values of a list become one parameter each. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>

export interface RequestInput {
  readonly query?: Query
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it comes, in place of `body`. */
  readonly stream?: Readable
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** What the headers of `_ping` tell. */
export interface Ping {
  readonly apiVersion: string
  readonly osType: string
  readonly experimental: boolean
}

/** A connection taken over from HTTP: bytes both ways, each direction closed on its own. */
export interface Hijacked {
  readonly socket: Socket
  /** Bytes that came together with the response's head. */
  readonly head: Buffer
  readonly contentType: string
}

/** Speaks the Docker Engine API to one daemon. */
export class Client {
  readonly host: string
  private readonly options: ClientOptions
  private readonly base: RequestOptions
  private readonly prefix: string
  private pinged: Promise<Ping> | undefined

  constructor(options: ClientOptions) {
    this.options = options
    this.host = options.host
    const endpoint = parseEndpoint(options.host)
    this.prefix = endpoint.kind === 'tcp' ? endpoint.base : ''
    this.base =
      endpoint.kind === 'unix'
        ? { socketPath: endpoint.path }
        : endpoint.kind === 'tcp'
          ? { host: endpoint.host, port: endpoint.port }
          : {}
    if (endpoint.kind === 'ssh')
      throw new Error(`ssh:// hosts are not supported yet: ${endpoint.url}`)
  }

  /** API version of the requests: fixed by the user, or the lower one of both sides'. */
  async version(): Promise<string> {
    if (this.options.version) return this.options.version
    return lowerVersion(maxApiVersion, (await this.ping()).apiVersion)
  }

  ping(): Promise<Ping> {
    return (this.pinged ??= this.pingOnce())
  }

  private async pingOnce(): Promise<Ping> {
    const response = await this.raw('HEAD', '/_ping', {})
    response.resume()
    const header = (name: string): string => String(response.headers[name] ?? '')
    return {
      apiVersion: header('api-version') || '1.24',
      osType: header('ostype') || 'linux',
      experimental: header('docker-experimental') === 'true',
    }
  }

  /** Requests `/vN.NN<path>`; answers the response with its body unread. Throws ApiError. */
  async request(method: string, path: string, input: RequestInput = {}): Promise<IncomingMessage> {
    const response = await this.raw(method, `/v${await this.version()}${path}`, input)
    const status = response.statusCode ?? 0
    if (status >= 400) throw await apiError(response)
    return response
  }

  async get<T>(path: string, input: RequestInput = {}): Promise<T> {
    return this.call<T>('GET', path, input)
  }

  async call<T>(method: string, path: string, input: RequestInput = {}): Promise<T> {
    return (await json(await this.request(method, path, input))) as T
  }

  /** For answers without interest: status 204, 304, or a body nobody reads. */
  async run(method: string, path: string, input: RequestInput = {}): Promise<number> {
    const response = await this.request(method, path, input)
    response.resume()
    return response.statusCode ?? 0
  }

  /** Asks to take over the connection (attach, exec start). The body arrives before the stream. */
  async hijack(path: string, input: RequestInput = {}, protocol = 'tcp'): Promise<Hijacked> {
    const version = await this.version()
    const request = await this.open('POST', `/v${version}${path}`, input, {
      Connection: 'Upgrade',
      Upgrade: protocol,
    })
    return new Promise((resolve, reject) => {
      request.once('error', (error) => reject(cannotConnect(this.host, error)))
      request.once('upgrade', (response: IncomingMessage, socket: Socket, head: Buffer) => {
        socket.setNoDelay?.(true)
        resolve({ socket, head, contentType: response.headers['content-type'] ?? '' })
      })
      request.once('response', (response: IncomingMessage) => {
        if ((response.statusCode ?? 0) >= 400) return void apiError(response).then(reject, reject)
        reject(new Error(`unable to upgrade to ${protocol}, received ${response.statusCode}`))
      })
    })
  }

  private async raw(method: string, path: string, input: RequestInput): Promise<IncomingMessage> {
    const request = await this.open(method, path, input, {})
    return new Promise((resolve, reject) => {
      request.once('response', resolve)
      // Stays: a daemon that refuses may answer first and close on the rest of a streamed body.
      request.on('error', (error) => {
        reject(input.signal?.aborted ? error : cannotConnect(this.host, error))
      })
      const { stream } = input
      if (!stream) return
      stream.once('error', (error) => {
        reject(error)
        request.destroy()
      })
      stream.pipe(request)
    })
  }

  private async open(
    method: string,
    path: string,
    input: RequestInput,
    headers: Record<string, string>,
  ): Promise<ClientRequest> {
    const body = input.body === undefined ? undefined : JSON.stringify(input.body)
    const { send, agent } = await this.transport('Upgrade' in headers)
    const request = send({
      ...this.base,
      agent,
      method,
      path: `${this.prefix}${path}${queryText(input.query)}`,
      ...(input.signal ? { signal: input.signal } : {}),
      headers: {
        ...(this.base.socketPath ? { Host: 'api.moby.localhost' } : {}),
        'User-Agent': `tdocker-client/${clientVersion} (linux)`,
        ...this.options.headers,
        ...(input.stream ? { 'Content-Type': 'application/x-tar' } : bodyHeaders(method, body)),
        ...input.headers,
        ...headers,
      },
    })
    if (!input.stream) request.end(body)
    return request
  }

  private readonly transports = new Map<boolean, Promise<Transport>>()

  /** A connection that is taken over must not come from, or go back to, the kept ones. */
  private transport(hijacks: boolean): Promise<Transport> {
    const known = this.transports.get(hijacks) ?? this.makeTransport(!hijacks)
    this.transports.set(hijacks, known)
    return known
  }

  private async makeTransport(keepAlive: boolean): Promise<Transport> {
    const { tls } = this.options
    if (!tls) return { send: httpRequest, agent: new Agent({ keepAlive }) }
    const https = await import('node:https')
    return {
      send: https.request as typeof httpRequest,
      agent: new https.Agent({ keepAlive, ...tls }),
    }
  }

  close(): void {
    for (const transport of this.transports.values())
      void transport.then(({ agent }) => agent.destroy())
  }
}

interface Transport {
  readonly send: typeof httpRequest
  readonly agent: Agent
}

function bodyHeaders(method: string, body: string | undefined): Record<string, string> {
  if (body === undefined) return method === 'POST' ? { 'Content-Length': '0' } : {}
  return { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }
}

async function apiError(response: IncomingMessage): Promise<ApiError> {
  const status = response.statusCode ?? 0
  const body = await text(response)
  try {
    const { message } = JSON.parse(body) as { message?: unknown }
    if (typeof message === 'string') return new ApiError(status, message)
  } catch {
    // Not JSON: a proxy in between, or another server altogether.
  }
  const reason = body.trim() || `request returned ${response.statusMessage ?? status}`
  return new ApiError(status, reason)
}

function queryText(query: Query = {}): string {
  const pairs = Object.entries(query)
    .flatMap(([key, value]) =>
      Array.isArray(value) ? value.map((one) => [key, one]) : [[key, value]],
    )
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(text01(value))}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function text01(value: string | number | boolean | undefined): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value)
}

/** The lower one of two `major.minor` versions. */
export function lowerVersion(a: string, b: string): string {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number)
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number)
  return aMajor < bMajor || (aMajor === bMajor && aMinor <= bMinor) ? a : b
}

/** Whether API version `version` is at least `wanted`. */
export function atLeast(version: string, wanted: string): boolean {
  return lowerVersion(version, wanted) === wanted
}
