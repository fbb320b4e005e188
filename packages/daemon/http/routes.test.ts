import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { PassThrough } from 'node:stream'
import { after, before, beforeEach, test } from 'node:test'
import { notFound } from '@tdocker/engine/base/errors.ts'
import { encodeRegistryAuth } from '@tdocker/api/registry-auth.ts'
import { messageIn, override, readUntil, startHarness, type Harness } from './harness.ts'

let h: Harness
before(async () => {
  h = await startHarness()
})
beforeEach(() => {
  h.backend.calls.length = 0
})
after(() => h[Symbol.asyncDispose]())

/** The arguments of the one call the backend got. */
function called(what: string): unknown[] {
  assert.deepEqual(
    h.backend.calls.map((c) => c.what),
    [what],
  )
  return h.backend.calls[0]?.args ?? []
}

test('container verbs reach the backend with their parameters', async () => {
  const cases: Array<[string, string, number, string, unknown[]]> = [
    [
      'POST',
      '/containers/x/start?detachKeys=ctrl-a',
      204,
      'start',
      ['x', { detachKeys: 'ctrl-a' }],
    ],
    ['POST', '/containers/x/stop', 204, 'stop', ['x', {}]],
    [
      'POST',
      '/containers/x/stop?t=-1&signal=USR1',
      204,
      'stop',
      ['x', { timeoutSeconds: -1, signal: 'USR1' }],
    ],
    ['POST', '/v1.41/containers/x/stop?signal=USR1', 204, 'stop', ['x', {}]],
    ['POST', '/containers/x/restart?t=0', 204, 'restart', ['x', { timeoutSeconds: 0 }]],
    ['POST', '/containers/x/pause', 204, 'pause', ['x']],
    ['POST', '/containers/x/unpause', 204, 'unpause', ['x']],
    ['POST', '/containers/x/kill', 204, 'kill', ['x', { signal: 'SIGKILL' }]],
    ['POST', '/containers/x/kill?signal=9', 204, 'kill', ['x', { signal: '9' }]],
    ['POST', '/containers/x/rename?name=y', 204, 'rename', ['x', 'y']],
    ['POST', '/containers/x/resize?h=24&w=80', 200, 'resize', ['x', { rows: 24, columns: 80 }]],
    [
      'DELETE',
      '/containers/x?force=1&v=true',
      204,
      'remove',
      ['x', { force: true, volumes: true, link: false }],
    ],
    ['GET', '/containers/x/top', 200, 'top', ['x', '-ef']],
    ['GET', '/containers/x/top?ps_args=aux', 200, 'top', ['x', 'aux']],
    ['POST', '/exec/e/resize?h=1&w=2', 200, 'exec resize', ['e', { rows: 1, columns: 2 }]],
    ['GET', '/exec/e/json', 200, 'exec inspect', ['e']],
    ['POST', '/images/a/b/tag?repo=c/d&tag=e', 201, 'tag', ['a/b', { repo: 'c/d', tag: 'e' }]],
    [
      'DELETE',
      '/images/a/b:c?force=1&noprune=0',
      200,
      'image remove',
      ['a/b:c', { force: true, noprune: false }],
    ],
  ]
  for (const [method, path, status, what, args] of cases) {
    h.backend.calls.length = 0
    const answer = await h.call(method, path)
    assert.equal(answer.status, status, `${path}: ${answer.text}`)
    if (status === 204) assert.equal(answer.text, '')
    assert.deepEqual(called(what), args, path)
  }
})

