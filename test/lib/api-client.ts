import http from 'node:http'
import net from 'node:net'

export interface ApiAnswer<Body = unknown> {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
  body: Body
}

/** Speaks the Engine API to a UNIX socket, as any SDK does. */
export class ApiClient {
  readonly socketPath: string
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 })

  constructor(socketPath: string) {
    this.socketPath = socketPath
  }

  /** A JSON body, or bytes with a content type of their own. */
  request<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers: http.OutgoingHttpHeaders = {},
  ): Promise<ApiAnswer<Body>> {
    return new Promise((resolve, reject) => {
      const payload =
        body === undefined ? undefined : Buffer.isBuffer(body) ? body : JSON.stringify(body)
      const request = http.request(
        {
          socketPath: this.socketPath,
          agent: this.#agent,
          method,
          path,
          headers: {
            ...(payload === undefined
              ? { 'Content-Length': 0 }
              : {
                  'Content-Type': 'application/json',
                  'Content-Length': Buffer.byteLength(payload),
                }),
            ...headers,
          },
        },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(parts).toString()
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              body: parseOr(text) as Body,
            })
          })
        },
      )
      request.on('error', reject)
      request.end(payload)
    })
  }

  get<Body = unknown>(path: string): Promise<ApiAnswer<Body>> {
    return this.request<Body>('GET', path)
  }

  post<Body = unknown>(path: string, body?: unknown): Promise<ApiAnswer<Body>> {
    return this.request<Body>('POST', path, body)
  }

  delete<Body = unknown>(path: string): Promise<ApiAnswer<Body>> {
    return this.request<Body>('DELETE', path)
  }

  /** Begins a request whose answer streams (logs, events, wait). */
  stream(method: string, path: string): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        { socketPath: this.socketPath, method, path, agent: false },
        resolve,
      )
      request.on('error', reject)
      request.end()
    })
  }

  /** A hijacked connection: attach, or exec start with its body. */
  upgrade(
    path: string,
    body?: unknown,
  ): Promise<{ socket: net.Socket; headers: http.IncomingHttpHeaders; head: Buffer }> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? '' : JSON.stringify(body)
      const request = http.request({
        socketPath: this.socketPath,
        method: 'POST',
        path,
        agent: false,
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'tcp',
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(payload),
        },
      })
      request.on('upgrade', (response, socket, head) =>
        resolve({ socket: socket as net.Socket, headers: response.headers, head }),
      )
      request.on('response', (response) => {
        response.on('data', (part: Buffer) =>
          reject(new Error(`${response.statusCode}: ${part.toString()}`)),
        )
        response.on('end', () => reject(new Error(`not upgraded: ${response.statusCode}`)))
      })
      request.on('error', reject)
      request.end(payload)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
