/** Runs inside a namespace of the test: asks DNS questions, or is a DNS server, on order. */
import { createSocket, type Socket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import {
  decodeAnswer,
  decodeQuestion,
  encodeQuery,
  encodeReply,
  TYPE,
  type Answer,
  type TypeName,
} from '../../lib/dns-wire.ts'

export interface Ask {
  kind: 'ask'
  name: string
  type: TypeName
  tcp?: boolean
  server?: string
  udpSize?: number
  timeoutMs?: number
  /** Asked again that often, as resolvers do. */
  tries?: number
}

export type Order =
  | Ask
  | { kind: 'send'; hex: string; server?: string; timeoutMs?: number }
  /** As fast as the answers come, `window` at a time, for so long. */
  | { kind: 'flood'; name: string; window: number; durationMs: number; server?: string }
  | { kind: 'serve'; address: string; behaviour: Behaviour }
  | { kind: 'asked' }

/**
 * `name` answers by what is in it: see `replyTo`. `silent` never answers, `liar` from elsewhere.
 * `denying` knows no name and takes 50 ms to say so.
 */
export type Behaviour = 'name' | 'silent' | 'servfail' | 'liar' | 'denying'
export interface Flood {
  sent: number
  answered: number
  lost: number
  perSecond: number
}

const RESOLVER = '127.0.0.11'
const asked: string[] = []

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  run(order)
    .catch((error: unknown) => ({ error: String((error as { code?: string }).code ?? error) }))
    .then((answer) => process.send?.({ id, answer }))
    .catch(() => process.exit(1))
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0, answer: 'ready' })

async function run(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'ask':
      return ask(order)
    case 'send':
      return send(order)
    case 'flood':
      return flood(order)
    case 'serve':
      return serve(order.address, order.behaviour)
    case 'asked':
      return asked.splice(0)
  }
}

async function ask(o: Ask): Promise<Answer | { error: string }> {
  for (let left = o.tries ?? 1; ; left--) {
    const answer = o.tcp === true ? await askTcp(o) : await askUdp(o)
    if (!('error' in answer) || left <= 1) return answer
  }
}

function askUdp(o: Ask): Promise<Answer | { error: string }> {
  const id = Math.floor(Math.random() * 65536)
  return datagram(encodeQuery({ ...o, id }), o.server, o.timeoutMs, id)
}

function send(o: { hex: string; server?: string; timeoutMs?: number }): Promise<unknown> {
  return datagram(Buffer.from(o.hex, 'hex'), o.server, o.timeoutMs)
}

function datagram(
  message: Buffer,
  server = RESOLVER,
  timeoutMs = 10_000,
  id?: number,
): Promise<Answer | { error: string }> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const finish = (answer: Answer | { error: string }): void => {
      clearTimeout(limit)
      socket.close()
      resolve(answer)
    }
    const limit = setTimeout(() => finish({ error: 'timeout' }), timeoutMs)
    socket.on('error', (error: NodeJS.ErrnoException) => finish({ error: error.code ?? 'error' }))
    socket.on('message', (reply, peer) => {
      const answer = decodeAnswer(reply)
      const ours = peer.address === server && peer.port === 53
      finish(ours && (id === undefined || answer.id === id) ? answer : { error: 'not ours' })
    })
    socket.connect(53, server, () => socket.send(message))
  })
}

function askTcp(o: Ask): Promise<Answer | { error: string }> {
  return new Promise((resolve) => {
    const query = encodeQuery({ ...o, id: 7 })
    const socket = connect(53, o.server ?? RESOLVER)
    const chunks: Buffer[] = []
    const finish = (answer: Answer | { error: string }): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(o.timeoutMs ?? 10_000, () => finish({ error: 'timeout' }))
    socket.on('error', (error: NodeJS.ErrnoException) => finish({ error: error.code ?? 'error' }))
    socket.on('close', () => finish({ error: 'closed' }))
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const all = Buffer.concat(chunks)
      if (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0))
        finish(decodeAnswer(all.subarray(2)))
    })
    // In pieces, as a hostile client might.
    socket.write(Buffer.from([query.length >> 8]))
    socket.write(Buffer.concat([Buffer.from([query.length & 255]), query]))
  })
}

