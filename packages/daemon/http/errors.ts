/** The one place where a kind of error becomes an HTTP status. */
import type { ServerResponse } from 'node:http'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { announcesBody } from './announces-body.ts'
import { compareVersions } from '@tdocker/api/versions.ts'
import { EngineError, type ErrorKind } from '@tdocker/engine/base/errors.ts'

const statusOfKind: Readonly<Record<ErrorKind, number>> = {
  notFound: 404,
  invalidParameter: 400,
  conflict: 409,
  unauthorized: 401,
  forbidden: 403,
  // What a registry's own answer says.
  notAllowed: 405,
  tooManyRequests: 429,
  unavailable: 503,
  notModified: 304,
  notImplemented: 501,
  cancelled: 500,
  system: 500,
}

/** An error of the HTTP layer itself, where a status is the meaning. */
export class HttpError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.name = 'HttpError'
    this.status = status
  }
}

/** 500 for whatever nobody gave a meaning (a bare KernelError among them). */
export function statusOf(error: unknown): number {
  if (error instanceof EngineError) return statusOfKind[error.kind]
  if (error instanceof InvalidRequest) return 400
  if (error instanceof HttpError) return error.status
  return 500
}

export function messageOf(error: unknown): string {
  // Of a signal that nobody gave a reason: the client left.
  if (error instanceof Error && error.name === 'AbortError') return 'context canceled'
  return error instanceof Error ? error.message : String(error)
}

/** `{"message": …}`, or plain text for clients so old that they print the body as it is. */
export function sendError(
  response: ServerResponse,
  error: unknown,
  version: string | undefined,
): void {
  const status = statusOf(error)
  // What is left of a body would be taken for the next request.
  const isUnread = !response.req.complete && announcesBody(response.req)
  if (isUnread) response.setHeader('Connection', 'close')
  if (status === 304) {
    response.writeHead(304).end()
    return
  }
  const old = version !== undefined && compareVersions(version, '1.24') < 0
  const text = old ? `${messageOf(error)}\n` : `${JSON.stringify({ message: messageOf(error) })}\n`
  response.writeHead(status, {
    'Content-Type': old ? 'text/plain; charset=utf-8' : 'application/json',
    'Content-Length': Buffer.byteLength(text),
  })
  if (!isUnread) return void response.end(response.req.method === 'HEAD' ? undefined : text)
  response.write(text)
  endLater(response)
}

/** As Go's `rstAvoidanceDelay`. */
const LINGER_MS = 500

/** A client that still sends would be cut off before it has read the answer. */
function endLater(response: ServerResponse): void {
  const { req } = response
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  req.once('end', end).once('close', end).resume()
}
