/**
 * Connections that stop speaking HTTP: attach, also over a WebSocket, and exec.
 *
 * A request with `Upgrade` reaches us by Node's 'upgrade' event, which has detached the HTTP
 * parser: its body is still to be read from the socket, by hand. One without is an ordinary request
 * whose answer is a raw stream until the connection closes; its parser is detached here.
 *
 * The engine then takes the client's descriptor itself, so that not a byte passes through Node
 * (except with TLS, where Node has the keys, and with WebSockets, whose frames it takes apart: it
 * pumps between the client and one end of a pair).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { TLSSocket } from 'node:tls'
import { since } from '@tdocker/api/versions.ts'
import type { Hijack, TakeOptions } from './backend.ts'
import { readAll } from './body.ts'
import { BulkConnection, isBulk } from './bulk.ts'
import { HttpError } from './errors.ts'
import { RawBody } from './raw-body.ts'
import { bridgeWebSocket } from './websocket/bridge.ts'
import { acceptWebSocket } from './websocket/handshake.ts'

/** What hijacking needs of the kernel. */
export interface Descriptors {
  /** A duplicate of a descriptor, close-on-exec. */
  dupFd(fd: number): number
  /** 0 when the peer of an AF_UNIX socket has read all that was written. */
  unreadByPeer(fd: number): number
  /** A connected pair of stream sockets. */
  socketPair(): [number, number]
}

export class Connection {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #descriptors: () => Promise<Descriptors>
  /** Bytes behind the request's head, and their reader; for upgraded requests only. */
  readonly #raw: RawBody | undefined
  /** Headers of every answer, which go into the hijacked one, too. */
  readonly #headers: Readonly<Record<string, string>>
  #taken = false
  #bulk: BulkConnection | undefined
  #bodyRead = false

  constructor(o: {
    request: IncomingMessage
    response: ServerResponse
    descriptors: () => Promise<Descriptors>
    headers: Readonly<Record<string, string>>
    /** Given for upgraded requests: what the parser had read beyond the head. */
    head?: Buffer
  }) {
    this.#request = o.request
    this.#response = o.response
    this.#descriptors = o.descriptors
    this.#headers = o.headers
    this.#raw = o.head === undefined ? undefined : new RawBody(o.request, o.head)
  }

  get taken(): boolean {
    return this.#taken
  }

  async readBody(limit: number): Promise<Buffer> {
    this.#bodyRead = true
    return this.#raw ? this.#raw.read(limit) : readAll(this.#request, limit)
  }

  /** Of requests that are upgrades for the sake of their bodies only. */
  get bulk(): BulkConnection | undefined {
    if (!this.#raw || !isBulk(this.#request)) return undefined
    const [request, response] = [this.#request, this.#response]
    const unread = (): Buffer => this.#unread(request.socket)
    const begin = (): boolean => (this.#taken = true)
    return (this.#bulk ??= new BulkConnection({ request, response, unread, begin }))
  }

  hijack(version: string): Hijack {
    return this.#offer(({ multiplexed, headRead = false, protocol = 'tcp' }) =>
      this.#take({
        multiplexed: multiplexed && since(version, 'multiplexedStream'),
        headRead,
        protocol,
      }),
    )
  }

  /** The same over a WebSocket: what the engine reads and writes are the payloads of its frames. */
  webSocket(version: string): Hijack {
    return this.#offer(({ multiplexed }) => this.#takeWebSocket(version, multiplexed))
  }

  #offer(take: Hijack['take']): Hijack {
    const controller = new AbortController()
    this.#request.socket.once('close', () => {
      if (!this.#taken) controller.abort()
    })
    return {
      signal: controller.signal,
      take: async (o) => {
        if (this.#taken) throw new Error('the connection has been taken already')
        if (this.#request.socket.destroyed) throw new HttpError(499, 'client closed the connection')
        await this.#skipBody()
        return take(o)
      },
    }
  }

  /** SDKs send a body with requests that have none, too; it must not become the process's input. */
  async #skipBody(): Promise<void> {
    if (this.#bodyRead || this.#request.headers['transfer-encoding'] !== undefined) return
    await this.#raw?.read(64 << 10)
  }

  async #take(o: Required<TakeOptions>): Promise<{ fd: number; head: Buffer }> {
    const socket = this.#detach()
    const answer = this.#head(o)
    const kernel = await this.#descriptors()
    return socket instanceof TLSSocket
      ? this.#bridge(socket, answer, kernel)
      : this.#handOver({ socket, answer, kernel, headRead: o.headRead })
  }

