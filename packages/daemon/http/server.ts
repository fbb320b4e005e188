/** The API behind any number of node servers: `_ping` at once, the rest through the router. */
import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { maxVersion, minVersion, versionProblem } from '@tdocker/api/versions.ts'
import type { Backend } from './backend.ts'
import { ApiMessage, isBulk, linger } from './bulk.ts'
import { Connection, type Descriptors } from './hijack.ts'
import { parseTarget } from './path.ts'
import { HttpError, sendError } from './errors.ts'
import type { Dispatch, RouterLog } from './router.ts'
import { asksForWebSocket } from './websocket/handshake.ts'

/** What is served: the verbs, and what handing over connections needs of the kernel. */
export interface Engine extends Backend {
  readonly native: Descriptors
}

export interface ApiOptions {
  /** May still be opening: requests other than `_ping` wait for it. */
  engine: Engine | Promise<Engine>
  log: RouterLog
  /** The Docker release that is answered for: `Server: Docker/<version> (linux)`. */
  version: string
  experimental?: boolean
  minimum?: string
}

/** Certificates in PEM. With `ca`, a client without a certificate of it is not spoken to. */
export interface TlsOptions {
  cert: Buffer
  key: Buffer
  ca?: Buffer
}

export interface Api {
  /** A server that is not listening yet; `close` of it is the caller's. */
  server(tls?: TlsOptions): Server
  /** Loads what the first requests would otherwise wait for. */
  warm(): Promise<void>
}

export function makeApi(o: ApiOptions): Api {
  const listener = new Listener(o)
  return { server: (tls) => listener.server(tls), warm: () => listener.warm() }
}

/** One per served version is about 35; the rest is somebody's odd spelling. */
const MAX_SERVED_PINGS = 64

class Listener {
  readonly #o: ApiOptions
  readonly #headers: Readonly<Record<string, string>>
  /** Names and values in turn: the form Node writes without copying. */
  readonly #pingGet: string[]
  readonly #pingHead: string[]
  /** Paths of pings that passed the version check. */
  readonly #servedPings = new Set<string>()
  readonly #minimum: string
  #dispatch: Promise<Dispatch> | Dispatch | undefined

