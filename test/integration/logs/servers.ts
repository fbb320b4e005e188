/** Log servers made of nothing but this process (and python3 for UNIX datagrams, which Node lacks). */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import tls from 'node:tls'

export interface LogServer extends AsyncDisposable {
  /** What came, message by message as far as one can tell. */
  readonly lines: string[]
}

/** Takes lines on a stream; `stop` and `start` again on the same address. */
export class StreamServer implements LogServer {
  readonly lines: string[] = []
  readonly #make: (take: (socket: net.Socket) => void) => net.Server
  readonly #address: { path: string } | { host: string; port: number }
  readonly #sockets = new Set<net.Socket>()
  /** While false, connections are accepted and not read. */
  #reads = true
  #server: net.Server | undefined
  port = 0

  constructor(
    address: { path: string } | { host: string; port: number },
    make: (take: (socket: net.Socket) => void) => net.Server = (take) => net.createServer(take),
  ) {
    this.#address = address
    this.#make = make
  }

  async start(): Promise<this> {
    this.#server = this.#make((socket) => this.#take(socket))
    const address = 'path' in this.#address ? this.#address : { ...this.#address, port: this.port }
    this.#server.listen(address)
    await once(this.#server, 'listening')
    const bound = this.#server.address()
    if (bound !== null && typeof bound === 'object') this.port = bound.port
    return this
  }

  /** As a crash: connections break, the port refuses. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) {
      // Only plain TCP knows resets.
      if ('path' in this.#address || socket instanceof tls.TLSSocket) socket.destroy()
      else socket.resetAndDestroy()
    }
    if (!server) return
    await new Promise((resolve) => server.close(resolve))
  }

  set reads(wanted: boolean) {
    this.#reads = wanted
    for (const socket of this.#sockets) if (wanted) socket.resume()
    for (const socket of this.#sockets) if (!wanted) socket.pause()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #take(socket: net.Socket): void {
    this.#sockets.add(socket)
    let rest = ''
    socket.on('data', (part: Buffer) => {
      const lines = (rest + part.toString('latin1')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.lines.push(line)
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    if (!this.#reads) socket.pause()
  }
}

export function tlsServer(directory: string): StreamServer {
  const { cert, key } = makeCertificate(directory)
  return new StreamServer({ host: '127.0.0.1', port: 0 }, (take) =>
    tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, take),
  )
}

/** A certificate of its own for 127.0.0.1. */
export function makeCertificate(directory: string): { cert: string; key: string } {
  const cert = join(directory, 'syslog-cert.pem')
  const key = join(directory, 'syslog-key.pem')
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const subject = ['-subj', '/CN=syslog', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...request, '-nodes', ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
    timeout: 20_000,
  })
  return { cert, key }
}

export async function udpServer(): Promise<LogServer & { port: number }> {
  const socket = dgram.createSocket('udp4')
  const lines: string[] = []
  socket.on('message', (message) => lines.push(message.toString('latin1').replace(/\n$/, '')))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    lines,
    port: socket.address().port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}

/** UNIX datagrams, latin1. */
export class DatagramServer implements LogServer {
  readonly lines: string[] = []
  readonly #path: string
  #child: ChildProcess | undefined

  constructor(path: string) {
    this.#path = path
  }

  async start(): Promise<this> {
    const script = join(import.meta.dirname, 'datagrams.py')
    const child = spawn('python3', [script, this.#path], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    const lines = createInterface({ input: child.stdout })
    await once(lines, 'line')
    lines.on('line', (line) => this.lines.push(Buffer.from(line, 'hex').toString('latin1')))
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
}