  async #takeWebSocket(
    version: string,
    multiplexed: boolean,
  ): Promise<{ fd: number; head: Buffer }> {
    const accepted = acceptWebSocket(this.#request)
    const client = this.#detach()
    const answer = headOf('101 Switching Protocols', { ...accepted, ...this.#headers })
    await flush(client, answer)
    const binary = since(version, 'binaryWebSocket')
    const kernel = await this.#descriptors()
    const head = this.#unread(client)
    const { inner, theirs } = innerPair(client, kernel)
    bridgeWebSocket({ client, inner, head, binary, multiplexed })
    return { fd: theirs, head: Buffer.alloc(0) }
  }

  #detach(): Socket {
    this.#taken = true
    const { socket } = this.#request
    if (!this.#raw) detachParser(socket)
    this.#response.detachSocket(socket)
    return socket
  }

  /** UNIX and plain TCP: the client's own descriptor. */
  async #handOver(o: {
    socket: Socket
    answer: string
    kernel: Descriptors
    headRead: boolean
  }): Promise<{ fd: number; head: Buffer }> {
    const { socket, answer, kernel } = o
    const handle = handleOf(socket)
    socket.pause()
    handle.readStop()
    await flush(socket, answer)
    const fd = kernel.dupFd(handle.fd)
    const head = this.#unread(socket)
    const isUnix = socket.remoteAddress === undefined
    // close(2) without shutdown(2): the duplicate goes on.
    socket.destroy()
    if (o.headRead && isUnix) await answerRead(fd, kernel)
    return { fd, head }
  }

  /** TLS: one end of a pair, pumped both ways; an end of either side is handed on as such. */
  async #bridge(
    socket: Socket,
    answer: string,
    kernel: Descriptors,
  ): Promise<{ fd: number; head: Buffer }> {
    const head = this.#unread(socket)
    await flush(socket, answer)
    const { inner, theirs } = innerPair(socket, kernel)
    const close = (): void => {
      socket.destroy()
      inner.destroy()
    }
    socket.on('error', close)
    inner.on('error', close)
    socket.on('close', () => inner.destroy())
    inner.on('close', () => socket.destroySoon())
    socket.pipe(inner)
    inner.pipe(socket)
    return { fd: theirs, head }
  }

  /** Bytes that Node has read and nobody has used. */
  #unread(socket: Socket): Buffer {
    const chunks = [this.#raw?.rest() ?? Buffer.alloc(0)]
    for (let chunk = read(socket); chunk; chunk = read(socket)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  #head({ multiplexed, protocol }: Required<TakeOptions>): string {
    const upgraded = this.#raw !== undefined
    const type = multiplexed && upgraded ? 'multiplexed-stream' : 'raw-stream'
    return headOf(upgraded ? '101 UPGRADED' : '200 OK', {
      'Content-Type': `application/vnd.docker.${type}`,
      ...(upgraded && { Connection: 'Upgrade', Upgrade: protocol }),
      ...this.#headers,
    })
  }
}

const IMMEDIATE_LOOKS = 10
const LOOKS = 500

/**
 * Waits (about half a second at most) until a client has read its answer. Python's HTTP client reads
 * ahead: output that follows at once would end in a buffer which SDKs that then read from the bare
 * socket (docker-py) do not look into.
 */
async function answerRead(fd: number, kernel: Descriptors): Promise<void> {
  for (let looks = 0; looks < LOOKS && kernel.unreadByPeer(fd) > 0; looks++) {
    await (looks < IMMEDIATE_LOOKS ? nextTurn() : delay(1))
  }
}

/** Made when nothing stands between it and its use: nobody else would close it. */
function innerPair(client: Socket, kernel: Descriptors): { inner: Socket; theirs: number } {
  if (client.destroyed) throw new HttpError(499, 'client closed the connection')
  const [ours, theirs] = kernel.socketPair()
  const inner = new Socket({ fd: ours, readable: true, writable: true, allowHalfOpen: true })
  return { inner, theirs }
}

function headOf(status: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`
}

function read(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null
}

/** Resolves when the kernel has every byte. */
async function flush(socket: Socket, data: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('error', reject)
  socket.write(data, (error) => (error ? reject(error) : resolve()))
  await promise
  socket.removeListener('error', reject)
  // A client that resets between here and close is the engine's to notice.
  socket.on('error', () => {})
}

/**
 * Takes a socket from Node's HTTP parser, which reads from the handle behind the stream's back
 * until somebody listens to the stream: a 'readable' listener makes it let go.
 */
function detachParser(socket: Socket): void {
  socket.removeAllListeners('data')
  socket.removeAllListeners('end')
  socket.on('readable', () => {})
  socket.setTimeout(0)
}

interface Handle {
  readonly fd: number
  readStop(): void
}

function handleOf(socket: Socket): Handle {
  const { _handle: handle } = socket as unknown as { _handle?: Handle | null }
  if (!handle || handle.fd < 0) throw new HttpError(499, 'client closed the connection')
  return handle
}
