/** What registries answer when they refuse, and the sentences that Docker makes of it. */
import { type Reference, familiarName, familiarString } from '@tdocker/oci'
import { EngineError, forbidden, notFound, system, unauthorized } from '../base/errors.ts'
import type { Challenge } from './challenge.ts'

/** One entry of a distribution error body (distribution-spec, "Error codes"). */
export class RegistryError extends Error {
  readonly code: string
  readonly status: number
  /** What `Retry-After` asks for. */
  retryAfterMs: number | undefined
  constructor(code: string, detail: string, status: number) {
    super(`${code.toLowerCase().replaceAll('_', ' ')}: ${detail}`)
    this.name = 'RegistryError'
    this.code = code
    this.status = status
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

const DEFAULT_MESSAGE: Readonly<Record<string, string>> = {
  UNAUTHORIZED: 'authentication required',
  DENIED: 'requested access to the resource is denied',
  TOOMANYREQUESTS: 'too many requests',
  UNKNOWN: 'unknown error',
  MANIFEST_UNKNOWN: 'manifest unknown',
  NAME_UNKNOWN: 'repository name not known to registry',
  BLOB_UNKNOWN: 'blob unknown to registry',
}

const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  429: 'TOOMANYREQUESTS',
}

/** The error of a response with a failing status. */
export function errorOfResponse(o: {
  status: number
  statusText: string
  contentType: string
  body: string
  challenges: readonly Challenge[]
}): RegistryError | UnexpectedResponse {
  const { status } = o
  if (status < 400 || status >= 500) {
    const text = `${status} ${o.statusText}`.trim()
    return new UnexpectedResponse(`received unexpected HTTP status: ${text}`, status)
  }
  return errorOfChallenge(o.challenges, status) ?? errorOfBody(o)
}

/** RFC 6750 section 3.1: the token was refused, or does not reach far enough. */
function errorOfChallenge(
  challenges: readonly Challenge[],
  status: number,
): RegistryError | undefined {
  for (const { scheme, parameters } of challenges) {
    if (scheme !== 'bearer') continue
    const error = parameters.get('error')
    const code =
      error === 'invalid_token'
        ? 'UNAUTHORIZED'
        : error === 'insufficient_scope'
          ? 'DENIED'
          : undefined
    if (code === undefined) continue
    const detail = parameters.get('error_description') ?? DEFAULT_MESSAGE[code] ?? ''
    return new RegistryError(code, detail, status)
  }
  return undefined
}

function errorOfBody(o: {
  status: number
  contentType: string
  body: string
}): RegistryError | UnexpectedResponse {
  const { status, body } = o
  const type = o.contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== 'application/json' && type !== 'application/vnd.api+json') {
    return plainError(status, body)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    if (status === 401) return plainError(status, DEFAULT_MESSAGE['UNAUTHORIZED'] ?? '')
    const reason = body === '' ? 'unexpected end of JSON input' : goSyntaxError(body)
    return unparsed(status, reason, body)
  }
  const details = fieldOf(parsed, 'details')
  if (typeof details === 'string' && details !== '') return plainError(status, details)
  const errors = fieldOf(parsed, 'errors')
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  if (first === undefined) {
    if (status === 401) return plainError(status, DEFAULT_MESSAGE['UNAUTHORIZED'] ?? '')
    return unparsed(status, 'no error details found in HTTP response body', body)
  }
  const code = stringOr(fieldOf(first, 'code'), 'UNKNOWN').toUpperCase()
  const message = stringOr(fieldOf(first, 'message'), DEFAULT_MESSAGE[code] ?? '')
  return new RegistryError(code, message, status)
}

function plainError(status: number, detail: string): RegistryError {
  return new RegistryError(CODE_OF_STATUS[status] ?? 'UNKNOWN', clip(detail), status)
}

function unparsed(status: number, reason: string, body: string): UnexpectedResponse {
  const text = `error parsing HTTP ${status} response body: ${reason}: ${JSON.stringify(clip(body))}`
  return new UnexpectedResponse(text, status)
}

function goSyntaxError(body: string): string {
  const first = body.trimStart().slice(0, 1)
  return first === '{' || first === '['
    ? 'unexpected end of JSON input'
    : `invalid character '${first}' looking for beginning of value`
}

/** Bodies come from outside: a page of HTML does not belong whole in an error. */
function clip(text: string): string {
  return text.length > 1024 ? `${text.slice(0, 1024)}…` : text
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[key]
    : undefined
}

function stringOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
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
  if (error instanceof EngineError) return error
  if (error instanceof RegistryError) {
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
      case 'UNAUTHORIZED':
        return unauthorized(error.message, error)
      default:
        return system(error.message, error)
    }
  }
  if (
    error instanceof NetworkError ||
    error instanceof UnexpectedResponse ||
    error instanceof NoCredentials
  ) {
    return system(error.message, error)
  }
  return error
}

/** The error of a whole push: moby passes on what the registry says. */
export function pushError(error: unknown): unknown {
  if (error instanceof NoCredentials) return unauthorized('no basic auth credentials', error)
  if (error instanceof RegistryError) {
    const make = error.status === 401 ? unauthorized : error.status === 403 ? forbidden : system
    return make(error.message, error)
  }
  if (error instanceof NetworkError || error instanceof UnexpectedResponse) {
    return system(error.message, error)
  }
  return error
}
