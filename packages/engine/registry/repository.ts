/** One repository on one endpoint, as the distribution spec serves it. */
import {
  type Descriptor,
  MANIFEST_ACCEPT,
  digestAlgorithm,
  digestOf,
  isDigest,
  parseDigest,
} from '@tdocker/oci'
import { type Authorizer, responseError } from './authorizer.ts'
import { readBody } from './read-body.ts'
import { UnexpectedResponse, isTransient, retryDelay } from './registry-error.ts'
import type { Endpoint } from './registry-config.ts'
import {
  type Method,
  type RequestBody,
  type Response,
  type Transport,
  discard,
} from './transport.ts'
import { setTimeout as delay } from 'node:timers/promises'

export const MAX_MANIFEST: number = 4 * 1024 * 1024
export const MAX_CONFIG: number = 8 * 1024 * 1024
const MAX_TAGS_PAGE = 8 * 1024 * 1024
const MAX_TAGS = 100_000
const MAX_ERROR = 256 * 1024
const ATTEMPTS = 4

export interface FetchedManifest {
  /** Exactly as received. */
  bytes: Buffer
  digest: string
  mediaType: string
}

export interface OpenBlob {
  response: Response
  /** Offset of the first byte: what was asked for, or 0 where the server knows no ranges. */
  start: number
}

export class Repository {
  readonly #endpoint: Endpoint
  readonly #path: string
  readonly #transport: Transport
  readonly #authorizer: Authorizer
  readonly #local: boolean
  readonly #backoffMs: number
  readonly #scope: string
  /** The endpoint answered in its own protocol, so an error is no reason to try it without TLS. */
  answered = false

  constructor(o: {
    endpoint: Endpoint
    path: string
    transport: Transport
    authorizer: Authorizer
    local: boolean
    backoffMs: number
    /** What tokens are asked for. */
    actions?: 'pull' | 'pull,push'
  }) {
    this.#endpoint = o.endpoint
    this.#path = o.path
    this.#transport = o.transport
    this.#authorizer = o.authorizer
    this.#local = o.local
    this.#backoffMs = o.backoffMs
    this.#scope = scopeOf(o.path, o.actions ?? 'pull')
  }

  /** What a tag or digest names; undefined when the server does not say it without a body. */
  async headManifest(target: string, signal: AbortSignal): Promise<Descriptor | undefined> {
    const response = await this.#send('HEAD', `manifests/${target}`, signal, manifestHeaders())
    discard(response.body)
    const digest = headerOf(response, 'docker-content-digest')
    const size = Number(headerOf(response, 'content-length') || NaN)
    if (response.status !== 200 || !isDigest(digest) || !Number.isSafeInteger(size))
      return undefined
    return { digest, size, mediaType: headerOf(response, 'content-type').split(';')[0] ?? '' }
  }

  /** Verified by `target` when that is a digest, else by Docker-Content-Digest. Throws RegistryError MANIFEST_UNKNOWN and its kin. */
  async getManifest(target: string, signal: AbortSignal): Promise<FetchedManifest> {
    const response = await this.retry(signal, () =>
      this.#get(`manifests/${target}`, signal, manifestHeaders()),
    )
    const bytes = await readBody(response, MAX_MANIFEST)
    const told = headerOf(response, 'docker-content-digest')
    const wanted = isDigest(target) ? target : isDigest(told) ? told : undefined
    const digest = digestOf(bytes, wanted === undefined ? 'sha256' : digestAlgorithm(wanted))
    if (wanted !== undefined && wanted !== digest) {
      throw new UnexpectedResponse(`manifest verification failed for digest ${wanted}`, 0)
    }
    const mediaType = headerOf(response, 'content-type')
    if (/^text\/html\b/i.test(mediaType)) {
      // Some portal or proxy on the way, not the registry.
      throw new UnexpectedResponse(
        'unsupported manifest media type and no default available: text/html',
        0,
      )
    }
    return { bytes, digest, mediaType }
  }

  /** A small blob, whole and verified. */
  async getBlob(descriptor: Descriptor, max: number, signal: AbortSignal): Promise<Buffer> {
    if (descriptor.size > max) {
      throw new UnexpectedResponse(`blob ${descriptor.digest} is larger than ${max} bytes`, 0)
    }
    const path = `blobs/${parseDigest(descriptor.digest)}`
    return this.retry(signal, async () => {
      const bytes = await readBody(await this.#get(path, signal, {}), descriptor.size)
      if (digestOf(bytes, digestAlgorithm(descriptor.digest)) !== descriptor.digest) {
        throw new UnexpectedResponse(
          `image config verification failed for digest ${descriptor.digest}`,
          0,
        )
      }
      return bytes
    })
  }

  /** Opens a blob's body at `offset`. The caller reads or destroys it. */
  async openBlob(digest: string, offset: number, signal: AbortSignal): Promise<OpenBlob> {
    const range = offset > 0 ? { range: `bytes=${offset}-` } : undefined
    const response = await this.#send('GET', `blobs/${parseDigest(digest)}`, signal, range ?? {})
    if (response.status === 200) return { response, start: 0 }
    if (response.status === 206 && range) {
      const start = /^bytes (\d+)-/.exec(headerOf(response, 'content-range'))?.[1]
      if (Number(start) === offset) return { response, start: offset }
      response.body.destroy()
      return this.openBlob(digest, 0, signal)
    }
    if (response.status === 416 && range) {
      discard(response.body)
      return this.openBlob(digest, 0, signal)
    }
    throw await failure(response)
  }

  /** All tags, over all pages. */
  async tags(signal: AbortSignal): Promise<string[]> {
    const tags: string[] = []
    let path: string | URL = 'tags/list'
    while (tags.length < MAX_TAGS) {
      const response: Response = await this.#get(path, signal, {})
      const body = await readBody(response, MAX_TAGS_PAGE)
      tags.push(...tagsIn(body))
      const next = nextPage(response)
      if (next === undefined) return tags
      path = next
    }
    return tags
  }

  async #get(
    path: string | URL,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const response = await this.#send('GET', path, signal, headers)
    if (response.status === 200) return response
    throw await failure(response)
  }

