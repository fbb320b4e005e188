/** The client's ssh agent as a socket, for as long as one program needs it. */
import { chmod } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { once } from 'node:events'

/** `path`: as short as a socket's must be (unix(7): 107 bytes). */
export async function serveAgent(path: string, connect: () => Duplex): Promise<AsyncDisposable> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    pipeline(socket, connect(), socket, () => {})
  })
  server.listen(path)
  await once(server, 'listening')
  await chmod(path, 0o600)
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}
