import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type RequestListener, createServer } from 'node:http'
import { type AddressInfo, type Socket, connect, createServer as createTcpServer } from 'node:net'
import { Readable } from 'node:stream'
import { text as readText } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { NetworkError } from './registry-error.ts'
import { type RequestOptions, Transport, networkError } from './transport.ts'

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function transport(t: TestContext): Transport {
  const made = new Transport({ stallTimeoutMs: 500, connectTimeoutMs: 500 })
  t.after(() => made.close())
  return made
}

const ask = (url: string, o: Partial<RequestOptions> = {}): RequestOptions => ({
  method: 'GET',
  url: new URL(url),
  headers: {},
  insecure: true,
  local: true,
  signal: new AbortController().signal,
  ...o,
})

test('redirects keep credentials on the same origin only', async (t) => {
  const seen: Array<[string, string | undefined, string | undefined]> = []
  const other = await serve(t, (request, response) => {
    seen.push(['other', request.headers.authorization, request.headers.range])
    response.end('body')
  })
  const first = await serve(t, (request, response) => {
    seen.push(['first', request.headers.authorization, request.headers.range])
    const location = request.url === '/a' ? '/b' : `${other}/c`
    response.writeHead(307, { location }).end()
  })
  const headers = { authorization: 'Basic secret', range: 'bytes=5-' }
  const response = await transport(t).send(ask(`${first}/a`, { headers }))
  assert.equal(response.sameOrigin, false)
  assert.equal(response.url.href, `${other}/c`)
  response.body.resume()
  assert.deepEqual(seen, [
    ['first', 'Basic secret', 'bytes=5-'],
    ['first', 'Basic secret', 'bytes=5-'],
    ['other', undefined, 'bytes=5-'],
  ])
})

test('redirects that go nowhere good', async (t) => {
  const targets: Record<string, string> = {
    '/loop': '/loop',
    '/file': 'file:///etc/passwd',
    '/bad': 'http://[',
    '/metadata': 'http://169.254.169.254/latest',
    '/loopback': 'http://127.0.0.2:1/',
    '/zero': 'http://0.0.0.0:1/',
    '/six': 'http://[fe80::1]/',
  }
  const host = await serve(t, (request, response) => {
    response.writeHead(302, { location: targets[request.url ?? ''] ?? '' }).end()
  })
  const sender = transport(t)
  await assert.rejects(sender.send(ask(`${host}/loop`)), /stopped after 10 redirects/)
  await assert.rejects(sender.send(ask(`${host}/file`)), /unsupported protocol scheme "file"/)
  await assert.rejects(sender.send(ask(`${host}/bad`)), /failed to parse Location header/)
})

test('a public registry reaches no address inside', async (t) => {
  const sender = transport(t)
  for (const address of [
    '127.0.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '[::1]',
    '[fe80::1]',
    '[::ffff:127.0.0.1]',
  ]) {
    const asked = sender.send(ask(`http://${address}:1/`, { local: false }))
    await assert.rejects(asked, /refusing to connect to/, address)
  }
  await assert.rejects(
    sender.send(ask('http://localhost:1/', { local: false })),
    /refusing to connect to localhost/,
  )
})

test('failures speak as Go does', async (t) => {
  const sender = transport(t)
  const refused = (await sender
    .send(ask('http://127.0.0.1:1/v2/x'))
    .catch((e: unknown) => e)) as NetworkError
  assert.equal(
    refused.message,
    'Get "http://127.0.0.1:1/v2/x": dial tcp 127.0.0.1:1: connect: connection refused',
  )
  assert.equal(refused.permanent, false)
  const named = { method: 'HEAD' as const, named: 'http://127.0.0.1:1/v2/' }
  await assert.rejects(sender.send(ask('http://127.0.0.1:1/v2/x', named)), {
    message: /^Get "http:\/\/127.0.0.1:1\/v2\/": dial/,
  })
  const plain = await serve(t, (_request, response) => response.end())
  const tls = (await sender
    .send(ask(plain.replace('http:', 'https:')))
    .catch((e: unknown) => e)) as NetworkError
  assert.match(tls.message, /http: server gave HTTP response to HTTPS client/)
  assert.equal(tls.permanent, true)
  const closing = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(closing, 'listening')
  t.after(() => closing.close())
  const { port } = closing.address() as AddressInfo
  await assert.rejects(
    sender.send(ask(`http://127.0.0.1:${port}/`)),
    /": (EOF|read: connection reset by peer)$/,
  )
})