test('parameters that make no sense are refused before the backend hears of them', async () => {
  const cases: Array<[string, string, string]> = [
    ['POST', '/containers/x/stop?t=soon', 'strconv.Atoi: parsing "soon": invalid syntax'],
    ['POST', '/containers/x/resize?h=a&w=1', 'invalid resize height "a": invalid syntax'],
    ['POST', '/exec/x/resize?h=1', 'invalid resize width "": invalid syntax'],
    ['POST', '/containers/x/wait?condition=never', 'invalid condition: "never"'],
    ['GET', '/containers/json?filters={"bogus":["1"]}', "invalid filter 'bogus'"],
    ['GET', '/containers/json?filters={', 'invalid filter'],
    ['GET', '/containers/json?limit=x', 'strconv.Atoi: parsing "x": invalid syntax'],
    ['GET', '/containers/x/logs', "must specify at least one of 'stdout' or 'stderr'"],
    [
      'GET',
      '/containers/x/logs?stdout=1&since=x',
      'invalid value for "since": invalid timestamp "x": invalid seconds "x": invalid syntax',
    ],
    [
      'GET',
      '/events?since=x',
      `invalid value for 'since': invalid timestamp "x": invalid seconds "x": invalid syntax`,
    ],
    ['GET', '/events?since=5&until=4', '`since` time (5) cannot be after `until` time (4)'],
    ['GET', '/images/json?filters={"status":["1"]}', "invalid filter 'status'"],
    ['POST', '/containers/x/exec', 'No exec command specified'],
    ['POST', '/images/x/tag', 'invalid reference format'],
  ]
  for (const [method, path, message] of cases) {
    const answer = await h.call(method, encodeURI(path))
    assert.equal(answer.status, 400, path)
    assert.equal(messageIn(answer), message)
  }
  assert.deepEqual(h.backend.calls, [])
})

test('create hands on name, platform and body', async () => {
  const answer = await h.call('POST', '/containers/create?name=one&platform=linux/amd64', {
    body: { Image: 'busybox', Cmd: ['ls'] },
  })
  assert.equal(answer.status, 201)
  assert.deepEqual(called('create'), [
    {
      name: 'one',
      platform: 'linux/amd64',
      body: {
        Image: 'busybox',
        Cmd: ['ls'],
        HostConfig: { NetworkMode: 'bridge' },
        NetworkingConfig: { EndpointsConfig: {} },
      },
      readOnlyNonRecursive: false,
      hostCgroupnsOnV1: false,
    },
  ])
})

test('lists are shaped for the client’s version', async () => {
  const list = async (version: string) =>
    (JSON.parse((await h.call('GET', `/v${version}/containers/json?all=1`)).text) as object[])[0]
  assert.ok('Health' in ((await list('1.52')) ?? {}))
  assert.ok(!('Health' in ((await list('1.51')) ?? {})))
  assert.deepEqual(((await list('1.45')) as { HostConfig: object }).HostConfig, {
    NetworkMode: 'bridge',
  })
  const image = async (version: string) =>
    (
      JSON.parse((await h.call('GET', `/v${version}/images/json`)).text) as Array<{
        Containers: number
        VirtualSize?: number
        Descriptor?: object
      }>
    )[0]
  assert.equal((await image('1.51'))?.Containers, 2)
  assert.equal((await image('1.50'))?.Containers, -1)
  assert.equal((await image('1.47'))?.Descriptor, undefined)
  assert.equal((await image('1.43'))?.VirtualSize, 4_000_000)
  assert.equal((await image('1.44'))?.VirtualSize, undefined)
})

test('inspect keeps the old network fields for old clients', async () => {
  const inspect = async (version: string) =>
    (
      JSON.parse((await h.call('GET', `/v${version}/containers/x/json`)).text) as {
        NetworkSettings: { IPAddress?: string; Networks: Record<string, { Aliases?: string[] }> }
      }
    ).NetworkSettings
  assert.equal((await inspect('1.52')).IPAddress, undefined)
  assert.equal((await inspect('1.51')).IPAddress, '172.17.0.2')
  assert.deepEqual((await inspect('1.45')).Networks['own']?.Aliases, ['web'])
  assert.deepEqual((await inspect('1.44')).Networks['own']?.Aliases, ['web', 'abababababab'])
})

test('wait sends its head before there is an answer', async () => {
  const { promise, resolve } = Promise.withResolvers<{ StatusCode: number }>()
  h.backend.containers.wait = async () => ({ result: promise })
  const socket = await h.connect()
  socket.write('POST /v1.40/containers/x/wait?condition=removed HTTP/1.1\r\nHost: x\r\n\r\n')
  await readUntil(socket, '\r\n\r\n')
  resolve({ StatusCode: 42 })
  await readUntil(socket, '{"StatusCode":42}\n')
  socket.destroy()
})

