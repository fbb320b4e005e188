/** `GET /containers/{id}/attach/ws`, with a WebSocket client of its own and with bare frames. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { Agent, WebSocket } from 'undici'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
let dispatcher: Agent
before(async () => {
  daemon = await TestDaemon.start()
  dispatcher = new Agent({ connect: { socketPath: daemon.socket } })
})
after(async () => {
  await dispatcher.close()
  await daemon[Symbol.asyncDispose]()
})

interface Client {
  socket: WebSocket
  /** All bytes so far. */
  readonly seen: string
  /** Kinds of messages that came: 'binary', 'text'. */
  readonly kinds: Set<string>
  readonly closed: Promise<{ code: number; wasClean: boolean }>
}

async function open(path: string): Promise<Client> {
  const socket = new WebSocket(`ws://localhost${path}`, { dispatcher })
  socket.binaryType = 'arraybuffer'
  const client = { seen: '', kinds: new Set<string>() }
  socket.addEventListener('message', ({ data }) => {
    client.kinds.add(typeof data === 'string' ? 'text' : 'binary')
    client.seen += typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer).toString()
  })
  const closed = new Promise<{ code: number; wasClean: boolean }>((resolve) =>
    socket.addEventListener('close', ({ code, wasClean }) => resolve({ code, wasClean })),
  )
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', (event) => reject(new Error(event.message)))
  })
  return Object.assign(client, { socket, closed })
}

const create = async (body: object): Promise<string> => {
  const { body: made, text } = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: 'busybox',
    HostConfig: { NetworkMode: 'none' },
    ...body,
  })
  assert.ok(made.Id, text)
  return made.Id
}
const start = async (id: string): Promise<void> =>
  assert.equal((await daemon.api.post(`/containers/${id}/start`)).status, 204)

const STREAMS = 'stream=1&stdin=1&stdout=1&stderr=1'

