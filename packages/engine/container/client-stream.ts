import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Context } from './context.ts'

/**
 * Writes to a client's connection and leaves it open. Node closes what it is given, so it gets a
 * duplicate; closing that one neither ends nor half-closes the connection.
 */
export async function writeToClient(
  ctx: Pick<Context, 'native'>,
  fd: number,
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  const socket = openSocket(ctx.native.dupFd(fd))
  try {
    for await (const chunk of chunks) await write(socket, chunk)
    await flush(socket)
  } finally {
    socket.destroy()
  }
}

async function write(socket: Socket, chunk: Buffer): Promise<void> {
  if (socket.destroyed) throw socket.errored ?? new Error('client is gone')
  if (socket.write(chunk)) return
  await Promise.race([once(socket, 'drain'), once(socket, 'close')])
}

function flush(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.write('', () => resolve())
  })
}

function openSocket(fd: number): Socket {
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true })
  // A client that hangs up is no error of ours; writes find it destroyed.
  socket.on('error', () => {})
  return socket
}

/**
 * Joins two connections, half-closes included: what `first` yields goes to `client` before what
 * comes out of `inner`. Owns both descriptors.
 */
export async function pump(
  client: number,
  inner: number,
  first: AsyncIterable<Buffer>,
): Promise<void> {
  const outer = openSocket(client)
  const process = openSocket(inner)
  process.pause()
  outer.pipe(process)
  try {
    for await (const chunk of first) await write(outer, chunk)
    process.pipe(outer)
    await Promise.race([once(outer, 'close'), once(process, 'close')])
  } finally {
    outer.destroy()
    process.destroy()
  }
}

const FRAME_HEAD = 8

/** One frame of Docker's multiplexed stream (1 stdout, 2 stderr). */
export function stdoutFrame(payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD)
  head[0] = 1
  head.writeUInt32BE(payload.length, 4)
  return Buffer.concat([head, payload])
}
