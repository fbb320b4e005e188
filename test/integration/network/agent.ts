/** Runs inside a namespace of the test and serves or probes on its behalf, asked over IPC. */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'

export type Order =
  | { kind: 'serve'; protocol: 'tcp' | 'udp'; address: string; port: number; text: string }
  | { kind: 'probe'; protocol: 'tcp' | 'udp'; address: string; port: number; timeoutMs: number }

/** What came back: `TEXT from PEER`, or why nothing did. */
export type Answer = { text: string } | { error: string }

type Handler<Kind extends Order['kind']> = (
  order: Extract<Order, { kind: Kind }>,
) => Promise<Answer>

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  const done = order.kind === 'serve' ? serve(order) : probe(order)
  done
    .catch((error: unknown) => ({ error: String((error as { code?: string }).code ?? error) }))
    .then((answer) => process.send?.({ id, answer }))
    .catch(() => process.exit(1))
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0, answer: { text: 'ready' } })

const serve: Handler<'serve'> = (order) =>
  order.protocol === 'tcp' ? serveTcp(order) : serveUdp(order)

function udpType(address: string): 'udp4' | 'udp6' {
  return address.includes(':') ? 'udp6' : 'udp4'
}

function serveTcp(o: { address: string; port: number; text: string }): Promise<Answer> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(`${o.text} from ${socket.remoteAddress}`)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(o.port, o.address, () => resolve({ text: 'listening' }))
  })
}

function serveUdp(o: { address: string; port: number; text: string }): Promise<Answer> {
  const socket = createSocket({ type: udpType(o.address), ipv6Only: o.address.includes(':') })
  socket.on('message', (_, peer) =>
    socket.send(`${o.text} from ${peer.address}`, peer.port, peer.address),
  )
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(o.port, o.address, () => resolve({ text: 'listening' }))
  })
}

/** Exported, for the test process is the host itself. */
export const probe: Handler<'probe'> = (order) =>
  order.protocol === 'tcp' ? probeTcp(order) : probeUdp(order)

function probeTcp(o: { address: string; port: number; timeoutMs: number }): Promise<Answer> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(o.port, o.address)
    const finish = (answer: Answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(o.timeoutMs, () => finish({ error: 'timeout' }))
    socket.on('data', (chunk) => (text += String(chunk)))
    socket.on('end', () => finish({ text }))
    socket.on('error', (error: NodeJS.ErrnoException) => finish({ error: error.code ?? 'error' }))
  })
}

/** Sends again until something answers: the first datagram may race with the server's start. */
function probeUdp(o: { address: string; port: number; timeoutMs: number }): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = createSocket(udpType(o.address))
    const send = () => socket.send('ping', o.port, o.address, () => undefined)
    const again = setInterval(send, 100)
    const finish = (answer: Answer) => {
      clearInterval(again)
      clearTimeout(limit)
      socket.close()
      resolve(answer)
    }
    const limit = setTimeout(() => finish({ error: 'timeout' }), o.timeoutMs)
    socket.on('error', (error: NodeJS.ErrnoException) => finish({ error: error.code ?? 'error' }))
    socket.on('message', (message) => finish({ text: String(message) }))
    send()
  })
}
