import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { conflict, EngineError, type ErrorKind } from '@tdocker/engine/base/errors.ts'
import { operations } from '@tdocker/api/operations.ts'
import { ownOperations } from '@tdocker/api/own-operations.ts'
import { drain, messageIn, override, startHarness, type Harness } from './harness.ts'
import { allRoutes } from './routes/all.ts'
import { fakeBackend } from './fake-backend.ts'

let h: Harness
before(async () => {
  h = await startHarness()
})
after(() => h[Symbol.asyncDispose]())

test('_ping answers with what clients negotiate by', async () => {
  const answer = await h.call('GET', '/_ping')
  assert.equal(answer.status, 200)
  assert.equal(answer.text, 'OK')
  const { date: _date, ...headers } = answer.headers
  assert.deepEqual(headers, {
    'api-version': '1.56',
    'builder-version': '1',
    'cache-control': 'no-cache, no-store, must-revalidate',
    'content-length': '2',
    'content-type': 'text/plain; charset=utf-8',
    'docker-experimental': 'false',
    connection: 'close',
    ostype: 'linux',
    pragma: 'no-cache',
    server: 'Docker/0.1.0 (linux)',
    swarm: 'inactive',
  })
  const head = await h.call('HEAD', '/v1.30/_ping')
  assert.equal(head.status, 200)
  assert.equal(head.headers['content-length'], '0')
  assert.equal(head.headers['api-version'], '1.56')
})

test('versions outside of the window are refused with moby’s sentences', async () => {
  for (const path of ['/_ping', '/info', '/containers/json']) {
    const young = await h.call('GET', `/v1.99${path}`)
    assert.equal(young.status, 400)
    assert.equal(
      messageIn(young),
      'client version 1.99 is too new. Maximum supported API version is 1.56',
    )
    const old = await h.call('GET', `/v1.11${path}`)
    assert.equal(old.status, 400)
    // So old a client prints the body as it is.
    assert.equal(old.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(
      old.text,
      'client version 1.11 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n',
    )
  }
})

test('every answer tells who speaks', async () => {
  for (const [method, path] of [
    ['GET', '/version'],
    ['GET', '/bogus'],
    ['GET', '/swarm'],
    ['POST', '/containers/missing/start'],
    ['OPTIONS', '/anything'],
    ['GET', '/events?until=1'],
  ] as const) {
    const { headers } = await h.call(method, path)
    assert.equal(headers['api-version'], '1.56', path)
    assert.equal(headers['ostype'], 'linux', path)
    assert.equal(headers['server'], 'Docker/0.1.0 (linux)', path)
    assert.equal(headers['docker-experimental'], 'false', path)
  }
})

test('a connection that ends within a body is not waited on, with Upgrade either', async () => {
  for (const extra of ['', 'Connection: Upgrade\r\nUpgrade: websocket\r\n']) {
    const socket = await h.connect()
    socket.end(
      `POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${extra}` +
        'Content-Length: 20\r\n\r\n{"Image":',
    )
    // Broken off without an answer, or with 400.
    assert.doesNotMatch(await drain(socket).catch(() => ''), /^HTTP\/1\.1 [25]/)
  }
})

test('what is no route is no page, whatever the method', async () => {
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/bogus'],
    ['GET', '/v1.40/bogus'],
    ['GET', '/v1.99/bogus'],
    ['PATCH', '/info'],
    ['HEAD', '/info'],
    ['POST', '/_ping'],
    ['GET', '/containers//json'],
    ['GET', '/info/'],
  ] as const) {
    const answer = await h.call(method, path)
    assert.equal(answer.status, 404, `${method} ${path}`)
    if (method !== 'HEAD') assert.equal(messageIn(answer), 'page not found')
  }
  assert.equal((await h.call('GET', '/images/%zz/json')).status, 400)
  assert.equal((await h.call('OPTIONS', '/v1.40/info')).status, 200)
})

test('each of the 108 operations is served, or says by name that it is not', async () => {
  const served = new Set(Object.keys(allRoutes(fakeBackend())))
  served.add('SystemPing').add('SystemPingHead')
  const ids = new Set([...operations, ...ownOperations].map((o) => o.id))
  for (const id of served) assert.ok(ids.has(id), `${id} is no operation`)
  for (const { id, method, path } of operations.filter((o) => !served.has(o.id))) {
    const answer = await h.call(method, path.replaceAll(/\{\w+\}/g, 'x'))
    assert.equal(answer.status, 501, id)
    if (method === 'HEAD') continue
    assert.equal(messageIn(answer), `${id} (${method} ${path}) is not supported by tdocker yet`)
  }
})