test('a wait that fails after its head tells so in its answer', async () => {
  h.backend.containers.wait = async () => ({ result: Promise.reject(notFound('gone')) })
  const answer = await h.call('POST', '/containers/x/wait')
  assert.equal(answer.status, 200)
  assert.deepEqual(JSON.parse(answer.text), { StatusCode: -1, Error: { Message: 'gone' } })
  h.backend.containers.wait = async () => {
    throw notFound('No such container: x')
  }
  assert.equal((await h.call('POST', '/containers/x/wait')).status, 404)
})

test('a client that goes away ends its wait', async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  h.backend.containers.wait = async (_id, { signal }) => {
    signal.addEventListener('abort', () => resolve())
    return { result: new Promise(() => {}) }
  }
  const socket = await h.connect()
  socket.write('POST /containers/x/wait HTTP/1.1\r\nHost: x\r\n\r\n')
  await readUntil(socket, '\r\n\r\n')
  socket.destroy()
  await aborted
})

test('events come one per line, at once, with exact times', async () => {
  const answer = await h.call('GET', '/events?since=1&filters={"type":["container"]}')
  assert.equal(answer.headers['content-type'], 'application/jsonl')
  assert.match(answer.text, /"timeNano":1700000000123456789\}\n$/)
  const [options] = called('events') as [{ sinceNs: bigint; filters: Map<string, string[]> }]
  assert.equal(options.sinceNs, 1_000_000_000n)
  assert.deepEqual([...options.filters], [['type', ['container']]])
  const old = await h.call('GET', '/v1.51/events')
  assert.equal(old.headers['content-type'], 'application/json')
  const { status, id, from } = JSON.parse(old.text) as Record<string, string>
  assert.deepEqual([status, id, from], ['start', 'ab'.repeat(32), 'busybox'])
  const seq = await h.call('GET', '/events', { headers: { Accept: 'application/json-seq' } })
  assert.equal(seq.text[0], '\x1e')
})

test('events end when the client does, even with nothing to say', async () => {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  using _events = override(h.backend.system, 'events', async function* ({ signal }) {
    await once(signal, 'abort')
    resolve()
    yield* []
  })
  const socket = await h.connect()
  socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  await readUntil(socket, '\r\n\r\n')
  socket.end()
  await ended
})

test('a client that is slow again and again leaves nothing each time', async () => {
  let life: AbortSignal | undefined
  using _stats = override(h.backend.containers, 'stats', async (_id, { signal }) => {
    life = signal
    return (async function* () {
      for (let sample = 0; sample < 20; sample++) yield { id: 'x'.repeat(1 << 20) } as never
      yield { id: `END${getEventListeners(signal, 'abort').length}` } as never
    })()
  })
  const socket = await h.connect()
  socket.write('GET /containers/x/stats HTTP/1.1\r\nHost: x\r\n\r\n')
  const text = await readUntil(socket, 'END')
  socket.destroy()
  assert.ok(life)
  assert.ok(Number(/END(\d+)/.exec(text)?.[1]) < 5, /END\d+/.exec(text)?.[0])
})

