/** For tests: the API on a UNIX socket of its own, and a plain client for it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { request, type IncomingHttpHeaders, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fakeBackend, type FakeBackend } from './fake-backend.ts'
import type { Descriptors } from './hijack.ts'
import { makeApi } from './server.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

export interface Harness extends AsyncDisposable {
  backend: FakeBackend
  socketPath: string
  /** `body` objects go out as JSON. */
  call(method: string, path: string, o?: CallOptions): Promise<Answer>
  /** A bare connection, for what an HTTP client would not send. */
  connect(): Promise<Socket>
  logged: Array<{ details: object; message: string }>
}

export interface CallOptions {
  body?: unknown
  /** Sent as it is. */
  text?: string
  headers?: Record<string, string>
}

const noDescriptors: Descriptors = {
  dupFd: () => {
    throw new Error('no descriptors in this test')
  },
  unreadByPeer: () => 0,
  socketPair: () => {
    throw new Error('no descriptors in this test')
  },
}

export async function startHarness(descriptors: Descriptors = noDescriptors): Promise<Harness> {
  const directory = mkdtempSync(join(tmpdir(), 'tdocker-http-'))
  const socketPath = join(directory, 'api.sock')
  const backend = fakeBackend()
  const logged: Harness['logged'] = []
  const log = { error: (details: object, message: string) => logged.push({ details, message }) }
  const server = makeApi({
    engine: { ...backend, native: descriptors },
    log,
    version: '0.1.0',
  }).server()
  server.listen(socketPath)
  await once(server, 'listening')
  return {
    backend,
    socketPath,
    logged,
    call: (method, path, o = {}) => call(socketPath, method, path, o),
    connect: async () => {
      const socket = connect({ path: socketPath, allowHalfOpen: true })
      await once(socket, 'connect')
      return socket
    },
    [Symbol.asyncDispose]: async () => {
      await stop(server)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

async function call(
  socketPath: string,
  method: string,
  path: string,
  o: CallOptions,
): Promise<Answer> {
  const sent = o.text ?? (o.body === undefined ? undefined : JSON.stringify(o.body))
  const headers: Record<string, string | number> = { ...o.headers }
  if (o.body !== undefined) headers['Content-Type'] ??= 'application/json'
  if (sent !== undefined) headers['Content-Length'] = Buffer.byteLength(sent)
  const outgoing = request({ socketPath, method, path, headers, agent: false })
  outgoing.end(sent)
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  outgoing.once('error', reject)
  outgoing.once('response', (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (part: string) => (text += part))
    response.once('error', reject)
    response.once('end', () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
    )
  })
  return promise
}

/** Everything a socket brings until its end. */
export async function drain(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

/** Reads from a socket until `text` has come; fails when it ends before. */
export async function readUntil(socket: Socket, text: string): Promise<string> {
  let seen = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    seen += String(chunk)
    if (seen.includes(text)) return seen
  }
  throw new Error(`the connection ended before ${JSON.stringify(text)}: ${JSON.stringify(seen)}`)
}

/** The `message` of an error answer. */
export function messageIn(answer: Answer): string {
  return (JSON.parse(answer.text) as { message: string }).message
}

/** Replaces one verb of the backend until the end of the block. */
export function override<T extends object, K extends keyof T>(
  target: T,
  key: K,
  value: T[K],
): Disposable {
  const before = target[key]
  target[key] = value
  return { [Symbol.dispose]: () => void (target[key] = before) }
}
