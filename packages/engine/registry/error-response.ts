/** Failing answers of registries, read as docker/distribution's client does (registry/client/errors.go). */
import type { Challenge } from './challenge.ts'
import { RegistryError, UnexpectedResponse } from './registry-error.ts'

/** The codes of the spec, with what distribution says of each. */
const DEFAULT_MESSAGE: Readonly<Record<string, string>> = {
  UNKNOWN: 'unknown error',
  UNSUPPORTED: 'The operation is unsupported.',
  UNAUTHORIZED: 'authentication required',
  DENIED: 'requested access to the resource is denied',
  UNAVAILABLE: 'service unavailable',
  TOOMANYREQUESTS: 'too many requests',
  DIGEST_INVALID: 'provided digest did not match uploaded content',
  SIZE_INVALID: 'provided length did not match content length',
  RANGE_INVALID: 'invalid content range',
  NAME_INVALID: 'invalid repository name',
  TAG_INVALID: 'manifest tag did not match URI',
  NAME_UNKNOWN: 'repository name not known to registry',
  MANIFEST_UNKNOWN: 'manifest unknown',
  MANIFEST_INVALID: 'manifest invalid',
  MANIFEST_UNVERIFIED: 'manifest failed signature verification',
  MANIFEST_BLOB_UNKNOWN: 'blob unknown to registry',
  BLOB_UNKNOWN: 'blob unknown to registry',
  BLOB_UPLOAD_UNKNOWN: 'blob upload unknown to registry',
  BLOB_UPLOAD_INVALID: 'blob upload invalid',
  PAGINATION_NUMBER_INVALID: 'invalid number of results requested',
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
  const ofBody = errorOfBody(o)
  const ofChallenge = errorOfChallenge(o.challenges, status)
  if (!ofChallenge) return ofBody
  ofChallenge.others = [ofBody.message, ...(ofBody instanceof RegistryError ? ofBody.others : [])]
  return ofChallenge
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
  const entries: unknown[] = Array.isArray(errors) ? errors : []
  const [first, ...others] = entries.map((entry) => errorOfEntry(entry, status))
  if (first === undefined) {
    if (status === 401) return plainError(status, DEFAULT_MESSAGE['UNAUTHORIZED'] ?? '')
    return unparsed(status, 'no error details found in HTTP response body', body)
  }
  first.others = others.map((other) => other.message)
  return first
}

/** An entry whose message is the code's own, without details, is the code and no more. */
function errorOfEntry(entry: unknown, status: number): RegistryError {
  const given = stringOr(fieldOf(entry, 'code'), '').toUpperCase()
  const code = given in DEFAULT_MESSAGE ? given : 'UNKNOWN'
  const message = stringOr(fieldOf(entry, 'message'), '')
  const detail = fieldOf(entry, 'detail') ?? null
  const isBare = detail === null && (message === '' || message === DEFAULT_MESSAGE[code])
  return new RegistryError(code, isBare ? undefined : clip(message), status)
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
