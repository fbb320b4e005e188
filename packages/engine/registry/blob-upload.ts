/**
 * Uploads of blobs (distribution-spec, "Pushing blobs"): a session by POST, then one PUT with the
 * whole body. What broke off goes on where the registry says it stands; a registry or proxy that
 * takes no such PUT gets chunks by PATCH. Locations may lead to other hosts, which see no credentials.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import { parseDigest } from '@tdocker/oci'
import { RegistryError, UnexpectedResponse, isTransient, retryDelay } from './registry-error.ts'
import { type Repository, failure, headerOf } from './repository.ts'
import { type Method, type RequestBody, type Response, discard } from './transport.ts'

export interface BlobToUpload {
  digest: string
  size: number
  /** Bytes from `start` up to, without, `end`; opened anew for each attempt. */
  open(start: number, end: number): Readable
}

/** An upload that the registry has begun. */
export interface UploadSession {
  location: URL
  /** Bytes that the registry has. */
  offset: number
  /** Least size of a chunk but the last. */
  minChunk: number
}

export interface UploadOptions {
  signal: AbortSignal
  /** Begun by a mount that did not come about. */
  session?: UploadSession | undefined
  /** Tries in a row that may bring nothing. */
  attempts: number
  /** First wait between tries; doubles. */
  backoffMs: number
  onRetry: (seconds: number) => void
}

const CHUNK = 16 * 1024 * 1024
/** A registry may hash and move gigabytes before it answers. */
const ANSWER_TIMEOUT_MS = 10 * 60_000
const CANCEL_TIMEOUT_MS = 1500

/** Whether the repository has the blob. Doubts are a no: an upload tells more. */
export async function hasBlob(
  repository: Repository,
  blob: { digest: string; size?: number },
  signal: AbortSignal,
): Promise<boolean> {
  const path = `blobs/${parseDigest(blob.digest)}`
  const response = await repository.request({ method: 'HEAD', path, signal })
  discard(response.body)
  const told = headerOf(response, 'content-length')
  const isOther = told !== '' && blob.size !== undefined && Number(told) !== blob.size
  return response.status === 200 && !isOther
}

/**
 * Asks for the blob to be taken from another repository of the registry. Answers true when it was,
 * or the session that registries begin instead.
 */
export async function mountBlob(
  repository: Repository,
  o: { digest: string; from: string; signal: AbortSignal },
): Promise<true | UploadSession | undefined> {
  const query = new URLSearchParams({ mount: parseDigest(o.digest), from: o.from })
  const path = `blobs/uploads/?${query}`
  const response = await repository.request({
    method: 'POST',
    path,
    from: o.from,
    signal: o.signal,
  })
  discard(response.body)
  if (response.status === 201) return true
  return response.status === 202 ? sessionOf(response, 0) : undefined
}

/** Resolves when the repository has the blob. Throws what the registry says, or the abort's reason. */
export async function uploadBlob(
  repository: Repository,
  blob: BlobToUpload,
  o: UploadOptions,
): Promise<void> {
  await new Upload(repository, blob, o).run()
}

class Upload {
  readonly #repository: Repository
  readonly #blob: BlobToUpload
  readonly #o: UploadOptions
  #session: UploadSession | undefined
  #inChunks = false

  constructor(repository: Repository, blob: BlobToUpload, o: UploadOptions) {
    this.#repository = repository
    this.#blob = blob
    this.#o = o
    this.#session = o.session
  }

