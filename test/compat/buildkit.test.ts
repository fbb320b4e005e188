/** Clients that would build with BuildKit: they get a sentence, and nobody waits. */
import assert from 'node:assert/strict'
import http from 'node:http'
import http2 from 'node:http2'
import type { Socket } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon, hasProgram } from '../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const SENTENCE = /builds without BuildKit: use "DOCKER_BUILDKIT=0 docker build", or "tdocker build"/

/** The connection after `101`. */
async function upgraded(path: string): Promise<Socket> {
  const request = http.request({
    socketPath: daemon.socket,
    method: 'POST',
    path,
    headers: { Connection: 'Upgrade', Upgrade: 'h2c' },
  })
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  request.on('upgrade', (_response, socket, head) => {
    if (head.length > 0) socket.unshift(head)
    resolve(socket as Socket)
  })
  request.on('response', ({ statusCode }) => reject(new Error(`status ${statusCode}`)))
  request.on('error', reject)
  request.end()
  return promise
}

test('calls over /grpc fail with what to do instead', { timeout: 30_000 }, async () => {
  const socket = await upgraded('/v1.51/grpc')
  const session = http2.connect('http://docker', { createConnection: () => socket })
  for (const call of ['Info', 'Solve']) {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/moby.buildkit.v1.Control/${call}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
      stream.on('response', resolve)
      stream.on('error', reject)
    })
    stream.resume()
    assert.equal(headers['grpc-status'], '9')
    assert.match(decodeURIComponent(String(headers['grpc-message'])), SENTENCE)
  }
  session.destroy()
})

test('a session is held until its client goes', { timeout: 30_000 }, async () => {
  const socket = await upgraded('/session')
  assert.equal(socket.readableEnded, false)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.end()
  socket.resume()
  await closed
})

test('what does not upgrade is told so', async () => {
  for (const path of ['/grpc', '/session']) {
    const answer = await daemon.api.post<{ message: string }>(path)
    assert.equal(answer.status, 500)
    assert.equal(answer.body.message, 'no upgrade proto in request')
  }
})

const noBuildx = hasProgram('docker-buildx') ? undefined : 'no docker-buildx on the PATH'
test('buildx says it', { skip: noBuildx, timeout: 60_000 }, async () => {
  const directory = join(daemon.directory, 'ctx')
  mkdirSync(directory)
  writeFileSync(join(directory, 'Dockerfile'), 'FROM busybox\nRUN true\n')
  for (const more of [[], ['--progress=plain'], ['-q']]) {
    const made = await daemon.command('timeout', [
      '20',
      'docker-buildx',
      'build',
      ...more,
      directory,
    ])
    assert.notEqual(made.status, 0)
    assert.notEqual(made.status, 124, 'no hang')
    assert.match(made.stderr, SENTENCE)
  }
})
