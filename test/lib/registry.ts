/** Registries for tests: Debian's docker-registry as a process, and one of our own that misbehaves. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Blob, MadeImage, MadeIndex } from './image-maker.ts'
import { patience } from './patience.ts'

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  host: string
  /** Pushes an image or index; answers its reference without host, e.g. `app:1`. */
  push(name: string, image: MadeImage | MadeIndex): Promise<string>
}

/** User `test`, password `secret`. */
const HTPASSWD = 'test:$2b$04$6sfXwbWPmxqM.L0ie1ycC.9JNSq9dFDyiE6q10TP6WJrW3VWCNE4G\n'
export const CREDENTIALS = { username: 'test', password: 'secret' }

/** Starts /usr/bin/docker-registry on a free loopback port with its storage on tmpfs. */
export async function startRegistry(o: { htpasswd?: boolean } = {}): Promise<TestRegistry> {
  const directory = await mkdtemp('/dev/shm/tdocker-registry-')
  const port = await freePort()
  const auth = o.htpasswd
    ? `auth:\n  htpasswd:\n    realm: test\n    path: ${join(directory, 'htpasswd')}\n`
    : ''
  await writeFile(join(directory, 'htpasswd'), HTPASSWD)
  await writeFile(
    join(directory, 'config.yml'),
    `version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: ${directory}/data\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:${port}\n${auth}`,
  )
  // It ends with this process, however that ends.
  const command = ['--pdeathsig', 'KILL', '/usr/bin/docker-registry', 'serve']
  const child = spawn('setpriv', [...command, join(directory, 'config.yml')], { stdio: 'ignore' })
  await listening(port, child)
  const host = `127.0.0.1:${port}`
  return {
    host,
    push: (name, image) => push(host, name, image, o.htpasswd === true),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) {
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
      }
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 15_000 * patience
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const open = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (open) return
    await delay(30)
  }
  throw new Error('docker-registry does not listen')
}

async function push(
  host: string,
  name: string,
  image: MadeImage | MadeIndex,
  authorize: boolean,
): Promise<string> {
  const at = name.lastIndexOf(':')
  const [repository, tag] = at === -1 ? [name, 'latest'] : [name.slice(0, at), name.slice(at + 1)]
  const api = `http://${host}/v2/${repository}`
  const headers: Record<string, string> = authorize ? { authorization: basic(CREDENTIALS) } : {}
  const images = 'index' in image ? image.images : [image]
  for (const each of images) {
    for (const blob of [each.config, ...each.layers]) await pushBlob(api, blob, headers)
    if ('index' in image) await pushManifest(api, each.manifest.digest, each.manifest, headers)
  }
  await pushManifest(api, tag, 'index' in image ? image.index : image.manifest, headers)
  return `${repository}:${tag}`
}

export function basic(o: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${o.username}:${o.password}`).toString('base64')}`
}

async function pushBlob(api: string, blob: Blob, headers: Record<string, string>): Promise<void> {
  const there = await fetch(`${api}/blobs/${blob.digest}`, { method: 'HEAD', headers })
  if (there.ok) return
  const session = await fetch(`${api}/blobs/uploads/`, { method: 'POST', headers })
  await session.body?.cancel()
  const location = new URL(session.headers.get('location') ?? '', api)
  location.searchParams.set('digest', blob.digest)
  const put = await fetch(location, {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/octet-stream' },
    body: new Uint8Array(blob.bytes),
  })
  if (put.status !== 201) throw new Error(`blob push: ${put.status} ${await put.text()}`)
  await put.body?.cancel()
}

async function pushManifest(
  api: string,
  target: string,
  manifest: Blob,
  headers: Record<string, string>,
): Promise<void> {
  const put = await fetch(`${api}/manifests/${target}`, {
    method: 'PUT',
    headers: { ...headers, 'content-type': manifest.mediaType },
    body: new Uint8Array(manifest.bytes),
  })
  if (put.status !== 201) throw new Error(`manifest push: ${put.status} ${await put.text()}`)
  await put.body?.cancel()
}

