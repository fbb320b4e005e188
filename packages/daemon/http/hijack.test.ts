import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Socket, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { notFound } from '@tdocker/engine/base/errors.ts'
import type { Hijack } from './backend.ts'
import { fakeBackend } from './fake-backend.ts'
import { drain, override, readUntil, startHarness, type Harness } from './harness.ts'
import type { Descriptors } from './hijack.ts'
import { makeApi } from './server.ts'

// Descriptors are the kernel's: nothing else in Node can duplicate one.
const native = createRequire(import.meta.url)('../../../build/Release/kernel.node') as Descriptors

let h: Harness
before(async () => {
  h = await startHarness(native)
})
after(() => h[Symbol.asyncDispose]())

const attach = (extra = ''): string =>
  `POST /v1.44/containers/x/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n${extra}`
const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
const execStart = (body: string, extra = upgrade): string =>
  `POST /exec/e/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${extra}${body}`

/** The engine's part: greets, then sends back what comes, until the client ends its side. */
async function echo(hijack: Hijack, multiplexed = true, headRead = false): Promise<void> {
  const { fd, head } = await hijack.take({ multiplexed, headRead })
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true })
  socket.on('error', () => {})
  socket.write(`hello<${head.toString()}>`)
  socket.on('data', (chunk: Buffer) => socket.write(chunk))
  socket.on('end', () => socket.end('bye'))
}

test('an upgraded attach: 101, the client’s own descriptor, half-close, output after it', async () => {
  h.backend.onHijack = (hijack) => echo(hijack)
  const socket = await h.connect()
  socket.write(attach(upgrade))
  const head = await readUntil(socket, 'hello<>')
  assert.match(head, /^HTTP\/1\.1 101 UPGRADED\r\n/)
  assert.match(head, /\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream\r\n/)
  assert.match(head, /\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n/)
  socket.write('ping')
  await readUntil(socket, 'ping')
  socket.end('last')
  assert.equal(await drain(socket), 'lastbye')
})

test('output does not follow before the client has read the answer', async () => {
  h.backend.onHijack = (hijack) => echo(hijack, true, true)
  const socket = await h.connect()
  socket.pause()
  socket.write(attach(upgrade))
  await delay(10)
  const first = once(socket, 'data')
  socket.resume()
  assert.match(String((await first)[0]), /^HTTP\/1\.1 101 UPGRADED[^]*\r\n\r\n$/)
  socket.destroy()
})

test('nor is it kept for ever from one who does not read', async () => {
  const { promise: taken, resolve } = Promise.withResolvers<void>()
  h.backend.onHijack = (hijack) => echo(hijack, true, true).then(resolve)
  const socket = await h.connect()
  socket.pause()
  socket.write(attach(upgrade))
  await taken
  await readUntil(socket, 'hello<>')
  socket.destroy()
})

test('the type of a hijacked stream depends on terminal, version and upgrade', async () => {
  const typeOf = async (request: string, multiplexed: boolean): Promise<string | undefined> => {
    h.backend.onHijack = (hijack) => echo(hijack, multiplexed)
    const socket = await h.connect()
    socket.write(request)
    const head = await readUntil(socket, 'hello<')
    socket.destroy()
    return /Content-Type: application\/vnd\.docker\.(\S+)/.exec(head)?.[1]
  }
  assert.equal(await typeOf(attach(upgrade), true), 'multiplexed-stream')
  assert.equal(await typeOf(attach(upgrade), false), 'raw-stream')
  assert.equal(await typeOf(attach(upgrade).replace('1.44', '1.41'), true), 'raw-stream')
  assert.equal(await typeOf(attach('\r\n'), true), 'raw-stream')
})

test('bytes sent along with the request are stdin, not lost', async () => {
  h.backend.onHijack = (hijack) => echo(hijack)
  const socket = await h.connect()
  socket.write(`${attach(upgrade)}early`)
  await readUntil(socket, 'hello<early>')
  socket.destroy()
})

test('the body of an upgraded exec start is cut off before stdin, however it arrives', async () => {
  const body = '{"Detach":false,"Tty":true,"ConsoleSize":[24,80]}'
  for (const size of [1000, 1, 7, 190]) {
    h.backend.calls.length = 0
    h.backend.onHijack = (hijack) => echo(hijack, false)
    const socket = await h.connect()
    const wire = `${execStart(body)}stdin`
    for (let at = 0; at < wire.length; at += size) {
      socket.write(wire.slice(at, at + size))
      await new Promise(setImmediate)
    }
    const seen = await readUntil(socket, 'stdin')
    assert.match(seen, /^HTTP\/1\.1 101 UPGRADED/)
    assert.deepEqual(h.backend.calls[0]?.args, [
      'e',
      { Detach: false, Tty: true, ConsoleSize: [24, 80] },
    ])
    socket.destroy()
  }
})

test('a chunked body is understood, too', async () => {
  h.backend.calls.length = 0
  h.backend.onHijack = (hijack) => echo(hijack, false)
  const socket = await h.connect()
  socket.write(
    `POST /exec/e/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n${upgrade}`,
  )
  socket.write('6;x=y\r\n{"Tty"\r\n6\r\n:true}\r\n0\r\nTrailer: x\r\n\r\nstdin')
  await readUntil(socket, 'stdin')
  assert.deepEqual(h.backend.calls[0]?.args, ['e', { Tty: true }])
  socket.destroy()
})

