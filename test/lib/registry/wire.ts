/** What registries of tests have in common on the wire. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Blob } from '../image-maker.ts'

/** The user that all of them know. */
export const CREDENTIALS = { username: 'test', password: 'secret' }

export function basic(o: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${o.username}:${o.password}`).toString('base64')}`
}

export function serveBlob(request: IncomingMessage, response: ServerResponse, blob: Blob): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const body = blob.bytes.subarray(start)
  response.writeHead(start > 0 ? 206 : 200, {
    'content-type': blob.mediaType,
    'content-length': body.length,
    'docker-content-digest': blob.digest,
    ...(start > 0 && {
      'content-range': `bytes ${start}-${blob.size - 1}/${blob.size}`,
    }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** A distribution error body. */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  o: { message?: string; headers?: Record<string, string> } = {},
): void {
  const message = o.message ?? code.toLowerCase().replaceAll('_', ' ')
  response.writeHead(status, { 'content-type': 'application/json', ...o.headers })
  response.end(JSON.stringify({ errors: [{ code, message }] }))
}
