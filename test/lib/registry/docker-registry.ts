/** Debian's docker-registry (distribution 2.8) as a process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Blob, MadeImage, MadeIndex } from '../image-maker.ts'
import { patience } from '../patience.ts'
import type { TokenServer } from './token-server.ts'
import { CREDENTIALS, basic } from './wire.ts'

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  host: string
  /** Pushes an image or index; answers its reference without host, e.g. `app:1`. */
  push(name: string, image: MadeImage | MadeIndex): Promise<string>
}

/** `CREDENTIALS`, hashed. */
const HTPASSWD = 'test:$2b$04$6sfXwbWPmxqM.L0ie1ycC.9JNSq9dFDyiE6q10TP6WJrW3VWCNE4G\n'

export interface DockerRegistryOptions {
  htpasswd?: boolean
  /** Tokens are asked for, and those of this server are taken. */
  tokens?: TokenServer
}

/** Starts /usr/bin/docker-registry on a free loopback port with its storage on tmpfs. */
export async function startRegistry(o: DockerRegistryOptions = {}): Promise<TestRegistry> {
  const directory = await mkdtemp('/dev/shm/tdocker-registry-')
  const port = await freePort()
  await writeFile(join(directory, 'htpasswd'), HTPASSWD)
  if (o.tokens) await writeFile(join(directory, 'tokens.pem'), o.tokens.certificate)
  await writeFile(
    join(directory, 'config.yml'),
    `version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: ${directory}/data\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:${port}\n${authOf(o, directory)}`,
  )
  // It ends with this process, however that ends.
  const command = ['--pdeathsig', 'KILL', '/usr/bin/docker-registry', 'serve']
  const child = spawn('setpriv', [...command, join(directory, 'config.yml')], { stdio: 'ignore' })
  await listening(port, child)
  const host = `127.0.0.1:${port}`
  return {
    host,
    push: (name, image) => push(host, name, image, o),
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

function authOf(o: DockerRegistryOptions, directory: string): string {
  if (o.htpasswd) return `auth:\n  htpasswd:\n    realm: test\n    path: ${directory}/htpasswd\n`
  if (!o.tokens) return ''
  const { realm, service, issuer } = o.tokens
  return `auth:\n  token:\n    realm: ${realm}\n    service: ${service}\n    issuer: ${issuer}\n    rootcertbundle: ${directory}/tokens.pem\n`
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
  o: DockerRegistryOptions,
): Promise<string> {
  const at = name.lastIndexOf(':')
  const [repository, tag] = at === -1 ? [name, 'latest'] : [name.slice(0, at), name.slice(at + 1)]
  const api = `http://${host}/v2/${repository}`
  const headers: Record<string, string> = o.htpasswd ? { authorization: basic(CREDENTIALS) } : {}
  if (o.tokens) {
    const token = o.tokens.issue('test', [{ repository, actions: ['pull', 'push'] }])
    headers['authorization'] = `Bearer ${token}`
  }
  const images = 'index' in image ? image.images : [image]
  for (const each of images) {
    for (const blob of [each.config, ...each.layers]) await pushBlob(api, blob, headers)
    if ('index' in image) await pushManifest(api, each.manifest.digest, each.manifest, headers)
  }
  await pushManifest(api, tag, 'index' in image ? image.index : image.manifest, headers)
  return `${repository}:${tag}`
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
