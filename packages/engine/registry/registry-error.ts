/** What registries answer when they refuse, and the sentences that Docker makes of it. */
import { type Reference, familiarName, familiarString } from '@tdocker/oci'
import { EngineError, notFound, system, unauthorized } from '../base/errors.ts'
import type { Challenge } from './challenge.ts'

/** One entry of a distribution error body (distribution-spec, "Error codes"). */
export class RegistryError extends Error {
  readonly code: string
  readonly status: number
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

/** Whether trying the same request again may help. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NetworkError) return !error.permanent
  return (
    (error instanceof UnexpectedResponse || error instanceof RegistryError) &&
    (error.status >= 500 || error.status === 408)
  )
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
