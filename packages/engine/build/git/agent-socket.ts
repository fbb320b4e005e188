/** The client's ssh agent as a socket, for as long as one program needs it. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, open } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'

export interface AgentSocket extends AsyncDisposable {
  /** In the directory. */
  name: string
}

/** In `directory`, for programs that stand there: a socket's path is short (unix(7): 107 bytes). */
export async function serveAgent(directory: string, connect: () => Duplex): Promise<AgentSocket> {
  const handle = await open(directory, 'r')
  const name = `agent-${randomBytes(4).toString('hex')}`
  const path = `/proc/self/fd/${handle.fd}/${name}`
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    pipeline(socket, connect(), socket, () => {})
  })
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((done) => server.close(done))
    await handle.close()
  }
  try {
    server.listen(path)
    await once(server, 'listening')
    await chmod(path, 0o600)
  } catch (error) {
    await stop()
    throw error
  }
  return { name, [Symbol.asyncDispose]: stop }
}
