import type { IncomingMessage } from 'node:http'

/** False when the head says that no byte follows. */
export function announcesBody(request: IncomingMessage): boolean {
  if (request.headers['transfer-encoding'] !== undefined) return true
  return Number(request.headers['content-length'] ?? 0) > 0
}
