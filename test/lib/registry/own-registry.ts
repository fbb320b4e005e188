/**
 * A registry in this process: complete by the distribution spec 1.1 (pull, push, referrers) and open to
 * any media type, except where a fault steps in.
 */
import { once } from 'node:events'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Blob, MadeImage, MadeIndex } from '../image-maker.ts'
import { referrersOf } from './referrers.ts'
import { Uploads } from './uploads.ts'
import { refuse, serveBlob } from './wire.ts'

export interface SeenRequest {
  method: string
  path: string
  query: string
  authorization: string | undefined
  range: string | undefined
}

/** Answers a request itself and says true, or leaves it to the registry. */
export type Fault = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => boolean | Promise<boolean>

export interface OwnRegistryOptions {
  tls?: { key: string; cert: string; ca?: string }
  /** As registries before 1.1: clients use tags of the referrers schema. */
  noReferrers?: boolean
}

export class FaultRegistry implements AsyncDisposable {
  readonly blobs: Map<string, Blob> = new Map()
  /** `repository/tag` and `repository/digest`. */
  readonly manifests: Map<string, Blob> = new Map()
  readonly seen: SeenRequest[] = []
  readonly faults: Fault[] = []
  readonly #server: Server
  readonly #uploads: Uploads
  readonly #options: OwnRegistryOptions

  private constructor(o: OwnRegistryOptions) {
    this.#options = o
    this.#uploads = new Uploads(this)
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response)
    this.#server = o.tls
      ? createTlsServer({ ...o.tls, ...(o.tls.ca && { requestCert: true }) }, listener)
      : createServer(listener)
  }

  static async start(o: OwnRegistryOptions = {}): Promise<FaultRegistry> {
    const registry = new FaultRegistry(o)
    registry.#server.listen(0, '127.0.0.1')
    await once(registry.#server, 'listening')
    return registry
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://${this.host}`
  }

  /** `name:tag`; manifests are also served by their digest. */
  add(name: string, image: MadeImage | MadeIndex): void {
    const [repository = '', tag = 'latest'] = name.split(':')
    const images = 'index' in image ? image.images : [image]
    for (const each of images) {
      for (const blob of [each.config, ...each.layers]) this.blobs.set(blob.digest, blob)
      this.addManifest(repository, each.manifest.digest, each.manifest)
    }
    this.addManifest(repository, tag, 'index' in image ? image.index : image.manifest)
  }

  addManifest(repository: string, target: string, manifest: Blob): void {
    this.manifests.set(`${repository}/${target}`, manifest)
    this.manifests.set(`${repository}/${manifest.digest}`, manifest)
  }

  addBlob(blob: Blob): void {
    this.blobs.set(blob.digest, blob)
  }

  /** Paths asked for, of one method. */
  paths(method: string): string[] {
    return this.seen.filter((seen) => seen.method === method).map((seen) => seen.path)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    this.#note(request, url)
    response.on('error', () => {})
    for (const fault of this.faults) if (await fault(request, response, url)) return
    if (url.pathname === '/v2/') return void response.end('{}')
    if (await this.#uploads.serve(request, response, url)) return
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/(.+)$/.exec(url.pathname)
    const [, repository = '', kind, target = ''] = match ?? []
    if (kind === 'tags') return this.#tags(repository, response)
    if (kind === 'referrers') {
      if (this.#options.noReferrers) return void response.writeHead(404).end()
      const of = { subject: target, artifactType: url.searchParams.get('artifactType') ?? '' }
      return referrersOf(response, this.manifestsOf(repository), of)
    }
    const blob =
      kind === 'blobs' ? this.blobs.get(target) : this.manifests.get(`${repository}/${target}`)
    if (!blob) return refuse(response, 404, kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN')
    serveBlob(request, response, blob)
  }

  #note(request: IncomingMessage, url: URL): void {
    this.seen.push({
      method: request.method ?? '',
      path: url.pathname,
      query: url.search,
      authorization: request.headers.authorization,
      range: request.headers.range,
    })
  }

  /** Each once, whatever tags it has. */
  manifestsOf(repository: string): Blob[] {
    return [...this.manifests]
      .filter(([key, manifest]) => key === `${repository}/${manifest.digest}`)
      .map(([, manifest]) => manifest)
  }

  #tags(repository: string, response: ServerResponse): void {
    const prefix = `${repository}/`
    const tags = [...this.manifests.keys()]
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
