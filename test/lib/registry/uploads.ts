import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { digestOf } from '@tdocker/oci'
import { type Blob, blob } from '../image-maker.ts'
import { refuse } from './wire.ts'

interface Contents {
  blobs: Map<string, Blob>
  manifests: Map<string, Blob>
}

/** Everything that changes a registry: upload sessions in all their forms, manifests, deletions. */
export class Uploads {
  readonly #contents: Contents
  readonly #sessions = new Map<string, Buffer[]>()

  constructor(contents: Contents) {
    this.#contents = contents
  }

  /** True when the request was one of these. */
  async serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const { method = '' } = request
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(url.pathname)
    if (upload) {
      await this.#upload(request, response, url, upload[1] ?? '', upload[2] ?? '')
      return true
    }
    const target = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(url.pathname)
    if (!target || !['PUT', 'DELETE'].includes(method)) return false
    const [, repository = '', kind = '', name = ''] = target
    if (method === 'DELETE') this.#delete(response, repository, kind, name)
    else await this.#putManifest(request, response, repository, name)
    return true
  }

  async #upload(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    repository: string,
    session: string,
  ): Promise<void> {
    const digest = url.searchParams.get('digest')
    const chunks = this.#sessions.get(session)
    if (request.method === 'POST') return this.#begin(request, response, url, repository)
    if (!chunks) return refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN')
    const body = await buffer(request)
    const at = length(chunks)
    const range = /^(\d+)-(\d+)$/.exec(request.headers['content-range'] ?? '')
    if (range && Number(range[1]) !== at) return this.#told(response, 416, repository, session)
    if (body.length > 0) chunks.push(body)
    if (request.method === 'PATCH') return this.#told(response, 202, repository, session)
    if (request.method === 'GET') return this.#told(response, 204, repository, session)
    if (request.method === 'DELETE') {
      this.#sessions.delete(session)
      return void response.writeHead(204).end()
    }
    this.#finish(response, repository, session, digest ?? '')
  }

  async #begin(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    repository: string,
  ): Promise<void> {
    const mount = url.searchParams.get('mount')
    if (mount !== null && this.#contents.blobs.has(mount)) {
      return this.#created(response, `/v2/${repository}/blobs/${mount}`, mount)
    }
    const session = randomUUID()
    const digest = url.searchParams.get('digest')
    const body = await buffer(request)
    this.#sessions.set(session, body.length > 0 ? [body] : [])
    if (digest !== null) return this.#finish(response, repository, session, digest)
    this.#told(response, 202, repository, session)
  }

  #finish(response: ServerResponse, repository: string, session: string, digest: string): void {
    const bytes = Buffer.concat(this.#sessions.get(session) ?? [])
    this.#sessions.delete(session)
    const made = blob(bytes, 'application/octet-stream')
    if (made.digest !== digest) return refuse(response, 400, 'DIGEST_INVALID')
    this.#contents.blobs.set(digest, made)
    this.#created(response, `/v2/${repository}/blobs/${digest}`, digest)
  }

  #told(response: ServerResponse, status: number, repository: string, session: string): void {
    const size = length(this.#sessions.get(session) ?? [])
    response.writeHead(status, {
      location: `/v2/${repository}/blobs/uploads/${session}`,
      range: `0-${Math.max(0, size - 1)}`,
      'docker-upload-uuid': session,
      ...(status !== 204 && { 'content-length': 0 }),
    })
    response.end()
  }

  #created(response: ServerResponse, location: string, digest: string): void {
    response.writeHead(201, { location, 'docker-content-digest': digest, 'content-length': 0 })
    response.end()
  }

  async #putManifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    name: string,
  ): Promise<void> {
    const bytes = await buffer(request)
    const made = blob(bytes, request.headers['content-type'] ?? '')
    if (name.includes(':') && name !== digestOf(bytes)) {
      return refuse(response, 400, 'DIGEST_INVALID')
    }
    const missing = this.#missing(repository, bytes)
    if (missing !== undefined) {
      return refuse(response, 404, 'MANIFEST_BLOB_UNKNOWN', { message: `unknown ${missing}` })
    }
    this.#contents.manifests.set(`${repository}/${name}`, made)
    this.#contents.manifests.set(`${repository}/${made.digest}`, made)
    const subject = (JSON.parse(bytes.toString()) as { subject?: { digest: string } }).subject
    if (subject) response.setHeader('oci-subject', subject.digest)
    this.#created(response, `/v2/${repository}/manifests/${made.digest}`, made.digest)
  }

  /** What a manifest names must be there first. */
  #missing(repository: string, bytes: Buffer): string | undefined {
    const body = JSON.parse(bytes.toString()) as {
      config?: { digest: string }
      layers?: Array<{ digest: string; urls?: string[] }>
      manifests?: Array<{ digest: string }>
    }
    const blobs = [body.config, ...(body.layers ?? []).filter((layer) => !layer.urls)]
    const unknown = blobs.find((one) => one && !this.#contents.blobs.has(one.digest))
    const unknownManifest = body.manifests?.find(
      ({ digest }) => !this.#contents.manifests.has(`${repository}/${digest}`),
    )
    return unknown?.digest ?? unknownManifest?.digest
  }

  #delete(response: ServerResponse, repository: string, kind: string, name: string): void {
    const known =
      kind === 'blobs'
        ? this.#contents.blobs.delete(name)
        : this.#contents.manifests.delete(`${repository}/${name}`)
    if (!known) return refuse(response, 404, kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN')
    response.writeHead(202).end()
  }
}

function length(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}
