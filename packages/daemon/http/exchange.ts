/** One request and its answer, as the route handlers see them. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import type { Query } from '@tdocker/api/query.ts'
import { since, type Gate } from '@tdocker/api/versions.ts'
import type { Static, TSchema } from 'typebox'
import type { Hijack } from './backend.ts'
import type { BulkConnection } from './bulk.ts'
import { announcesBody } from './announces-body.ts'
import { checkContentType, maxJsonBody } from './body.ts'
import { HttpError } from './errors.ts'
import { decodeBody } from './decode.ts'
import type { Connection } from './hijack.ts'

export interface ExchangeOptions {
  request: IncomingMessage
  response: ServerResponse
  /** Negotiated API version. */
  version: string
  params: Readonly<Record<string, string>>
  query: Query
  connection: Connection
}

export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly version: string
  readonly query: Query
  readonly #params: Readonly<Record<string, string>>
  readonly #connection: Connection
  #signal: AbortSignal | undefined

  constructor(o: ExchangeOptions) {
    this.request = o.request
    this.response = o.response
    this.version = o.version
    this.query = o.query
    this.#params = o.params
    this.#connection = o.connection
  }

  /** A part of the path, decoded. */
  param(name: string): string {
    return this.#params[name] ?? ''
  }

  since(gate: Gate): boolean {
    return since(this.version, gate)
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value[0] : value
  }

  /** Aborted when the client is gone, or has ended its side while a stream is being sent to it. */
  get signal(): AbortSignal {
    return (this.#signal ??= abortOnClose(this.request, this.response))
  }

  /** The JSON body; undefined when it is empty or null. Throws 400 with moby's sentences. */
  async body<S extends TSchema>(schema: Lazy<S>): Promise<Static<S> | undefined> {
    const hasBody = announcesBody(this.request)
    checkContentType(this.header('content-type'), hasBody)
    if (!hasBody) return undefined
    if (Number(this.header('content-length')) > maxJsonBody) {
      throw new HttpError(413, 'http: request body too large')
    }
    const text = (await this.#connection.readBody(maxJsonBody)).toString('utf8')
    return decodeBody(await schema(), text)
  }

  /** As `body`, for operations that cannot do without. */
  async requiredBody<S extends TSchema>(schema: Lazy<S>): Promise<Static<S>> {
    const hasBody = announcesBody(this.request)
    if (!hasBody) checkContentType(this.header('content-type'), hasBody)
    const body = hasBody ? await this.body(schema).catch(inWordsOfCreate) : undefined
    if (body !== undefined) return body
    throw new InvalidRequest(
      hasBody ? 'config cannot be empty in order to create a container' : 'invalid JSON: EOF',
    )
  }

  /** The raw body, for archives. */
  get stream(): Readable {
    return this.request
  }

  json(status: number, value: unknown): void {
    const text = `${stringify(value)}\n`
    this.response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
    })
    this.response.end(this.request.method === 'HEAD' ? undefined : text)
  }

  empty(status: number): void {
    this.response.writeHead(status, status === 200 ? { 'Content-Length': 0 } : undefined).end()
  }

  /** Sends the head of a streamed answer now, before there is anything to say. */
  open(contentType: string): void {
    this.response.writeHead(200, { 'Content-Type': contentType })
    this.response.flushHeaders()
  }

  /** Waits while the client is slow; false when it is gone. */
  async write(data: string | Uint8Array): Promise<boolean> {
    if (this.signal.aborted || this.response.destroyed) return false
    if (this.response.write(data)) return true
    await drained(this.response, this.signal)
    return !this.signal.aborted
  }

  /** Waits until the kernel has taken all of it; false when the client is gone. */
  async deliver(data: string | Uint8Array): Promise<boolean> {
    const { signal, response } = this
    if (signal.aborted || response.destroyed) return false
    const { promise, resolve } = Promise.withResolvers<void>()
    const taken = (): void => resolve()
    signal.addEventListener('abort', taken, { once: true })
    response.write(data, taken)
    await promise
    signal.removeEventListener('abort', taken)
    return !signal.aborted
  }

  end(): void {
    this.response.end()
  }

  /** True once a byte of the answer is on its way: errors then have to be told in-band. */
  get begun(): boolean {
    return this.response.headersSent || this.#connection.taken
  }

  /** Where the body goes straight to or from the socket; `stream` is of no use then. */
  get bulk(): BulkConnection | undefined {
    return this.#connection.bulk
  }

  get hijack(): Hijack {
    return this.#connection.hijack(this.version)
  }

  get webSocket(): Hijack {
    return this.#connection.webSocket(this.version)
  }
}

/** Schemas are loaded when the first body of their kind comes: they cost 100 ms of start time. */
export type Lazy<S> = () => Promise<S> | S

declare global {
  interface JSON {
    /** Text that `stringify` takes over as it is. */
    rawJSON(text: string): unknown
  }
}

/** JSON with bigints as exact numbers. */
export function stringify(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    // Only when needed: a replacer makes large answers several times slower.
    return JSON.stringify(value, (_key, field: unknown) =>
      typeof field === 'bigint' ? JSON.rawJSON(field.toString()) : field,
    )
  }
}

function abortOnClose(request: IncomingMessage, response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  const { socket } = request
  if (socket.destroyed || socket.readableEnded) abort()
  socket.once('end', abort)
  response.once('close', () => {
    socket.removeListener('end', abort)
    // After a whole answer nobody waits any more either.
    abort()
  })
  return controller.signal
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const go = (): void => resolve()
  response.once('drain', go)
  signal.addEventListener('abort', go, { once: true })
  await promise
  // A stream may last for days, and its client be slow as often as there is something to say.
  response.removeListener('drain', go)
  signal.removeEventListener('abort', go)
}

/** The one operation that cannot do without its body has another sentence for an empty one. */
function inWordsOfCreate(error: unknown): never {
  if (error instanceof InvalidRequest && error.message.startsWith('invalid JSON: got EOF'))
    throw new InvalidRequest('invalid JSON: EOF')
  throw error
}