  #send(
    method: 'GET' | 'HEAD',
    path: string | URL,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    return this.request({ method, path, signal, headers })
  }

  /**
   * Sends, and once more when a challenge can be answered. `path` is below the repository, or a URL
   * that the registry named: one of another origin never sees credentials. Any status is an answer.
   */
  async request(o: {
    method: Method
    path: string | URL
    signal: AbortSignal
    headers?: Readonly<Record<string, string>>
    body?: RequestBody
    answerTimeoutMs?: number
    /** Another repository that is read from as well. */
    from?: string
  }): Promise<Response> {
    const { base, insecure } = this.#endpoint
    const { method, path, signal, headers } = o
    const url = path instanceof URL ? path : new URL(`v2/${this.#path}/${path}`, base)
    if (base.protocol === 'https:' && url.protocol === 'http:') {
      throw new UnexpectedResponse(`refusing to go from https to ${url.origin}`, 0)
    }
    // The host could not be reached at all: Docker names the ping that it sends first.
    const named = this.answered ? undefined : { named: new URL('v2/', base).href }
    const scope = o.from === undefined ? this.#scope : `${this.#scope} ${scopeOf(o.from, 'pull')}`
    const once = async (authorization: string | undefined): Promise<Response> => {
      const response = await this.#transport.send({
        method,
        url,
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
        ...(o.body !== undefined && { body: o.body }),
        ...(o.answerTimeoutMs !== undefined && { answerTimeoutMs: o.answerTimeoutMs }),
        insecure,
        local: this.#local,
        signal,
        ...named,
      })
      this.answered = true
      return response
    }
    if (url.origin !== base.origin) return once(undefined)
    const sent = await this.#authorizer.header(scope, { signal, method, url: url.href })
    const response = await once(sent)
    if (response.status !== 401) return response
    const asked = { scope, sent, signal, method, url: url.href }
    const header = await this.#authorizer.challenged(response, asked)
    if (header === undefined) return response
    discard(response.body)
    return once(header)
  }

  /** `GET /v2/`: whether it is a registry at all, and its challenge, before any body is sent. */
  async ping(signal: AbortSignal): Promise<void> {
    const { base, insecure } = this.#endpoint
    const url = new URL('v2/', base)
    const asked = { method: 'GET', url, headers: {}, signal } as const
    const response = await this.#transport.send({ ...asked, insecure, local: this.#local })
    this.answered = true
    if (response.status === 401) this.#authorizer.learn(response)
    discard(response.body)
  }

  /** Tries again, with growing waits, what another time may do. */
  async retry<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await attempt()
      } catch (error) {
        if (tried === ATTEMPTS || !this.answered || !isTransient(error)) throw error
        await delay(retryDelay(error, tried, this.#backoffMs), undefined, { signal })
      }
    }
  }
}

function scopeOf(path: string, actions: string): string {
  return `repository:${path}:${actions}`
}

function manifestHeaders(): Record<string, string> {
  return { accept: MANIFEST_ACCEPT.join(', ') }
}

/** The error of a response that is none of those expected; reads its body. */
export async function failure(response: Response): Promise<Error> {
  return responseError(response, await readBody(response, MAX_ERROR))
}

export function headerOf(response: Response, name: string): string {
  const value = response.headers[name]
  return typeof value === 'string' ? value : (value?.[0] ?? '')
}

function tagsIn(body: Buffer): string[] {
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch {
    throw new UnexpectedResponse('error parsing tags list', 0)
  }
  const tags = (value as { tags?: unknown } | null)?.tags
  if (!Array.isArray(tags)) return []
  return tags.filter((tag) => typeof tag === 'string')
}

/** RFC 8288 `Link: <…>; rel="next"`, only on the same origin: it is asked with our credentials. */
export function nextPage(response: Response): URL | undefined {
  const target = /<([^>]*)>/.exec(headerOf(response, 'link'))?.[1]
  if (target === undefined) return undefined
  const next = new URL(target, response.url)
  return next.origin === response.url.origin ? next : undefined
}