function flood(o: Extract<Order, { kind: 'flood' }>): Promise<Flood> {
  const socket = createSocket('udp4')
  const start = performance.now()
  let sent = 0
  let answered = 0
  const next = (): void => {
    socket.send(encodeQuery({ id: sent++ & 65535, name: o.name, type: 'A' }))
  }
  return new Promise((resolve, reject) => {
    const over = (): boolean => performance.now() - start > o.durationMs
    const finish = (): void => {
      clearInterval(watch)
      socket.close()
      const seconds = (performance.now() - start) / 1000
      resolve({ sent, answered, lost: sent - answered, perSecond: answered / seconds })
    }
    let last = -1
    const watch = setInterval(() => {
      // Nothing came for a second: the rest is lost.
      if (over() && (answered === sent || answered === last)) finish()
      last = answered
    }, 1000)
    socket.on('error', reject)
    socket.on('message', () => {
      answered++
      if (!over()) next()
      else if (answered === sent) finish()
    })
    socket.connect(53, o.server ?? RESOLVER, () => {
      for (let i = 0; i < o.window; i++) next()
    })
  })
}

async function serve(address: string, behaviour: Behaviour): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (query, peer) => {
    asked.push(`udp ${decodeQuestion(query).name}`)
    if (behaviour === 'silent') return
    if (behaviour === 'liar') return lie(socket, query, peer.port, peer.address)
    if (behaviour === 'denying') {
      const no = encodeReply(query, { rcode: 3 })
      return void setTimeout(() => socket.send(no, peer.port, peer.address), 50)
    }
    const reply = behaviour === 'servfail' ? encodeReply(query, { rcode: 2 }) : replyTo(query, 512)
    socket.send(reply, peer.port, peer.address)
  })
  const server = createServer((client) => {
    client.on('error', () => undefined)
    client.once('data', (frame) => {
      asked.push(`tcp ${decodeQuestion(frame.subarray(2)).name}`)
      const reply = replyTo(frame.subarray(2), 65535)
      client.end(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]))
    })
  })
  await new Promise<void>((resolve) => socket.bind(53, address, resolve))
  await new Promise<void>((resolve) => server.listen(53, address, resolve))
  return 'listening'
}

/** Replies with a wrong id, a wrong question, as a query; the right one last. */
function lie(socket: Socket, query: Buffer, port: number, address: string): void {
  const bad = encodeReply(query, { data: [Buffer.from([6, 6, 6, 6])] })
  const wrongId = Buffer.from(bad)
  wrongId[0] = (wrongId[0] ?? 0) ^ 0xff
  const wrongName = Buffer.from(bad)
  wrongName[13] = (wrongName[13] ?? 0) + 1
  const noReply = Buffer.from(bad)
  noReply[2] = (noReply[2] ?? 0) & 0x7f
  for (const each of [wrongId, wrongName, noReply, bad.subarray(0, 11), replyTo(query, 512)])
    socket.send(each, port, address)
  // From another port, with everything right.
  const stranger = createSocket('udp4')
  stranger.send(bad, port, address, () => stranger.close())
}

function replyTo(query: Buffer, limit: number): Buffer {
  const { name, type } = decodeQuestion(query)
  if (/^nobody|\.lan\.test$/i.test(name)) return encodeReply(query, { rcode: 3, soa: 20 })
  if (type !== TYPE.A) return encodeReply(query, { soa: 20 })
  const count = name.startsWith('big') ? 100 : 1
  const ttl = name.startsWith('brief') ? 0 : 60
  const data = Array.from({ length: count }, (_, i) => Buffer.from([192, 0, 2, 10 + i]))
  const whole = encodeReply(query, { data, ttl })
  return whole.length > limit ? encodeReply(query, { truncated: true }) : whole
}
