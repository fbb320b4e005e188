/** Connections made in a container go on to the client, one stream each. */
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Disposing of it closes the socket and every connection. */
export function forwardAgent(server: Server, connect: () => Duplex): Disposable {
  const open = new Set<Duplex>()
  server.on('connection', (socket) => {
    try {
      join(socket, connect(), open)
    } catch {
      // The client is gone, or has as many already as it may: the agent seems to have hung up.
      socket.destroy()
    }
  })
  server.on('error', () => server.close())
  return {
    [Symbol.dispose]() {
      server.close()
      for (const each of open) each.destroy()
    },
  }
}

function join(socket: Socket, agent: Duplex, open: Set<Duplex>): void {
  const both = [socket, agent]
  for (const each of both) {
    open.add(each)
    each.on('error', () => {})
    each.on('close', () => {
      for (const one of both) {
        one.destroy()
        open.delete(one)
      }
    })
  }
  socket.pipe(agent)
  agent.pipe(socket)
}
