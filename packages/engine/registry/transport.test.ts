import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type RequestListener, createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
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
