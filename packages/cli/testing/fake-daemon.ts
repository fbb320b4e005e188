import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'

export interface Answer {
  readonly status?: number
  /** Sent as JSON. Of a promise the head goes out at once and the body when it is there. */
  readonly body?: unknown
  /** Sent as it is, in place of `body`. */
  readonly raw?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** One request as it came: `POST /containers/create?name=x`, without the version. */
export interface Seen {
  readonly line: string
  readonly body: string
  readonly bytes: Buffer
  readonly headers: IncomingHttpHeaders
}

/** What a test wants the daemon to say; `undefined` is 404. */
export type Handler = (seen: Seen) => Answer | undefined | Promise<Answer | undefined>

/** Plays the process behind an attached connection; the connection is open both ways. */
export type Process = (socket: Socket, seen: Seen) => void | Promise<void>

/** An API server on a UNIX socket that plays the daemon's part of a scene. */
export class FakeDaemon implements AsyncDisposable {
  readonly seen: Seen[] = []
  readonly host: string
  private readonly directory: string
  private readonly server: Server
  private readonly sockets = new Set<Socket>()

  private constructor(handler: Handler, process: Process) {
    this.directory = mkdtempSync(join(tmpdir(), 'tdocker-cli-'))
    this.host = `unix://${join(this.directory, 's')}`
    this.server = createServer((request, response) => {
      void (async () => {
        const seen = await this.note(request, await buffer(request))
        const ping = seen.line.endsWith('/_ping')
        const answer = ping
          ? {}
          : ((await handler(seen)) ?? { status: 404, body: { message: 'No such thing' } })
        const head = { 'Api-Version': '1.50', Ostype: 'linux', ...answer.headers }
        response.writeHead(answer.status ?? 200, head)
        response.flushHeaders()
        const body = await answer.body
        response.end(answer.raw ?? (body === undefined ? undefined : JSON.stringify(body)))
      })()
    })
    this.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
      socket.on('error', () => {})
    })
    this.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void this.hijack(request, socket, head, process)
    })
  }

  static async start(handler: Handler, process: Process = () => {}): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(handler, process)
    await new Promise<void>((resolve) => {
      daemon.server.listen(daemon.host.slice('unix://'.length), resolve)
    })
    return daemon
  }

  /** Lines of all requests but pings, in order. */
  get lines(): string[] {
    return this.seen.map(({ line }) => line).filter((line) => !line.endsWith('/_ping'))
  }

  private async note(request: IncomingMessage, bytes: Buffer): Promise<Seen> {
    const line = `${request.method} ${(request.url ?? '').replace(/^\/v[\d.]+/, '')}`
    const seen = { line, body: bytes.toString(), bytes, headers: request.headers }
    this.seen.push(seen)
    return seen
  }

  /** The JSON body of an exec's start follows the head as raw bytes: it is taken off first. */
  private async hijack(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    process: Process,
  ): Promise<void> {
    const length = Number(request.headers['content-length'] ?? 0)
    let bytes = head
    while (bytes.length < length) bytes = Buffer.concat([bytes, await nextChunk(socket)])
    const seen = await this.note(request, bytes.subarray(0, length))
    if (bytes.length > length) socket.unshift(bytes.subarray(length))
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
    await process(socket, seen)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
    rmSync(this.directory, { recursive: true })
  }
}

function nextChunk(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => {
      socket.pause()
      resolve(chunk)
    })
    socket.resume()
  })
}

/** A frame of a multiplexed stream. */
export function frame(stream: 1 | 2 | 3, content: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(content), 4)
  return Buffer.concat([header, Buffer.from(content)])
}
