/** A socket before a daemon's that counts what clients send. */
import { createServer, connect, type Server, type Socket } from 'node:net'

export class CountingProxy implements AsyncDisposable {
  readonly path: string
  /** Bytes from clients since it was last set to 0. */
  sent = 0
  /** So many of them go on; the rest waits for ever. */
  holdAt: number = Infinity
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(path: string, target: string) {
    this.path = path
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const daemon = connect({ path: target, allowHalfOpen: true })
      client.on('data', (chunk: Buffer) => {
        this.sent += chunk.length
        daemon.write(chunk)
        if (this.sent >= this.holdAt) client.pause()
      })
      client.on('end', () => daemon.end())
      daemon.pipe(client)
      for (const each of [client, daemon]) {
        this.#sockets.add(each)
        each.on('error', () => {})
        each.on('close', () => {
          this.#sockets.delete(each)
          client.destroy()
          daemon.destroy()
        })
      }
    })
  }

  static async start(path: string, target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(path, target)
    await new Promise<void>((listening) => proxy.#server.listen(path, listening))
    return proxy
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done))
    // One that is held does not see that its client is gone.
    for (const each of this.#sockets) each.destroy()
    await closed
  }
}