export interface SeenRequest {
  method: string
  path: string
  authorization: string | undefined
  range: string | undefined
}

/** Answers a request itself and says true, or leaves it to the registry. */
export type Fault = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => boolean | Promise<boolean>

/** A small registry in this process: serves what it is given, except where a fault steps in. */
export class FaultRegistry implements AsyncDisposable {
  readonly #blobs = new Map<string, Blob>()
  readonly #manifests = new Map<string, Blob>()
  readonly #server: Server
  readonly seen: SeenRequest[] = []
  readonly faults: Fault[] = []

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(): Promise<FaultRegistry> {
    const registry = new FaultRegistry()
    registry.#server.listen(0, '127.0.0.1')
    await once(registry.#server, 'listening')
    return registry
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** `name:tag`; manifests are also served by their digest. */
  add(name: string, image: MadeImage | MadeIndex): void {
    const [repository = '', tag = 'latest'] = name.split(':')
    const images = 'index' in image ? image.images : [image]
    for (const each of images) {
      for (const blob of [each.config, ...each.layers]) this.#blobs.set(blob.digest, blob)
      this.addManifest(repository, each.manifest.digest, each.manifest)
    }
    this.addManifest(repository, tag, 'index' in image ? image.index : image.manifest)
  }

  addManifest(repository: string, target: string, manifest: Blob): void {
    this.#manifests.set(`${repository}/${target}`, manifest)
    this.#manifests.set(`${repository}/${manifest.digest}`, manifest)
  }

  addBlob(blob: Blob): void {
    this.#blobs.set(blob.digest, blob)
  }

  /** Paths asked for, of one method. */
  paths(method: string): string[] {
    return this.seen.filter((seen) => seen.method === method).map((seen) => seen.path)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${this.host}`)
    this.seen.push({
      method: request.method ?? '',
      path: url.pathname,
      authorization: request.headers.authorization,
      range: request.headers.range,
    })
    for (const fault of this.faults) if (await fault(request, response, url)) return
    if (url.pathname === '/v2/') return void response.end('{}')
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.+)$/.exec(url.pathname)
    const [, repository = '', kind, target = ''] = match ?? []
    if (kind === 'tags') return this.#tags(repository, response)
    const blob =
      kind === 'blobs' ? this.#blobs.get(target) : this.#manifests.get(`${repository}/${target}`)
    if (!blob) return refuse(response, 404, kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN')
    serveBlob(request, response, blob)
  }

  #tags(repository: string, response: ServerResponse): void {
    const prefix = `${repository}/`
    const tags = [...this.#manifests.keys()]
      .filter((key) => key.startsWith(prefix) && !key.includes('sha256:'))
      .map((key) => key.slice(prefix.length))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name: repository, tags }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export function serveBlob(request: IncomingMessage, response: ServerResponse, blob: Blob): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const body = blob.bytes.subarray(start)
  response.writeHead(start > 0 ? 206 : 200, {
    'content-type': blob.mediaType,
    'content-length': body.length,
    'docker-content-digest': blob.digest,
    ...(start > 0 && {
      'content-range': `bytes ${start}-${blob.size - 1}/${blob.size}`,
    }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** A distribution error body. */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  o: { message?: string; headers?: Record<string, string> } = {},
): void {
  const message = o.message ?? code.toLowerCase().replaceAll('_', ' ')
  response.writeHead(status, { 'content-type': 'application/json', ...o.headers })
  response.end(JSON.stringify({ errors: [{ code, message }] }))
}

/** Asks for a bearer token of `realm` on every request that does not carry `token`. */
export function demandToken(o: { realm: string; token: () => string; scope?: string }): Fault {
  return (request, response) => {
    if (request.headers.authorization === `Bearer ${o.token()}`) return false
    const scope = o.scope === undefined ? '' : `,scope="${o.scope}"`
    refuse(response, 401, 'UNAUTHORIZED', {
      message: 'authentication required',
      headers: {
        'www-authenticate': `Bearer realm="${o.realm}",service="registry.test"${scope}`,
      },
    })
    return true
  }
}