test('errors before the hijack are ordinary answers', async () => {
  const status = async (request: string): Promise<string> => {
    const socket = await h.connect()
    socket.write(request)
    return drain(socket)
  }
  h.backend.onHijack = async () => {
    throw notFound('No such container: x')
  }
  assert.match(
    await status(attach(upgrade)),
    /^HTTP\/1\.1 404 Not Found\r\n.*Api-Version: 1\.56.*\{"message":"No such container: x"\}\n$/s,
  )
  assert.match(
    await status(attach('Connection: close\r\n\r\n')),
    /^HTTP\/1\.1 404 .*No such container: x/s,
  )
  assert.match(await status(execStart('{"Tty":"x"}')), /^HTTP\/1\.1 400 .*cannot unmarshal string/s)
  assert.match(await status(execStart('{')), /^HTTP\/1\.1 400 .*unexpected EOF/s)
  assert.match(
    await status(attach(upgrade).replace('v1.44', 'v1.99')),
    /^HTTP\/1\.1 400 .*too new/s,
  )
})

test('a body that never comes whole is no hijack', async () => {
  const socket = await h.connect()
  socket.end(execStart('{"Tty":true}').slice(0, -4))
  assert.match(await drain(socket), /^HTTP\/1\.1 400 /)
})

test('an upgrade sent before the answer to an earlier request comes after it', async () => {
  h.backend.onHijack = (hijack) => echo(hijack)
  let answer = (): void => {}
  using _start = override(h.backend.containers, 'start', async () => {
    await new Promise<void>((resolve) => (answer = resolve))
  })
  const socket = await h.connect()
  socket.write('POST /containers/x/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  socket.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n')
  socket.write(`${attach(upgrade)}early`)
  // Other requests are answered meanwhile.
  for (let i = 0; i < 20; i++) assert.equal((await h.call('GET', '/_ping')).status, 200)
  answer()
  const seen = await readUntil(socket, 'hello<early>')
  assert.match(seen, /^HTTP\/1\.1 204 [^]*HTTP\/1\.1 200 OK[^]*HTTP\/1\.1 101 UPGRADED/)
  socket.destroy()
})

test('without Upgrade it is a raw stream until the end', async () => {
  h.backend.onHijack = (hijack) => echo(hijack)
  const socket = await h.connect()
  socket.write(attach('\r\n'))
  const head = await readUntil(socket, 'hello<>')
  assert.match(head, /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/)
  assert.doesNotMatch(head, /Transfer-Encoding/)
  socket.write('typed')
  await readUntil(socket, 'typed')
  socket.end()
  assert.equal(await drain(socket), 'bye')

  const exec = await h.connect()
  exec.write(execStart('{"Tty":false}', '\r\n'))
  assert.match(await readUntil(exec, 'hello<>'), /^HTTP\/1\.1 200 OK/)
  exec.end()
  assert.equal(await drain(exec), 'bye')
})

test('a detached exec start on an upgraded request is answered and closed', async () => {
  const socket = await h.connect()
  socket.write(execStart('{"Detach":true}'))
  assert.match(await drain(socket), /^HTTP\/1\.1 200 OK/)
})

test('a large transfer passes in both directions', async () => {
  h.backend.onHijack = (hijack) => echo(hijack)
  const socket = await h.connect()
  socket.write(attach(upgrade))
  await readUntil(socket, 'hello<>')
  const sent = Buffer.alloc(4 << 20, 'x')
  socket.end(sent)
  assert.equal((await drain(socket)).length, sent.length + 'bye'.length)
})

test('no descriptor stays behind', async () => {
  const count = (): number =>
    execFileSync('ls', [`/proc/${process.pid}/fd`])
      .toString()
      .split('\n').length
  h.backend.onHijack = (hijack) => echo(hijack)
  const round = async (): Promise<void> => {
    const socket = await h.connect()
    socket.write(attach(upgrade))
    await readUntil(socket, 'hello<>')
    socket.end()
    await drain(socket)
  }
  await round()
  const start = count()
  for (let i = 0; i < 20; i++) await round()
  // Ends are noticed in turns of the event loop; the test's time limit is the other end of it.
  while (count() > start) await new Promise(setImmediate)
})

test('over TLS Node pumps, with ends handed on in both directions', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tdocker-tls-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = (name: string): string => join(directory, name)
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'],
      ...['-keyout', file('key.pem'), '-out', file('cert.pem')],
    ],
    { stdio: 'ignore' },
  )
  const cert = readFileSync(file('cert.pem'))
  const backend = fakeBackend()
  backend.onHijack = (hijack) => echo(hijack)
  const log = { error: () => {} }
  const api = makeApi({ engine: { ...backend, native }, log, version: '0.1.0' })
  const server = api.server({ cert, key: readFileSync(file('key.pem')) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const connect = async (request: string): Promise<Socket> => {
    const socket = connectTls({
      ...{ allowHalfOpen: true },
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: cert,
    })
    await once(socket, 'secureConnect')
    socket.write(request)
    return socket
  }
  for (const request of [`${attach(upgrade)}early`, `${execStart('{"Tty":false}')}early`]) {
    const socket = await connect(request)
    assert.match(await readUntil(socket, 'early'), /^HTTP\/1\.1 101 UPGRADED/)
    const sent = Buffer.alloc(1 << 20, 'y')
    socket.end(sent)
    const rest = await drain(socket)
    assert.ok(rest.endsWith('ybye'))
    assert.ok(rest.length >= sent.length)
  }
})
