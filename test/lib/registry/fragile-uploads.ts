/** Uploads over a bad line: connections break within bodies, and what came is kept, or is not. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { digestOf } from '@tdocker/oci'
import { blob } from '../image-maker.ts'
import type { Fault, FaultRegistry } from './own-registry.ts'
import { refuse } from './wire.ts'

export interface FragileOptions {
  /** Bytes of a body that come through before the connection breaks. */
  bytes: number
  /** How many bodies break; default all. */
  times?: number
  /** What a session has is told and goes on; default true. */
  resumes?: boolean
  /** Answers PUTs with a body by this status. */
  refuseWhole?: number
}

/** Takes over all upload sessions of the registry; what is whole lands in `registry.blobs`. */
export class FragileUploads {
  readonly sessions: Map<string, Buffer[]> = new Map()
  /** Bytes of bodies that were received, all in all. */
  received = 0
  readonly #registry: FaultRegistry
  readonly #o: FragileOptions
  #broken = 0

  constructor(registry: FaultRegistry, o: FragileOptions) {
    this.#registry = registry
    this.#o = o
    registry.faults.push(this.fault)
  }

  readonly fault: Fault = async (request, response, url) => {
    const match = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(url.pathname)
    if (!match) return false
    const [, repository = '', id = ''] = match
    if (request.method === 'POST') this.#begin(response, repository)
    else await this.#serve(request, response, url, { repository, id })
    return true
  }

  #begin(response: ServerResponse, repository: string): void {
    const id = randomUUID()
    this.sessions.set(id, [])
    this.#told(response, 202, { repository, id })
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    at: { repository: string; id: string },
  ): Promise<void> {
    const parts = this.sessions.get(at.id)
    if (!parts) return refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN')
    if (request.method === 'GET') {
      return this.#o.resumes === false
        ? refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN')
        : this.#told(response, 204, at)
    }
    if (request.method === 'DELETE') {
      this.sessions.delete(at.id)
      return void response.writeHead(204).end()
    }
    const { refuseWhole } = this.#o
    const length = Number(request.headers['content-length'] ?? 0)
    if (request.method === 'PUT' && length > 0 && refuseWhole !== undefined) {
      request.resume()
      return refuse(response, refuseWhole, 'UNSUPPORTED')
    }
    if (!(await this.#receive(request, parts))) return
    if (request.method === 'PATCH') return this.#told(response, 202, at)
    this.#finish(response, url.searchParams.get('digest') ?? '', parts)
  }

  /** False when the line broke. */
  async #receive(request: IncomingMessage, parts: Buffer[]): Promise<boolean> {
    let left = this.#broken < (this.#o.times ?? Infinity) ? this.#o.bytes : Infinity
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        const part = chunk.subarray(0, Math.min(chunk.length, left))
        parts.push(Buffer.from(part))
        this.received += part.length
        left -= part.length
        if (left > 0) continue
        this.#broken++
        request.socket.destroy()
        return false
      }
    } catch {
      return false
    }
    return true
  }

  #told(
    response: ServerResponse,
    status: number,
    { repository, id }: { repository: string; id: string },
  ): void {
    const size = Buffer.concat(this.sessions.get(id) ?? []).length
    const location = `/v2/${repository}/blobs/uploads/${id}?_state=a%2Bb%3D`
    response.writeHead(status, { location, range: `0-${Math.max(0, size - 1)}` }).end()
  }

  #finish(response: ServerResponse, digest: string, parts: readonly Buffer[]): void {
    const bytes = Buffer.concat(parts)
    if (digestOf(bytes) !== digest) return refuse(response, 400, 'DIGEST_INVALID')
    this.#registry.addBlob(blob(bytes, 'application/octet-stream'))
    response.writeHead(201, { 'docker-content-digest': digest }).end()
  }
}