test('logs stream as they come, framed or raw', async () => {
  const stream = new PassThrough()
  h.backend.containers.logs = async () => ({ tty: false, stream })
  const socket = await h.connect()
  socket.write('GET /containers/x/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.match(await readUntil(socket, '\r\n\r\n'), /application\/vnd\.docker\.multiplexed-stream/)
  stream.write('first')
  await readUntil(socket, 'first')
  stream.write('second')
  await readUntil(socket, 'second')
  const closed = once(stream, 'close')
  socket.destroy()
  await closed
})

test('the type of a log stream depends on terminal and version', async () => {
  const type = async (tty: boolean, version: string) => {
    h.backend.containers.logs = async () => ({ tty, stream: new PassThrough().end('x') })
    const path = `/v${version}/containers/x/logs?stderr=1`
    return (await h.call('GET', path)).headers['content-type']
  }
  assert.equal(await type(false, '1.42'), 'application/vnd.docker.multiplexed-stream')
  assert.equal(await type(false, '1.41'), 'application/vnd.docker.raw-stream')
  assert.equal(await type(true, '1.56'), 'application/vnd.docker.raw-stream')
})

test('log options are parsed', async () => {
  let seen: Record<string, unknown> = {}
  h.backend.containers.logs = async (_id, { signal: _signal, ...o }) => {
    seen = o
    return { tty: true, stream: new PassThrough().end() }
  }
  await h.call(
    'GET',
    '/containers/x/logs?stdout=1&since=1.5&until=0&tail=10&timestamps=1&details=1',
  )
  assert.deepEqual(seen, {
    stdout: true,
    stderr: false,
    follow: false,
    timestamps: true,
    details: true,
    sinceNs: 1_500_000_000n,
    tail: 10,
  })
  await h.call('GET', '/containers/x/logs?stdout=1&tail=all')
  assert.equal(seen['tail'], undefined)
})

test('pull tells its progress in lines, errors before them by status, later ones in-band', async () => {
  const auth = { username: 'u', password: 'p' }
  const good = await h.call('POST', '/images/create?fromImage=a/b:&tag=c&platform=linux/arm64', {
    headers: { 'X-Registry-Auth': encodeRegistryAuth(auth) },
  })
  assert.equal(good.status, 200)
  assert.equal(good.headers['content-type'], 'application/json')
  assert.deepEqual(good.text.split('\r\n'), [
    '{"status":"Pulling from library/busybox","id":"latest"}',
    '{"status":"Status: Image is up to date for busybox:latest"}',
    '',
  ])
  const [{ signal: _s, progress: _p, ...options }] = called('pull') as [Record<string, unknown>]
  assert.deepEqual(options, { reference: 'a/b', tag: 'c', platform: 'linux/arm64', auth })

  using _refused = override(h.backend.images, 'pull', async () => {
    throw notFound('manifest unknown')
  })
  const early = await h.call('POST', '/images/create?fromImage=x')
  assert.equal(early.status, 404)
  assert.equal(messageIn(early), 'manifest unknown')
  using _broken = override(h.backend.images, 'pull', async ({ progress }) => {
    progress({ status: 'Pulling' })
    throw notFound('blob unknown')
  })
  const late = await h.call('POST', '/images/create?fromImage=x')
  assert.equal(late.status, 200)
  assert.equal(
    late.text,
    '{"status":"Pulling"}\r\n{"errorDetail":{"message":"blob unknown"},"error":"blob unknown"}\r\n',
  )
})

test('push takes name and tag, and the platform since it is known', async () => {
  const headers = { 'X-Registry-Auth': encodeRegistryAuth({ identitytoken: 't' }) }
  const platform = encodeURIComponent('{"os":"linux","architecture":"arm64"}')
  const path = `/images/reg.test:5000/a/b/push?tag=c&platform=${platform}`
  for (const version of ['/v1.45', '']) {
    h.backend.calls.length = 0
    const answer = await h.call('POST', `${version}${path}`, { headers })
    assert.equal(answer.status, 200)
    assert.equal(
      answer.text,
      '{"status":"The push refers to repository [docker.io/library/busybox]"}\r\n',
    )
    const [{ signal: _s, progress: _p, ...options }] = called('push') as [Record<string, unknown>]
    const known = version === '' ? { platform: 'linux/arm64' } : {}
    const auth = { identitytoken: 't' }
    assert.deepEqual(options, { name: 'reg.test:5000/a/b', tag: 'c', auth, ...known })
  }
})

test('a client that goes away ends its pull', async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  using _pull = override(h.backend.images, 'pull', async ({ signal, progress }) => {
    progress({ status: 'Pulling' })
    await once(signal, 'abort')
    resolve()
  })
  const socket = await h.connect()
  socket.write('POST /images/create?fromImage=x HTTP/1.1\r\nHost: x\r\n\r\n')
  await readUntil(socket, 'Pulling')
  socket.destroy()
  await aborted
})

test('import reads the body as it is', async () => {
  const answer = await h.call(
    'POST',
    '/images/create?fromSrc=-&repo=r&tag=t&changes=CMD+x&changes=USER+y',
    {
      text: 'a tar',
      headers: { 'Content-Type': 'application/x-tar' },
    },
  )
  assert.equal(answer.status, 200)
  const [{ signal: _s, progress: _p, ...options }] = called('import') as [Record<string, unknown>]
  assert.deepEqual(options, {
    body: 'a tar',
    repo: 'r',
    tag: 't',
    message: 'Imported from -',
    changes: ['CMD x', 'USER y'],
  })
})