test('attached before the start: all output, without frames of streams, and a clean end', async () => {
  const id = await create({ Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 3'] })
  const client = await open(`/v1.44/containers/${id}/attach/ws?${STREAMS}`)
  await start(id)
  assert.deepEqual(await client.closed, { code: 1000, wasClean: true })
  assert.deepEqual(client.seen.split('\n').sort(), ['', 'err', 'out'])
  assert.deepEqual([...client.kinds], ['binary'])
})

test('input and output; the client’s close is the end of input with StdinOnce', async () => {
  const id = await create({
    Cmd: ['sh', '-c', 'while read line; do echo "got $line"; done; echo ended'],
    OpenStdin: true,
    StdinOnce: true,
  })
  const client = await open(`/v1.44/containers/${id}/attach/ws?${STREAMS}`)
  await start(id)
  client.socket.send('text\n')
  await until('the first line', () => client.seen.includes('got text'))
  client.socket.send(Buffer.from('bytes\n'))
  await until('the second line', () => client.seen.includes('got bytes'))
  client.socket.close(1000)
  assert.equal((await client.closed).code, 1000)
  assert.equal(await daemon.wait(id), 0)
  assert.equal(await daemon.logs(id), 'got text\ngot bytes\nended\n')
})

test('old clients get all streams, and before 1.28 text', async () => {
  for (const [version, kind] of [
    ['1.27', 'text'],
    ['1.41', 'binary'],
  ] as const) {
    const id = await create({ Cmd: ['sh', '-c', 'echo out; echo err >&2'] })
    const client = await open(`/v${version}/containers/${id}/attach/ws?stream=1`)
    await start(id)
    await client.closed
    assert.deepEqual(client.seen.split('\n').sort(), ['', 'err', 'out'])
    assert.deepEqual([...client.kinds], [kind])
  }
  const id = await create({ Cmd: ['sh', '-c', 'echo out; echo err >&2'] })
  const client = await open(`/v1.42/containers/${id}/attach/ws?stream=1&stderr=1`)
  await start(id)
  await client.closed
  assert.equal(client.seen, 'err\n')
})

test('logs: the past, then what follows', async () => {
  const id = await create({
    Cmd: ['sh', '-c', 'echo past; read line; echo "$line"'],
    OpenStdin: true,
  })
  await start(id)
  await until('the past', async () => (await daemon.logs(id)).includes('past'))
  const client = await open(`/containers/${id}/attach/ws?logs=1&${STREAMS}`)
  await until('the past to come', () => client.seen === 'past\n')
  client.socket.send('now\n')
  await client.closed
  assert.equal(client.seen, 'past\nnow\n')
  const late = await open(`/containers/${id}/attach/ws?logs=1&stdout=1&stderr=1`)
  await late.closed
  assert.equal(late.seen, 'past\nnow\n')
})

test('a terminal: raw bytes, and the detach keys', async () => {
  const id = await create({ Cmd: ['cat'], OpenStdin: true, Tty: true })
  await start(id)
  const client = await open(`/containers/${id}/attach/ws?${STREAMS}&detachKeys=ctrl-a,x`)
  client.socket.send('hello\n')
  await until('the echo', () => client.seen.includes('hello\r\nhello\r\n'))
  client.socket.send('\x01x')
  assert.equal((await client.closed).code, 1000)
  await until('the event of it', async () => {
    const events = await daemon.api.get(
      `/events?since=0&until=${Math.ceil(Date.now() / 1000)}&filters={"event":["detach"]}`,
    )
    return events.text.includes(id)
  })
  assert.equal((await daemon.api.delete(`/containers/${id}?force=1`)).status, 204)
})

test('20 MB through cat', async () => {
  const id = await create({ Cmd: ['cat'], OpenStdin: true, StdinOnce: true })
  const socket = await raw(`/containers/${id}/attach/ws?${STREAMS}`)
  await start(id)
  const sent = createHash('sha256')
  const got = createHash('sha256')
  let size = 0
  const reading = (async () => {
    for await (const payload of payloads(socket)) {
      got.update(payload)
      size += payload.length
    }
  })()
  for (let i = 0; i < 20; i++) {
    const chunk = randomBytes(1 << 20)
    sent.update(chunk)
    if (!socket.write(frame(0x82, chunk))) await once(socket, 'drain')
  }
  // No close frame: the connection's own end, with output to come.
  socket.end()
  await reading
  assert.equal(size, 20 << 20)
  assert.equal(got.digest('hex'), sent.digest('hex'))
})

test('pings are answered, and what is no WebSocket frame ends it with 1002', async () => {
  const id = await create({ Cmd: ['cat'], OpenStdin: true })
  await start(id)
  const socket = await raw(`/containers/${id}/attach/ws?${STREAMS}`)
  socket.write(frame(0x89, Buffer.from('?')))
  assert.deepEqual([...(await bytes(socket, 3))], [0x8a, 1, 0x3f])
  // Unmasked.
  socket.write(Buffer.from([0x82, 1, 0x41]))
  assert.deepEqual([...(await bytes(socket, 4))], [0x88, 2, 3, 234])
  socket.destroy()
  assert.equal((await daemon.api.delete(`/containers/${id}?force=1`)).status, 204)
})

test('refusals are answers of HTTP', async () => {
  const id = await create({ Cmd: ['true'] })
  const path = `/containers/${id}/attach/ws?stream=1`
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
  const cases: ReadonlyArray<[string, Record<string, string>, number, string]> = [
    [path, {}, 400, 'not websocket protocol'],
    [path, { Connection: 'Upgrade', Upgrade: 'tcp' }, 400, 'not websocket protocol'],
    [path, upgrade, 400, 'mismatch challenge/response'],
    [
      path,
      { ...upgrade, 'Sec-WebSocket-Key': 'x', 'Sec-WebSocket-Version': '8' },
      400,
      'missing or bad WebSocket Version',
    ],
    [
      '/containers/none/attach/ws',
      { ...upgrade, 'Sec-WebSocket-Key': 'x' },
      404,
      'No such container: none',
    ],
    [
      `${path}&detachKeys=ctrl-%21`,
      { ...upgrade, 'Sec-WebSocket-Key': 'x' },
      400,
      'Invalid detach keys (ctrl-!) provided',
    ],
  ]
  for (const [target, headers, status, message] of cases) {
    const answer = await daemon.api.request<{ message: string }>('GET', target, undefined, headers)
    assert.deepEqual([answer.status, answer.body.message], [status, message])
  }
})

test('a client that vanishes leaves nothing behind', async () => {
  const id = await create({ Cmd: ['sh', '-c', 'while :; do echo x; usleep 1000; done'] })
  await start(id)
  const { readdirSync } = await import('node:fs')
  const count = (): number => readdirSync(`/proc/${daemon.pid}/fd`).length
  const rested = count()
  for (let i = 0; i < 10; i++) {
    const socket = await raw(`/containers/${id}/attach/ws?${STREAMS}`)
    await bytes(socket, 1)
    socket.destroy()
  }
  // The daemon fills its stock of namespaces meanwhile: less than one for each client.
  await until('their descriptors to go', () => count() < rested + 5)
  assert.equal((await daemon.api.delete(`/containers/${id}?force=1`)).status, 204)
})

/** The connection behind a finished handshake. */
async function raw(path: string): Promise<Socket> {
  const socket = connect({ path: daemon.socket, allowHalfOpen: true })
  await once(socket, 'connect')
  const key = randomBytes(16).toString('base64')
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  let head = ''
  while (!head.endsWith('\r\n\r\n')) head += (await bytes(socket, 1)).toString('latin1')
  assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  assert.ok(head.includes(`Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n`), head)
  return socket
}

/** What has been read of a socket and not been asked for yet. */
const unread = new WeakMap<Socket, Buffer>()

async function bytes(socket: Socket, count: number): Promise<Buffer> {
  const parts = [unread.get(socket) ?? Buffer.alloc(0)]
  let size = parts[0]!.length
  for await (const part of size < count ? socket.iterator({ destroyOnReturn: false }) : []) {
    parts.push(part as Buffer)
    size += (part as Buffer).length
    if (size >= count) break
  }
  if (size < count) throw new Error('the connection has ended')
  const whole = Buffer.concat(parts)
  unread.set(socket, whole.subarray(count))
  return whole.subarray(0, count)
}

/** Payloads of data frames until the close frame. */
async function* payloads(socket: Socket): AsyncGenerator<Buffer> {
  for (;;) {
    const [first, short] = await bytes(socket, 2)
    const length =
      short === 126
        ? (await bytes(socket, 2)).readUInt16BE()
        : short === 127
          ? Number((await bytes(socket, 8)).readBigUInt64BE())
          : short!
    const payload = length === 0 ? Buffer.alloc(0) : await bytes(socket, length)
    if (first === 0x88) return
    yield payload
  }
}

/** A client's frame, masked. */
function frame(first: number, payload: Buffer): Buffer {
  const mask = randomBytes(4)
  const head = Buffer.alloc(payload.length < 126 ? 2 : 10)
  head[0] = first
  head[1] = 0x80 | (payload.length < 126 ? payload.length : 127)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3]!)])
}
