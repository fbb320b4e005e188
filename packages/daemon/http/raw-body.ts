/**
 * The body of an upgraded request. Node emits 'upgrade' as soon as the head is parsed and gives the
 * parser away, so what follows (a body by Content-Length or in chunks, then raw bytes) is still in
 * the socket: the body is cut off here, what lies behind it is kept.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { HttpError } from './errors.ts'

export class RawBody {
  readonly #request: IncomingMessage
  #buffer: Buffer

  /** @param head what the parser had read beyond the request's head. */
  constructor(request: IncomingMessage, head: Buffer) {
    this.#request = request
    this.#buffer = head
  }

  /** The whole body; 413 beyond `limit`, 400 when the client ends within it. */
  async read(limit: number): Promise<Buffer> {
    const { headers } = this.#request
    if (headers['transfer-encoding'] !== undefined) return this.#readChunked(limit)
    const length = Number(headers['content-length'] ?? 0)
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new InvalidRequest('bad Content-Length')
    }
    if (length > limit) throw new HttpError(413, 'http: request body too large')
    return this.#take(length)
  }

  /** What is left behind the body. */
  rest(): Buffer {
    const rest = this.#buffer
    this.#buffer = Buffer.alloc(0)
    return rest
  }

  async #readChunked(limit: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    let total = 0
    for (;;) {
      const line = await this.#line()
      if (!/^[0-9a-f]{1,8}(;.*)?$/i.test(line))
        throw new InvalidRequest('malformed chunked encoding')
      const size = parseInt(line, 16)
      total += size
      if (total > limit) throw new HttpError(413, 'http: request body too large')
      if (size === 0) break
      chunks.push(await this.#take(size))
      await this.#line()
    }
    // Trailers, up to the empty line.
    while ((await this.#line()) !== '');
    return Buffer.concat(chunks)
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#buffer.length < length) await this.#more()
    const taken = this.#buffer.subarray(0, length)
    this.#buffer = this.#buffer.subarray(length)
    return taken
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#buffer.subarray(0, end).toString('latin1')
        this.#buffer = this.#buffer.subarray(end + 2)
        return line
      }
      if (this.#buffer.length > 4096) throw new InvalidRequest('malformed chunked encoding')
      await this.#more()
    }
  }

  async #more(): Promise<void> {
    const chunk = await nextChunk(this.#request.socket)
    if (!chunk) throw new InvalidRequest('invalid JSON: unexpected EOF')
    this.#buffer = Buffer.concat([this.#buffer, chunk])
  }
}

/** What the socket has, as soon as it has something; undefined at its end. */
async function nextChunk(socket: Socket): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = socket.read() as Buffer | null
    if (chunk) return chunk
    if (socket.readableEnded || socket.destroyed) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = (): void => resolve()
    for (const event of events) socket.once(event, done)
    await promise
    for (const event of events) socket.removeListener(event, done)
  }
}

const events = ['readable', 'end', 'error', 'close']
