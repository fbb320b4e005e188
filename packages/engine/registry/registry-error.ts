/** What registries answer when they refuse, and the sentences that Docker makes of it. */
import { type Reference, familiarName, familiarString } from '@tdocker/oci'
import { EngineError, type ErrorKind, notFound, system, unauthorized } from '../base/errors.ts'

/** One entry of a distribution error body (distribution-spec, "Error codes"). */
export class RegistryError extends Error {
  readonly code: string
  readonly status: number
  /** The entry said no more than its code does; Docker then makes no sentence of its own of it. */
  readonly bare: boolean
  /** All that the answer said, where that is more than one entry. */
  others: readonly string[] = []
  /** What `Retry-After` asks for. */
  retryAfterMs: number | undefined
  /** Without `detail` it is the code alone that is told. */
  constructor(code: string, detail: string | undefined, status: number) {
    const words = code.toLowerCase().replaceAll('_', ' ')
    super(detail === undefined ? words : `${words}: ${detail}`)
    this.name = 'RegistryError'
    this.code = code
    this.status = status
    this.bare = detail === undefined
  }

  /** As moby prints a list of errors. */
  get whole(): string {
    const { message, others } = this
    return others.length === 0 ? message : `errors:\n${[message, ...others].join('\n')}\n`
  }
}

/** The token server's refusal, told of the request that it was asked for; `cause` is its answer. */
export class AuthorizationError extends Error {
  override readonly cause: Error
  constructor(method: string, url: string, cause: Error) {
    super(`${goMethod(method)} "${url}": ${cause.message}`)
    this.name = 'AuthorizationError'
    this.cause = cause
  }
}

/** An answer that is no distribution error: a proxy's page, a 500, a body that does not parse. */
export class UnexpectedResponse extends Error {
  readonly status: number
  retryAfterMs: number | undefined
  constructor(message: string, status: number) {
    super(message)
    this.name = 'UnexpectedResponse'
    this.status = status
  }
}

/** No answer at all: refused, unresolved, timed out, broken off. `permanent` when trying again is of no use. */
export class NetworkError extends Error {
  readonly permanent: boolean
  constructor(message: string, o: { permanent: boolean; cause?: unknown }) {
    super(message, { cause: o.cause })
    this.name = 'NetworkError'
    this.permanent = o.permanent
  }
}

/** Credentials are needed that the client did not send. */
export class NoCredentials extends Error {
  constructor(method: string, url: string) {
    super(`${goMethod(method)} "${url}": no basic auth credentials`)
    this.name = 'NoCredentials'
  }
}

/** `GET` → `Get`, as Go's url.Error prints it. */
export function goMethod(method: string): string {
  return method.slice(0, 1) + method.slice(1).toLowerCase()
}

/** Waits longer than this are the user's to decide: a rate limit may last hours. */
const MAX_RETRY_AFTER_MS = 60_000

/**
 * Whether trying the same request again may help. Too many requests do only where the registry says
 * when to come again, and soon; else a rate limit would be asked to grow.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof NetworkError) return !error.permanent
  if (!(error instanceof UnexpectedResponse || error instanceof RegistryError)) return false
  const { status, retryAfterMs } = error
  if (retryAfterMs !== undefined && retryAfterMs > MAX_RETRY_AFTER_MS) return false
  return status >= 500 || status === 408 || (status === 429 && retryAfterMs !== undefined)
}

/** Milliseconds before try number `tried + 1`: doubling, or what the registry asked for if that is more. */
export function retryDelay(error: unknown, tried: number, backoffMs: number): number {
  const asked =
    error instanceof UnexpectedResponse || error instanceof RegistryError ? error.retryAfterMs : 0
  return Math.max(backoffMs * 2 ** (tried - 1), asked ?? 0)
}

/** `Retry-After` (RFC 9110 section 10.2.3), seconds or a date; undefined when it is neither. */
export function parseRetryAfter(header: string, now: number = Date.now()): number | undefined {
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = /[a-z]/i.test(header) ? Date.parse(header) : NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** The error of a whole pull, as moby words it (daemon/internal/distribution/errors.go). */
export function pullError(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError) || error.bare) return plainError(error)
  const name = familiarName(reference)
  switch (error.code) {
    case 'DENIED':
      return notFound(
        `pull access denied for ${name}, repository does not exist or may require 'docker login': ${error.message}`,
        error,
      )
    case 'MANIFEST_UNKNOWN':
      return notFound(
        `manifest for ${familiarString(reference)} not found: ${error.message}`,
        error,
      )
    case 'NAME_UNKNOWN':
      return notFound(`repository ${name} not found: ${error.message}`, error)
    default:
      return plainError(error)
  }
}

/** What a registry or the way to it says, without a sentence around it. */
export function plainError(error: unknown): unknown {
  if (error instanceof RegistryError) {
    return new EngineError(kindOf(error), error.message, { cause: error })
  }
  if (error instanceof AuthorizationError) {
    const kind = error.cause instanceof RegistryError ? kindOf(error.cause) : 'system'
    return new EngineError(kind, error.message, { cause: error })
  }
  const known = [NetworkError, UnexpectedResponse, NoCredentials].some((c) => error instanceof c)
  return known && error instanceof Error ? system(error.message, error) : error
}

const KIND_OF_CODE: Readonly<Record<string, ErrorKind>> = {
  UNAUTHORIZED: 'unauthorized',
  DENIED: 'forbidden',
  UNSUPPORTED: 'notAllowed',
  UNAVAILABLE: 'unavailable',
  TOOMANYREQUESTS: 'tooManyRequests',
  MANIFEST_UNKNOWN: 'notFound',
  NAME_UNKNOWN: 'notFound',
  BLOB_UNKNOWN: 'notFound',
  BLOB_UPLOAD_UNKNOWN: 'notFound',
  UNKNOWN: 'system',
}

/** All other codes of the spec say that the request was wrong. */
function kindOf(error: RegistryError): ErrorKind {
  return KIND_OF_CODE[error.code] ?? 'invalidParameter'
}

/** The error of a whole push: moby passes on what the registry says. */
export function pushError(error: unknown): unknown {
  if (error instanceof NoCredentials) return unauthorized('no basic auth credentials', error)
  return plainError(error)
}