test('a kind of error is one status', async () => {
  const statuses: Record<ErrorKind, number> = {
    notFound: 404,
    invalidParameter: 400,
    conflict: 409,
    unauthorized: 401,
    forbidden: 403,
    notAllowed: 405,
    tooManyRequests: 429,
    unavailable: 503,
    notModified: 304,
    notImplemented: 501,
    cancelled: 500,
    system: 500,
  }
  for (const [kind, status] of Object.entries(statuses)) {
    using _start = override(h.backend.containers, 'start', async () => {
      throw new EngineError(kind as ErrorKind, `because of ${kind}`)
    })
    const answer = await h.call('POST', '/containers/x/start')
    assert.equal(answer.status, status)
    if (status === 304) assert.equal(answer.text, '')
    else assert.equal(answer.text, `{"message":"because of ${kind}"}\n`)
  }
  using _start = override(h.backend.containers, 'start', async () => {
    throw new TypeError('x is undefined')
  })
  const unknown = await h.call('POST', '/containers/x/start')
  assert.equal(unknown.status, 500)
  assert.equal(messageIn(unknown), 'x is undefined')
  assert.ok(h.logged.some(({ details }) => (details as { url: string }).url.includes('/start')))
})

test('bodies are JSON, and say so', async () => {
  const post = (text: string, type?: string) =>
    h.call('POST', '/containers/create', {
      text,
      headers: type === undefined ? {} : { 'Content-Type': type },
    })
  const cases: Array<[string, string | undefined, number, string]> = [
    ['{"Image":"x"}', 'application/json; charset=utf-8', 201, ''],
    [
      '{"Image":"x"}',
      'text/plain',
      400,
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ],
    ['{"Image":"x"}', undefined, 400, 'malformed Content-Type header (): mime: no media type'],
    ['{', 'application/json', 400, 'invalid JSON: unexpected EOF'],
    ['{"Image":"x"} {}', 'application/json', 400, 'unexpected content after JSON'],
    ['null', 'application/json', 400, 'config cannot be empty in order to create a container'],
    ['{}', 'application/json', 400, 'config cannot be empty in order to create a container'],
    ['', 'application/json', 400, 'invalid JSON: EOF'],
    ['', undefined, 400, 'invalid JSON: EOF'],
    [
      '{"Image":"x","HostConfig":{"Memory":"1g"}}',
      'application/json',
      400,
      'invalid JSON: json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Resources.Memory of type int64',
    ],
  ]
  for (const [text, type, status, message] of cases) {
    const answer = await post(text, type)
    assert.equal(answer.status, status, `${text} as ${type}: ${answer.text}`)
    if (message) assert.equal(messageIn(answer), message)
  }
})

test('a body has a size', async () => {
  const head = 'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
  const announced = await h.connect()
  announced.write(`${head}Content-Length: 99999999\r\n\r\n`)
  // The connection is of no use any more, as its body will not be read.
  assert.match(
    await drain(announced),
    /^HTTP\/1\.1 413 .*Connection: close.*\{"message":"http: request body too large"\}/s,
  )
  const endless = await h.connect()
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  endless.on('close', () => resolve())
  endless.on('error', () => {})
  endless.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
  const chunk = `100000\r\n${' '.repeat(0x100000)}\r\n`
  for (let sent = 0; sent < 20; sent++) endless.write(chunk)
  endless.resume()
  await closed
  assert.equal((await h.call('GET', '/_ping')).status, 200)
})

test('requests with a body nobody asked for are answered', async () => {
  const answer = await h.call('POST', '/containers/x/stop?t=3', { body: { a: 1 } })
  assert.equal(answer.status, 204)
  const started = await h.call('POST', '/containers/x/start', { body: { Binds: [] } })
  assert.equal(started.status, 400)
  assert.match(messageIn(started), /starting container with non-empty request body/)
  assert.equal((await h.call('POST', '/containers/x/start', { text: '{}' })).status, 204)
})

test('half-closing clients get their answer', async () => {
  const socket = await h.connect()
  socket.end('GET /version HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.match(await drain(socket), /^HTTP\/1\.1 200 OK.*"ApiVersion":"1\.56"/s)
})

test('several requests go over one connection', async () => {
  const socket = await h.connect()
  socket.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /info HTTP/1.1\r\nHost: x\r\n\r\n')
  socket.write('GET /bogus HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  const text = await drain(socket)
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1]),
    ['200', '200', '404'],
  )
})

test('Upgrade is ignored where nothing is hijacked', async () => {
  const answer = await h.call('POST', '/containers/create', {
    body: { Image: 'x' },
    headers: { Connection: 'Upgrade', Upgrade: 'tcp' },
  })
  assert.equal(answer.status, 201)
})

test('an engine that comes late is waited for; one that says why is told', async () => {
  await using own = await startHarness()
  own.backend.containers.stop = async () => {
    throw conflict('not now')
  }
  assert.equal(messageIn(await own.call('POST', '/containers/x/stop')), 'not now')
})
