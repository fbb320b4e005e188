/**
 * BuildKit's protocol, refused in its own words. A client with the buildx plugin upgrades `POST /grpc`
 * to HTTP/2; it shows what a call fails with, but of a refused upgrade only the status.
 */
import { type ServerHttp2Session, performServerHandshake } from 'node:http2'
import { Socket } from 'node:net'
import { HttpError } from './errors.ts'
import type { Exchange } from './exchange.ts'

export const NO_BUILDKIT =
  'this engine builds without BuildKit: use "DOCKER_BUILDKIT=0 docker build", or "tdocker build"'

/** gRPC: doc/statuscodes.md. */
const FAILED_PRECONDITION = 9

/** Answers every call with a sentence until the client goes. */
export async function refuseCalls(x: Exchange): Promise<void> {
  checkUpgrade(x)
  const socket = await taken(x)
  // Throws away what a socket without an error listener would end the daemon with.
  const session = performServerHandshake(socket) as ServerHttp2Session
  session.on('error', () => session.destroy())
  session.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': String(FAILED_PRECONDITION),
        'grpc-message': encodeURIComponent(NO_BUILDKIT),
      },
      { endStream: true },
    )
    stream.resume()
  })
}

/** A session of BuildKit's, in which the client would serve: nobody calls it; it ends with the client. */
export async function holdSession(x: Exchange): Promise<void> {
  checkUpgrade(x)
  const socket = await taken(x)
  socket.on('end', () => socket.destroy())
  socket.resume()
}

/** moby: daemon/server/router/grpc/grpc_routes.go. */
function checkUpgrade(x: Exchange): void {
  const protocol = x.header('upgrade') ?? ''
  if (protocol === '') throw new HttpError(500, 'no upgrade proto in request')
  if (protocol !== 'h2c') throw new HttpError(500, `protocol ${protocol} not supported`)
}

async function taken(x: Exchange): Promise<Socket> {
  const { fd, head } = await x.hijack.take({ multiplexed: false, protocol: 'h2c' })
  const socket = new Socket({ fd, readable: true, writable: true })
  socket.on('error', () => socket.destroy())
  if (head.length > 0) socket.unshift(head)
  return socket
}
