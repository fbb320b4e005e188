/** The opening handshake of a WebSocket (RFC 6455, section 4.2). */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { HttpError } from '../errors.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** True for a request that asks to become a WebSocket; whether it may is `acceptWebSocket`'s. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return (
    headers.upgrade?.toLowerCase() === 'websocket' &&
    (headers.connection?.toLowerCase().includes('upgrade') ?? false)
  )
}

/** The answer's own headers. Throws 400 in the words of moby's WebSocket library. */
export function acceptWebSocket(request: IncomingMessage): Readonly<Record<string, string>> {
  const { headers } = request
  if (!asksForWebSocket(request)) throw new HttpError(400, 'not websocket protocol')
  const key = headers['sec-websocket-key']
  if (!key) throw new HttpError(400, 'mismatch challenge/response')
  if (headers['sec-websocket-version'] !== '13')
    throw new HttpError(400, 'missing or bad WebSocket Version')
  const protocol = headers['sec-websocket-protocol']?.trim()
  return {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': createHash('sha1').update(`${key}${GUID}`).digest('base64'),
    // One that is offered alone may be agreed to: what it means is the client's affair.
    ...(protocol && /^[\w!#$%&'*+.^`|~-]+$/.test(protocol)
      ? { 'Sec-WebSocket-Protocol': protocol }
      : {}),
  }
}