test('exec create and detached start', async () => {
  const made = await h.call('POST', '/v1.41/containers/x/exec', {
    body: { cmd: ['ls'], tty: true, ConsoleSize: [1, 2] },
  })
  assert.equal(made.status, 201)
  assert.deepEqual(called('exec create'), ['x', { Cmd: ['ls'], Tty: true }])
  h.backend.calls.length = 0
  const started = await h.call('POST', '/exec/e/start', { body: { Detach: true } })
  assert.equal(started.status, 200)
  assert.equal(started.text, '')
  assert.deepEqual(called('exec start'), ['e', { Detach: true }])
})

test('auth', async () => {
  const answer = await h.call('POST', '/auth', { body: { username: 'u', Password: 'p' } })
  assert.deepEqual(JSON.parse(answer.text), { Status: 'Login Succeeded', IdentityToken: '' })
  assert.deepEqual(called('auth'), [{ username: 'u', password: 'p' }])
})

test('what registries are asked', async () => {
  const auth = Buffer.from('{"username":"u"}').toString('base64url')
  const headers = { 'X-Registry-Auth': auth }
  const found = await h.call('GET', '/v1.30/distribution/r.test/a/b:1/json', { headers })
  assert.equal(found.status, 200, found.text)
  const [name, inspected] = called('distribution inspect') as [string, Record<string, unknown>]
  assert.deepEqual([name, inspected['auth']], ['r.test/a/b:1', { username: 'u' }])
  h.backend.calls.length = 0
  const filters = encodeURIComponent('{"stars":["3"]}')
  await h.call('GET', `/images/search?term=r.test/x&limit=7&filters=${filters}`, { headers })
  const [{ signal: _signal, ...options }] = called('search') as [Record<string, unknown>]
  assert.deepEqual(options, {
    term: 'r.test/x',
    limit: 7,
    filters: new Map([['stars', ['3']]]),
    auth: { username: 'u' },
  })
  for (const [query, message] of [
    ['limit=x', 'invalid limit specified: strconv.Atoi: parsing "x": invalid syntax'],
    ['filters={"x":["1"]}', "invalid filter 'x'"],
  ]) {
    const refused = await h.call('GET', `/images/search?${query}`)
    assert.deepEqual([refused.status, JSON.parse(refused.text)], [400, { message }])
  }
})

test('attestations are refused as by dockerd with a store of layers', async () => {
  const told = async (path: string): Promise<[number, string]> => {
    const { status, text } = await h.call('GET', path)
    return [status, (JSON.parse(text) as { message: string }).message]
  }
  assert.deepEqual(await told('/images/a/b/attestations'), [
    501,
    'the legacy image store does not support attestations',
  ])
  assert.deepEqual(await told('/images/x/attestations?platform=a&platform=b'), [
    400,
    'only one platform value is currently supported',
  ])
  assert.deepEqual(await told('/v1.54/images/x/attestations'), [
    400,
    'GET /images/{name:.*}/attestations requires minimum API version 1.55',
  ])
})

test('info is shaped for the client’s version', async () => {
  const info = async (version: string) =>
    JSON.parse((await h.call('GET', `/v${version}/info`)).text) as Record<string, unknown>
  assert.ok('NRI' in (await info('1.53')))
  assert.ok(!('NRI' in (await info('1.52'))))
  assert.ok('BridgeNfIptables' in (await info('1.49')))
  assert.ok(!('Containerd' in (await info('1.45'))))
  assert.deepEqual((await info('1.48'))['RuncCommit'], { ID: '', Expected: '' })
})

test('an update without the fields its version could not change', async () => {
  const body = {
    PidsLimit: -7,
    Memory: 7,
    BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 5 }],
  }
  const told = async (version: string): Promise<unknown> => {
    h.backend.calls.length = 0
    const answer = await h.call('POST', `/v${version}/containers/x/update`, { body })
    assert.equal(answer.status, 200, answer.text)
    return called('update')[1]
  }
  assert.deepEqual(await told('1.39'), { Memory: 7 })
  assert.deepEqual(await told('1.54'), { Memory: 7, PidsLimit: 0 })
  assert.deepEqual(await told('1.55'), { ...body, PidsLimit: 0 })
  h.backend.calls.length = 0
  assert.equal((await h.call('POST', '/containers/x/update')).status, 200)
  assert.deepEqual(called('update')[1], {})
})