  async run(): Promise<void> {
    for (let failures = 0; ;) {
      const before = this.#session?.offset ?? 0
      try {
        return await this.#attempt()
      } catch (error) {
        if (this.#o.signal.aborted) await this.#cancel()
        this.#o.signal.throwIfAborted()
        if (this.#tryChunks(error)) continue
        if (!mayTryAgain(error)) throw error
        await this.#stand(error)
        failures = (this.#session?.offset ?? 0) > before ? 1 : failures + 1
        if (failures >= this.#o.attempts) throw error
        await this.#wait(error, failures)
      }
    }
  }

  async #attempt(): Promise<void> {
    this.#session ??= await this.#begin()
    const { size } = this.#blob
    if (!this.#inChunks && this.#session.offset === 0) return this.#put(this.#blob.size)
    while (this.#session.offset < size) {
      const { offset, minChunk } = this.#session
      // A resume sends the rest at once, as that was taken before.
      const length = this.#inChunks ? Math.max(CHUNK, minChunk) : size
      this.#session = await this.#patch(offset, Math.min(size, offset + length))
    }
    await this.#put(0)
  }

  async #begin(): Promise<UploadSession> {
    const { signal } = this.#o
    const path = 'blobs/uploads/'
    const response = await this.#repository.request({ method: 'POST', path, signal })
    if (response.status !== 202) throw await failure(response)
    discard(response.body)
    return sessionOf(response, 0)
  }

  /** Sends `length` bytes with it: all or none. */
  async #put(length: number): Promise<void> {
    const location = this.#session?.location ?? new URL('about:blank')
    const separator = location.search === '' ? '?' : '&'
    const digest = encodeURIComponent(this.#blob.digest)
    const url = new URL(`${location.href}${separator}digest=${digest}`)
    const response = await this.#send('PUT', url, 0, length, {})
    if (response.status < 200 || response.status >= 300) throw await failure(response)
    discard(response.body)
  }

  async #patch(start: number, end: number): Promise<UploadSession> {
    const range = { 'content-range': `${start}-${end - 1}` }
    const location = this.#session?.location ?? new URL('about:blank')
    const response = await this.#send('PATCH', location, start, end, range)
    if (response.status < 200 || response.status >= 300) throw await failure(response)
    discard(response.body)
    return sessionOf(response, end)
  }

  #send(
    method: Method,
    path: URL,
    start: number,
    end: number,
    headers: Record<string, string>,
  ): Promise<Response> {
    const length = end - start
    const body: RequestBody = length === 0 ? '' : () => this.#blob.open(start, end)
    return this.#repository.request({
      method,
      path,
      body,
      headers: {
        ...headers,
        'content-type': 'application/octet-stream',
        'content-length': String(length),
      },
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
      signal: this.#o.signal,
    })
  }

  /** Whether the answer says that a body is not taken this way, and there is another. */
  #tryChunks(error: unknown): boolean {
    if (this.#inChunks || this.#session === undefined || !refusesWhole(error)) return false
    this.#inChunks = true
    this.#session = undefined
    return true
  }

  /** Learns how far a session got; after an answer, or where it cannot be told, another is begun. */
  async #stand(error: unknown): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (!session || error instanceof RegistryError) return
    const { signal } = this.#o
    try {
      const asked = { method: 'GET', path: session.location, signal } as const
      const response = await this.#repository.request(asked)
      discard(response.body)
      if (response.status !== 204 && response.status !== 202) return
      // `0-0` is also said of none.
      const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(headerOf(response, 'range'))?.[1] ?? 0)
      if (last > 0 && last < this.#blob.size) this.#session = sessionOf(response, last + 1, session)
    } catch {
      signal.throwIfAborted()
    }
  }

  async #wait(error: unknown, failures: number): Promise<void> {
    const ms = retryDelay(error, failures, this.#o.backoffMs)
    this.#o.onRetry(Math.ceil(ms / 1000))
    await delay(ms, undefined, { signal: this.#o.signal })
  }

  /** So that the registry need not wait for its own clean-up. */
  async #cancel(): Promise<void> {
    if (!this.#session) return
    const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS)
    try {
      const path = this.#session.location
      const response = await this.#repository.request({ method: 'DELETE', path, signal })
      discard(response.body)
    } catch {
      // It was a courtesy.
    }
  }
}

function sessionOf(response: Response, offset: number, before?: UploadSession): UploadSession {
  const text = headerOf(response, 'location')
  if (text === '' && before) return { ...before, offset }
  let location: URL
  try {
    location = new URL(text, response.url)
  } catch {
    throw new UnexpectedResponse('failed to parse Location header of an upload', 0)
  }
  if (text === '' || (location.protocol !== 'https:' && location.protocol !== 'http:')) {
    throw new UnexpectedResponse(`unexpected Location of an upload: ${JSON.stringify(text)}`, 0)
  }
  location.username = ''
  location.password = ''
  const minChunk = Number(headerOf(response, 'oci-chunk-min-length')) || (before?.minChunk ?? 0)
  return { location, offset, minChunk }
}

/** Sessions end, and what a resume put together may turn out wrong: a new one may do. */
const SESSION_CODES: ReadonlySet<string> = new Set([
  'BLOB_UPLOAD_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'RANGE_INVALID',
  'SIZE_INVALID',
])

function mayTryAgain(error: unknown): boolean {
  return isTransient(error) || (error instanceof RegistryError && SESSION_CODES.has(error.code))
}

const REFUSES_WHOLE: ReadonlySet<number> = new Set([405, 411, 413, 415, 416, 501])

function refusesWhole(error: unknown): boolean {
  if (error instanceof RegistryError) {
    return (
      REFUSES_WHOLE.has(error.status) ||
      (error.status === 400 && (error.code === 'UNSUPPORTED' || error.code === 'UNKNOWN'))
    )
  }
  return error instanceof UnexpectedResponse && REFUSES_WHOLE.has(error.status)
}
