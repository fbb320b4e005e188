/**
 * Archives and logs, which may be gigabytes, go between the socket and native code without passing through
 * Node: that is several times quicker. Node lets go of a socket only for upgrades, so requests of this
 * kind are declared upgrades; what they get is an ordinary answer on a connection that then closes.
 *
 * TLS, HTTP/1.0 and compressed answers take the ordinary way.
 */
import { IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import type { SocketBody } from './backend.ts'
import { acceptedEncoding } from './accepted-encoding.ts'
import { HttpError } from './errors.ts'

const DOWNLOAD =
  /^(?:\/v\d+\.\d+)?\/(?:containers\/[^/?]+\/(?:archive|export)|images\/(?:[^?]+\/)?get|build\/outputs\/[^/?]+)(?:\?|$)/
const LOAD = /^(?:\/v\d+\.\d+)?\/images\/load(?:\?|$)/
const UPLOAD = /^(?:\/v\d+\.\d+)?\/containers\/[^/]+\/archive(?:\?|$)/

/** What is compressed for whoever takes it so. */
const ENCODED = /\/archive(?:\?|$)/

/** All of a log that has an end: a few last lines are not worth a connection. */
const LOGS = /^(?:\/v\d+\.\d+)?\/containers\/[^/?]+\/logs\?/
const NOT_ALL = /[?&](?:follow|details|format)=|[?&]tail=(?!all(?:&|$))/

const PATHS = { GET: DOWNLOAD, PUT: UPLOAD, POST: LOAD } as const

export const bulkEncodings = ['gzip', 'deflate'] as const

export function isBulk(request: IncomingMessage): boolean {
  const { method, url = '', headers, socket } = request
  if (method !== 'GET' && method !== 'PUT' && method !== 'POST') return false
  const logs = method === 'GET' && LOGS.test(url) && !NOT_ALL.test(url)
  if (!logs && !PATHS[method].test(url)) return false
  if (request.httpVersion !== '1.1' || socket instanceof TLSSocket) return false
  if (headers.upgrade !== undefined) return false
  // Which may ask for JSON.
  if (logs) return !headers.accept?.includes('json')
  return (
    method !== 'GET' ||
    !ENCODED.test(url) ||
    acceptedEncoding(headers['accept-encoding'] ?? '', bulkEncodings) === undefined
  )
}

/** Node's parser asks `upgrade` when the head is read, with method and path known. */
export class ApiMessage extends IncomingMessage {
  // No field with an initial value: the parent's constructor sets `upgrade` already.
  declare asked: boolean | undefined

  get upgrade(): boolean {
    return this.asked === true || (this.socket !== null && isBulk(this))
  }

  set upgrade(value: boolean) {
    this.asked = value
  }
}

interface Handle {
  readonly fd: number
  reading: boolean
  readStop(): void
}

/** A connection whose parser is gone: nobody reads it but whom its descriptor is lent to. */
export class BulkConnection {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #unread: () => Buffer
  readonly #begin: () => void

  constructor(o: {
    request: IncomingMessage
    response: ServerResponse
    /** Bytes that Node has read behind the request's head. */
    unread: () => Buffer
    /** Called before the answer's first byte. */
    begin: () => void
  }) {
    this.#request = o.request
    this.#response = o.response
    this.#unread = o.unread
    this.#begin = o.begin
  }

  /** The request's body, still in the socket. The descriptor is lent until the answer is sent. */
  async body(): Promise<SocketBody> {
    const { headers, socket } = this.#request
    const length = bodyLength(headers)
    if (headers.expect?.toLowerCase() === '100-continue')
      await write(socket, 'HTTP/1.1 100 Continue\r\n\r\n')
    const fd = this.#stopReading()
    return { fd, head: this.#unread(), ...(length !== undefined && { length }) }
  }

  /** A chunked answer, its chunks written to the descriptor by `work`; a failure breaks it off. */
  async send(
    head: Readonly<Record<string, string>>,
    work: (fd: number) => Promise<void>,
  ): Promise<void> {
    const { socket } = this.#request
    const fd = this.#stopReading()
    const headers = { ...this.#response.getHeaders(), ...head }
    this.#begin()
    this.#response.detachSocket(socket)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`)
    const text = [
      'HTTP/1.1 200 OK',
      ...lines,
      `Date: ${new Date().toUTCString()}`,
      'Transfer-Encoding: chunked',
      'Connection: close',
    ].join('\r\n')
    try {
      await write(socket, `${text}\r\n\r\n`)
      await work(fd)
      socket.destroySoon()
    } catch (error) {
      socket.destroy()
      if (!isGone(error)) throw error
    }
  }

  #stopReading(): number {
    const { socket } = this.#request
    const { _handle: handle } = socket as unknown as { _handle?: Handle | null }
    if (!handle || handle.fd < 0) throw new HttpError(499, 'client closed the connection')
    socket.pause()
    // `reading` stays true, so that taking what is buffered does not start it again.
    handle.readStop()
    return handle.fd
  }
}

/** undefined for a chunked body. */
function bodyLength(headers: IncomingMessage['headers']): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined
  const length = Number(headers['content-length'] ?? 0)
  if (!Number.isSafeInteger(length) || length < 0) throw new InvalidRequest('bad Content-Length')
  return length
}

const LINGER_MS = 1000

/** A client that is still sending when its answer comes must get to read it: no reset before that. */
export function linger(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { _handle?: Handle | null }
  if (!handle || socket.destroyed) return
  handle.reading = false
  socket.end()
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('end', () => socket.destroy())
  socket.once('close', () => clearTimeout(timer))
}

async function write(socket: Socket, text: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.write(text, (error) => (error ? reject(error) : resolve()))
  await promise
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EPIPE' || code === 'ECONNRESET'
}