  constructor(o: ApiOptions) {
    this.#o = o
    this.#minimum = o.minimum ?? minVersion
    this.#headers = {
      'Api-Version': maxVersion,
      'Docker-Experimental': String(o.experimental ?? false),
      Ostype: 'linux',
      Server: `Docker/${o.version} (linux)`,
    }
    const ping = {
      ...this.#headers,
      'Builder-Version': '1',
      'Cache-Control': 'no-cache, no-store, must-revalidate',
      Pragma: 'no-cache',
      Swarm: 'inactive',
      'Content-Type': 'text/plain; charset=utf-8',
    }
    this.#pingGet = Object.entries({ ...ping, 'Content-Length': '2' }).flat()
    this.#pingHead = Object.entries({ ...ping, 'Content-Length': '0' }).flat()
  }

  server(tls?: TlsOptions): Server {
    const options = {
      IncomingMessage: ApiMessage,
      maxHeaderSize: 1 << 20,
      // As Go's server: a large upload takes as long as it takes, an idle client may stay.
      requestTimeout: 0,
      keepAliveTimeout: 0,
      shouldUpgradeCallback: (request: IncomingMessage): boolean => isHijack(request),
    }
    const server = tls
      ? createTlsServer({
          ...options,
          ...tls,
          requestCert: tls.ca !== undefined,
          rejectUnauthorized: tls.ca !== undefined,
          minVersion: 'TLSv1.2',
          // Without it the output after a client's half-close is dropped.
          allowHalfOpen: true,
        })
      : createServer(options)
    // An answer goes on after the client has ended its side.
    Object.assign(server, { httpAllowHalfOpen: true })
    server.on('request', (request, response) => this.#onRequest(request, response))
    server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
    return server
  }

  async warm(): Promise<void> {
    await (this.#dispatch ??= this.#makeDispatch())
    await import('@tdocker/api')
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '/'
    if (url.endsWith('/_ping') && this.#answerPing(url, request.method, response)) return
    if (request.headers.upgrade !== undefined) breakOffAtEnd(request)
    this.#route(request, response, undefined)
  }

  /** The hottest path of all: clients ping before everything they do. */
  #answerPing(url: string, method: string | undefined, response: ServerResponse): boolean {
    if (method !== 'GET' && method !== 'HEAD') return false
    if (!this.#servedPings.has(url)) {
      const { version, url: path } = parseTarget(url, method)
      if (path !== '/_ping') return false
      const problem = version === undefined ? undefined : versionProblem(version, this.#minimum)
      if (problem) {
        this.#setHeaders(response)
        sendError(response, new HttpError(400, problem), version)
        return true
      }
      if (this.#servedPings.size < MAX_SERVED_PINGS) this.#servedPings.add(url)
    }
    const head = method === 'HEAD'
    response.writeHead(200, head ? this.#pingHead : this.#pingGet)
    response.end(head ? undefined : 'OK')
    return true
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const socket = stream as Socket
    if (socket.destroyed) return
    // A client that did not wait for its answer: the connection is still that answer's.
    const earlier = (socket as { _httpMessage?: ServerResponse | null })._httpMessage
    if (earlier) {
      earlier.once('close', () => setImmediate(() => this.#onUpgrade(request, stream, head)))
      return
    }
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.once('finish', () => {
      response.detachSocket(socket)
      if (request.method !== 'GET' && isBulk(request)) linger(socket)
      else socket.destroySoon()
    })
    socket.once('error', () => socket.destroy())
    this.#route(request, response, head)
  }

  #route(request: IncomingMessage, response: ServerResponse, head: Buffer | undefined): void {
    this.#setHeaders(response)
    const { version, url } = parseTarget(request.url ?? '/', request.method ?? 'GET')
    request.url = url
    const connection = new Connection({
      request,
      response,
      descriptors: async () => (await this.#o.engine).native,
      headers: this.#headers,
      ...(head && { head }),
    })
    const dispatch = (this.#dispatch ??= this.#makeDispatch())
    if (typeof dispatch === 'function') dispatch(request, response, { version, connection })
    else void this.#whenReady(dispatch, request, response, { version, connection })
  }

  async #whenReady(
    ready: Promise<Dispatch>,
    request: IncomingMessage,
    response: ServerResponse,
    arrival: Parameters<Dispatch>[2],
  ): Promise<void> {
    try {
      ;(await ready)(request, response, arrival)
    } catch (error) {
      sendError(response, error, arrival.version)
    }
  }

  /** The router is made with the first request, so that the socket can listen before it is there. */
  async #makeDispatch(): Promise<Dispatch> {
    const [{ makeRouter }, { allRoutes }, engine] = await Promise.all([
      import('./router.ts'),
      import('./routes/all.ts'),
      this.#o.engine,
    ])
    const dispatch = await makeRouter({
      routes: allRoutes(engine),
      log: this.#o.log,
      minimum: this.#minimum,
    })
    this.#dispatch = dispatch
    return dispatch
  }

  #setHeaders(response: ServerResponse): void {
    for (const [name, value] of Object.entries(this.#headers)) response.setHeader(name, value)
  }
}

/**
 * Node's parser says nothing of a connection that ends within the body of a request with `Upgrade`:
 * whoever reads the body would wait for ever.
 */
function breakOffAtEnd(request: IncomingMessage): void {
  request.socket.once('end', () => {
    if (!request.complete) request.destroy()
  })
}

/** Requests whose connection may be taken over; elsewhere `Upgrade` is ignored. */
function isHijack(request: IncomingMessage): boolean {
  if (isBulk(request)) return true
  const path = parseTarget(request.url ?? '/', request.method ?? 'GET').url.split('?', 1)[0] ?? ''
  if (request.method === 'GET')
    return /^\/containers\/[^/]+\/attach\/ws$/.test(path) && asksForWebSocket(request)
  return (
    request.method === 'POST' &&
    (/^\/(build\/session|grpc|session)$/.test(path) ||
      /^\/containers\/[^/]+\/attach$/.test(path) ||
      /^\/exec\/[^/]+\/start$/.test(path))
  )
}
