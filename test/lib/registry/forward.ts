/** Makes a server of this process's network reachable inside a network namespace, at the same address. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'
import { join } from 'node:path'

/** UNIX sockets do not know of network namespaces: `dir` holds one, which a listener inside speaks to. */
const INSIDE = `
  const net = require('node:net')
  const [path, port] = process.argv.slice(1)
  net.createServer((client) => {
    const server = net.connect(path)
    client.pipe(server).pipe(client)
    for (const one of [client, server]) one.on('error', () => { client.destroy(); server.destroy() })
  }).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready'))`

export async function forwardInto(o: {
  netns: string
  /** `127.0.0.1:PORT`, outside and inside. */
  host: string
  dir: string
}): Promise<AsyncDisposable> {
  const [address = '', port = ''] = o.host.split(':')
  const path = join(o.dir, `forward-${port}.sock`)
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const registry = connect(Number(port), address)
    client.pipe(registry).pipe(client)
    for (const one of [client, registry]) {
      open.add(one)
      one.on('close', () => open.delete(one))
      one.on('error', () => {
        client.destroy()
        registry.destroy()
      })
    }
  }).listen(path)
  await once(server, 'listening')
  const into = [`--net=/run/netns/${o.netns}`, process.execPath, '-e', INSIDE, path, port]
  const child = spawn('nsenter', into, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return {
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}
