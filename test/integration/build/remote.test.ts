/** What a build fetches: contexts and Dockerfiles by address, files of ADD; and what is too much. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, contextOf, outputOf } from './build-rig.ts'

let daemon: TestDaemon
let server: Server
let at: string
before(async () => {
  daemon = await TestDaemon.start()
  const context = await contextOf({ 'inner/Dockerfile': 'FROM busybox\nCOPY f /f\n', f: 'fetched' })
  const answers: Record<string, [type: string, body: Buffer]> = {
    '/context.tar': ['application/x-tar', context],
    '/Dockerfile': ['text/plain; charset=utf-8', Buffer.from('FROM busybox\nRUN echo text > /f\n')],
    '/file.txt': ['text/plain', Buffer.from('a file')],
  }
  server = createServer((request, response) => {
    const [type, body] = answers[request.url ?? ''] ?? []
    if (!body) return void response.writeHead(404).end('no')
    response.writeHead(200, {
      'Content-Type': type,
      'Last-Modified': 'Sat, 03 Feb 2001 04:05:06 GMT',
    })
    response.end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(async () => {
  server.close()
  await daemon[Symbol.asyncDispose]()
})

test('a context and a Dockerfile by their addresses', async () => {
  const tar = await built(daemon, Buffer.alloc(0), {
    remote: `${at}/context.tar`,
    dockerfile: 'inner/Dockerfile',
  })
  assert.equal(await outputOf(daemon, tar.id, 'cat /f'), 'fetched')
  const text = await built(daemon, Buffer.alloc(0), { remote: `${at}/Dockerfile` })
  assert.equal(await outputOf(daemon, text.id, 'cat /f'), 'text\n')
  const missing = await build(daemon, Buffer.alloc(0), { remote: `${at}/nope` })
  assert.equal(missing.status, 404)
})

test('ADD of a URL: private, of the server’s time, checked', async () => {
  const digest = `sha256:${createHash('sha256').update('a file').digest('hex')}`
  const made = await built(daemon, {
    Dockerfile: `FROM busybox\nADD ${at}/file.txt /added/\nADD --checksum=${digest} --chmod=644 ${at}/file.txt /named\n`,
  })
  assert.equal(
    await outputOf(daemon, made.id, 'cat /added/file.txt /named; stat -c "%a %Y" /added/file.txt /named'),
    'a filea file600 981173106\n644 981173106\n',
  )
  const wrong = await build(daemon, {
    Dockerfile: `FROM busybox\nADD --checksum=sha256:${'0'.repeat(64)} ${at}/file.txt /f\n`,
  })
  assert.match(wrong.error, /^digest mismatch sha256:/)
})

test('too many instructions, layers or characters are refused, and the daemon lives on', async () => {
  const steps = await build(daemon, { Dockerfile: `FROM busybox\n${'ENV A=1\n'.repeat(5000)}` })
  assert.match(steps.error, /5000 instructions/)
  const large = await build(daemon, { Dockerfile: `FROM busybox\n#${'x'.repeat(3 << 20)}\n` })
  assert.equal(large.status, 400)
  const bomb = Array.from({ length: 60 }, () => 'ENV A=$A$A$A$A').join('\n')
  const expanded = await build(daemon, { Dockerfile: `FROM busybox\nENV A=0123456789\n${bomb}\n` })
  assert.notEqual(expanded.error, '')
  const layers = await build(daemon, {
    Dockerfile: `FROM busybox\n${Array.from({ length: 130 }, (_, n) => `COPY f /${n}`).join('\n')}\n`,
    f: '',
  })
  assert.equal(layers.error, 'max depth exceeded')
  assert.equal((await daemon.api.get('/_ping')).status, 200)
})
