/** Large archives, slow and vanishing clients, containers that go away meanwhile. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type ClientRequest, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { patience } from '../../lib/patience.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { makeTar, tarEntry } from '../kernel/tar-maker.ts'
import { create, entriesOf, get, head, inside, put, remove, sleeper } from './archive-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const descriptors = (): number => readdirSync(`/proc/${daemon.pid}/fd`).length
const memory = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) / 1024

const at = (id: string, path: string): string => `/containers/${id}/archive?path=${path}`

function upload(id: string, headers: object = {}): ClientRequest {
  return httpRequest({
    socketPath: daemon.socket,
    method: 'PUT',
    path: at(id, '/tmp'),
    headers: { ...headers },
    agent: false,
  })
}

async function answerOf(request: ClientRequest): Promise<{ status: number; text: string }> {
  const [answer] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
  let text = ''
  for await (const part of answer) text += String(part)
  return { status: answer.statusCode ?? 0, text }
}

test('300 MB in, by chunks of odd sizes, and out again: the same bytes, flat memory', async () => {
  const id = await sleeper(daemon)
  const size = 300 * 1024 * 1024
  const piece = Buffer.alloc(1 << 20, 'x')
  const header = tarEntry({ name: 'large', size })
  await put(daemon, id, '/tmp', makeTar({ name: 'warm', content: 'up' }))
  const before = memory()
  const request = upload(id)
  const hash = createHash('sha256')
  request.write(header)
  for (let sent = 0, n = 1; sent < size; n++) {
    piece.writeUInt32LE(n)
    const part = Buffer.from(
      piece.subarray(0, Math.min(size - sent, 100_003 + ((n * 7919) % 900_000))),
    )
    hash.update(part)
    sent += part.length
    if (!request.write(part)) await once(request, 'drain')
  }
  request.end(Buffer.alloc(1024))
  assert.equal((await answerOf(request)).status, 200)
  const seen = createHash('sha256')
  let skipped = 0
  let left = size
  for await (const part of await daemon.api.stream('GET', at(id, '/tmp/large'))) {
    const bytes = part as Buffer
    const start = Math.min(bytes.length, 512 - skipped)
    skipped += start
    const data = bytes.subarray(start, start + left)
    left -= data.length
    seen.update(data)
  }
  assert.equal(left, 0)
  assert.equal(seen.digest('hex'), hash.digest('hex'))
  assert.ok(memory() - before < 100, `${memory() - before} MB more`)
  await remove(daemon, id)
})

test('clients that break off leave nothing open, and what came whole stays', async () => {
  const id = await sleeper(daemon)
  await put(daemon, id, '/tmp', makeTar({ name: 'big', content: Buffer.alloc(20_000_000) }))
  await head(daemon, id, '/tmp/big')
  const before = descriptors()
  for (let i = 0; i < 10; i++) {
    const download = httpRequest({
      socketPath: daemon.socket,
      path: at(id, '/tmp/big'),
      agent: false,
    })
    download.end()
    const [answer] = (await once(download, 'response')) as [import('node:http').IncomingMessage]
    await once(answer, 'data')
    answer.destroy()
    const partly = upload(id, { 'Content-Length': 10_000_000 })
    partly.on('error', () => {})
    partly.write(
      Buffer.concat([
        tarEntry({ name: `whole${i}`, content: 'whole' }),
        tarEntry({ name: 'part', size: 9_000_000 }),
      ]),
    )
    await until(
      'first entry',
      async () => (await head(daemon, id, `/tmp/whole${i}`)).status === 200,
    )
    partly.destroy()
  }
  await until('descriptors given back', () => descriptors() <= before + 2)
  await remove(daemon, id)
})

test('clients that are gone before their answer begins leave nothing open', async () => {
  const id = await sleeper(daemon)
  await head(daemon, id, '/etc/passwd')
  const before = descriptors()
  for (let i = 0; i < 100; i++) {
    const socket = connect(daemon.socket)
    socket.on('error', () => {})
    const path = i % 3 === 0 ? `/containers/${id}/export` : at(id, '/etc')
    socket.write(`${i % 3 === 1 ? 'PUT' : 'GET'} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await delay(i % 4)
    socket.destroy()
  }
  await until('descriptors given back', () => descriptors() <= before + 2)
  assert.equal((await head(daemon, id, '/etc/passwd')).status, 200)
  await remove(daemon, id)
})

test('a download nobody reads holds up nobody else', async () => {
  const id = await sleeper(daemon)
  await put(daemon, id, '/tmp', makeTar({ name: 'big', content: Buffer.alloc(20_000_000) }))
  const sockets = Array.from({ length: 80 }, () => connect(daemon.socket))
  for (const socket of sockets) {
    socket.on('error', () => {})
    socket.write(`GET ${at(id, '/tmp/big')} HTTP/1.1\r\nHost: x\r\n\r\n`)
    socket.pause()
  }
  await delay(300)
  const began = Date.now()
  assert.equal((await get(daemon, id, '/etc/passwd'))[0]?.name, 'passwd')
  assert.equal(await inside(daemon, id, 'echo alive'), 'alive\n')
  assert.ok(Date.now() - began < 10_000 * patience)
  await remove(daemon, id)
  for (const socket of sockets) socket.destroy()
})

test('a container is stopped, started and removed under an upload', async () => {
  const id = await create(daemon, { HostConfig: { NetworkMode: 'none' } })
  const slow = upload(id, { 'Content-Length': 1_000_000 })
  const answer = answerOf(slow)
  slow.write(tarEntry({ name: 'first', content: '1' }))
  await until('first entry', async () => (await head(daemon, id, '/tmp/first')).status === 200)
  const began = Date.now()
  assert.equal((await daemon.api.delete(`/containers/${id}`)).status, 204)
  assert.ok(Date.now() - began < 9_000 * patience, 'removal waited for a client')
  const { status, text } = await answer
  assert.equal(status, 409)
  assert.match(text, /was started or removed/)
  slow.destroy()
})

test('a root that is gone: what a download began with is read on', async () => {
  const id = await sleeper(daemon)
  await put(daemon, id, '/tmp', makeTar({ name: 'big', content: Buffer.alloc(8_000_000, 'b') }))
  const stream = await daemon.api.stream('GET', at(id, '/tmp/big'))
  await once(stream, 'readable')
  await daemon.api.post(`/containers/${id}/kill`)
  await daemon.wait(id)
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  assert.equal((await entriesOf(Buffer.concat(parts)))[0]?.size, 8_000_000)
  await remove(daemon, id)
})

test('errors reach a client that is still sending', async () => {
  const id = await sleeper(daemon)
  const request = upload(id)
  request.on('error', () => {})
  const answer = answerOf(request)
  request.write(Buffer.alloc(64 * 1024, 0xff))
  for (let i = 0; i < 50; i++) request.write(Buffer.alloc(1 << 20))
  assert.deepEqual(await answer, {
    status: 500,
    text: '{"message":"archive/tar: invalid tar header"}\n',
  })
  request.destroy()
  await remove(daemon, id)
})

test('clients of every kind: Expect, HTTP/1.0, compressed answers', async () => {
  const id = await sleeper(daemon)
  const tar = makeTar({ name: 'f', content: 'expected' })
  const request = upload(id, { Expect: '100-continue', 'Content-Length': tar.length })
  request.on('continue', () => request.end(tar))
  request.flushHeaders()
  assert.equal((await answerOf(request)).status, 200)
  const packed = await new Promise<Buffer>((resolve, reject) => {
    const headers = { 'Accept-Encoding': 'gzip' }
    httpRequest(
      { socketPath: daemon.socket, path: at(id, '/tmp/f'), headers, agent: false },
      (answer) => {
        assert.equal(answer.headers['content-encoding'], 'gzip')
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () => resolve(Buffer.concat(parts)))
      },
    )
      .on('error', reject)
      .end()
  })
  assert.equal((await entriesOf(gunzipSync(packed)))[0]?.content.toString(), 'expected')
  const upload10 = connect(daemon.socket)
  const tar10 = makeTar({ name: 'ten', content: '1.0' })
  upload10.write(`PUT ${at(id, '/tmp')} HTTP/1.0\r\nContent-Length: ${tar10.length}\r\n\r\n`)
  upload10.write(tar10)
  for await (const part of upload10) assert.match(String(part), /^HTTP\/1\.1 200 OK/)
  assert.equal((await get(daemon, id, '/tmp/ten'))[0]?.content.toString(), '1.0')
  const old = connect(daemon.socket)
  old.write(`GET ${at(id, '/tmp/f')} HTTP/1.0\r\n\r\n`)
  let text = ''
  for await (const part of old) text += String(part)
  assert.match(text, /^HTTP\/1\.1 200 OK/)
  assert.doesNotMatch(text, /Transfer-Encoding/)
  assert.match(text, /expected/)
  await remove(daemon, id)
})