test('a server that never answers is given up', async (t) => {
  const silent = await serve(t, () => {})
  await assert.rejects(transport(t).send(ask(silent)), /timeout awaiting response/)
})

test('an abort is an abort, not a network error', async (t) => {
  const silent = await serve(t, () => {})
  const abort = new AbortController()
  const asked = transport(t).send(ask(silent, { signal: abort.signal }))
  setImmediate(() => abort.abort())
  await assert.rejects(asked, { name: 'AbortError' })
})

test('certificates nobody vouches for', () => {
  const error = Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  const told = networkError(error, 'GET', 'https://r.test/v2/', new URL('https://r.test/v2/'))
  assert.equal(
    told.message,
    'Get "https://r.test/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
  )
})

/** A proxy that remembers what it was asked for; tunnels end at `target`. */
async function proxy(t: TestContext, target?: string): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`)
    response.end('by proxy')
  })
  server.on('connect', (request, socket: Socket) => {
    seen.push(`CONNECT ${request.url} ${request.headers.authorization ?? ''}`)
    if (target === undefined) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const { port } = new URL(target)
    const inner = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      inner.pipe(socket).pipe(inner)
    })
    inner.on('error', () => socket.destroy())
    socket.on('error', () => inner.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://u:p@127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

function setEnvironment(t: TestContext, name: string, value: string): void {
  const before = process.env[name]
  process.env[name] = value
  t.after(() => {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  })
}

test('plain requests go through the proxy, those for TLS through a tunnel', async (t) => {
  const plain = await serve(t, (_request, response) => response.end())
  const through = await proxy(t, plain)
  setEnvironment(t, 'HTTP_PROXY', through.url)
  setEnvironment(t, 'HTTPS_PROXY', through.url)
  const sender = transport(t)
  const headers = { authorization: 'Basic secret' }
  const answer = await sender.send(ask('http://registry.invalid/v2/', { local: false, headers }))
  assert.equal(answer.status, 200)
  answer.body.resume()
  await assert.rejects(
    sender.send(ask('https://registry.invalid/v2/', { local: false, headers })),
    /server gave HTTP response to HTTPS client/,
  )
  assert.deepEqual(through.seen, [
    `GET http://registry.invalid/v2/ Basic ${Buffer.from('u:p').toString('base64')}`,
    // What is meant for the registry is not for the proxy.
    'CONNECT registry.invalid:443 ',
  ])
})

test('a proxy that refuses is told as Go tells it', async (t) => {
  const refusing = await proxy(t)
  setEnvironment(t, 'HTTPS_PROXY', refusing.url)
  await assert.rejects(transport(t).send(ask('https://registry.invalid/v2/', { local: false })), {
    message: 'Get "https://registry.invalid/v2/": Forbidden',
  })
})

test('a body is sent anew where a redirect keeps the method, and not at all where it does not', async (t) => {
  const seen: Array<[string, string, string | undefined]> = []
  const other = await serve(t, (request, response) => {
    void readText(request).then((body) => {
      seen.push([request.method ?? '', body, request.headers.authorization])
      response.writeHead(201).end()
    })
  })
  const first = await serve(t, (request, response) => {
    void readText(request).then(() => {
      const status = request.url === '/keep' ? 307 : 302
      response.writeHead(status, { location: `${other}/c` }).end()
    })
  })
  const options = {
    method: 'PUT',
    body: () => Readable.from([Buffer.from('one '), Buffer.from('two')]),
    headers: { authorization: 'Basic secret', 'content-length': '7' },
  } as const
  const kept = await transport(t).send(ask(`${first}/keep`, options))
  kept.body.resume()
  assert.equal(kept.status, 201)
  assert.deepEqual(seen, [['PUT', 'one two', undefined]])
  const changed = await transport(t).send(ask(`${first}/change`, options))
  changed.body.resume()
  assert.equal(changed.status, 302)
  assert.equal(seen.length, 1)
})
