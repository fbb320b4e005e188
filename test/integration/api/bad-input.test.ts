/** Requests that cannot be served: the status and sentence clients know, and nothing left behind. */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer } from 'node:net'
import { after, before, test } from 'node:test'
import type { ApiAnswer } from '../../lib/api-client.ts'
import { footprintOf, settlesTo } from '../../lib/footprint.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
/** Holds name and port that others want. */
let holder: string
let holderPort: string
let atRest: Record<string, string[]>

before(async () => {
  daemon = await TestDaemon.start()
  holder = await daemon.run(
    {
      Cmd: ['sleep', '1000'],
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '' }] } },
    },
    'taken',
  )
  const { body } = await daemon.api.get<{
    NetworkSettings: { Ports: Record<string, Array<{ HostPort: string }>> }
  }>(`/containers/${holder}/json`)
  holderPort = body.NetworkSettings.Ports['80/tcp']![0]!.HostPort
  atRest = footprintOf(daemon)
})
after(() => daemon[Symbol.asyncDispose]())

type Sentence = string | RegExp

function refused(answer: ApiAnswer, status: number, sentence: Sentence): void {
  const { message } = answer.body as { message: string }
  if (typeof sentence === 'string') assert.equal(message, sentence)
  else assert.match(message, sentence)
  assert.equal(answer.status, status)
}

async function unharmed(): Promise<void> {
  await settlesTo(atRest, daemon)
  assert.equal((await daemon.api.get('/_ping')).text, 'OK')
}

const create = (body: object, query = ''): Promise<ApiAnswer> =>
  daemon.api.post(`/containers/create${query}`, { Image: 'busybox', ...body })

/** Bytes as they are, with a content type. */
const raw = (text: string, type = 'application/json'): Promise<ApiAnswer> =>
  daemon.api.request('POST', '/containers/create', Buffer.from(text), { 'Content-Type': type })

const BODIES: ReadonlyArray<[string, string, string]> = [
  ['cut off', '{"Image":', 'invalid JSON: unexpected EOF'],
  ['two values', '{} {}', 'unexpected content after JSON'],
  ['not JSON', 'Image', "invalid JSON: invalid character 'I' looking for beginning of value"],
  [
    'a list',
    '[]',
    'invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest',
  ],
  ['nothing', '', 'invalid JSON: EOF'],
]

test('bodies that are not the JSON of the operation', async (t) => {
  for (const [what, text, sentence] of BODIES)
    await t.test(what, async () => refused(await raw(text), 400, sentence))
  await t.test('another content type', async () =>
    refused(
      await raw('{"Image":"busybox"}', 'text/plain'),
      400,
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ),
  )
  await unharmed()
})

const publish = (HostPort: string, key = '80/tcp', HostIp = ''): object => ({
  HostConfig: { PortBindings: { [key]: [{ HostIp, HostPort }] } },
})
const binds = (...Binds: string[]): object => ({ HostConfig: { Binds } })
const mount = (Mount: object): object => ({ HostConfig: { Mounts: [Mount] } })

const WISHES: ReadonlyArray<[string, object, number, Sentence]> = [
  [
    'command of a number',
    { Cmd: 7 },
    400,
    /cannot unmarshal number into Go struct field CreateRequest.Config.Cmd of type \[\]string$/,
  ],
  [
    'memory in words',
    { HostConfig: { Memory: '1g' } },
    400,
    /cannot unmarshal string into Go struct field HostConfig\.HostConfig\.Resources\.Memory of type int64$/,
  ],
  [
    'memory below the least',
    { HostConfig: { Memory: 1 } },
    400,
    'Minimum memory limit allowed is 6MB',
  ],
  ['unknown image', { Image: 'x' }, 404, 'No such image: x:latest'],
  ['unknown tag', { Image: 'busybox:no' }, 404, 'No such image: busybox:no'],
  ['no image', { Image: '' }, 400, 'no command specified'],
  ['bad reference', { Image: 'a@sha256:12' }, 400, 'invalid reference format'],
  [
    'upper-case reference',
    { Image: 'UP' },
    400,
    'invalid reference format: repository name (library/UP) must be lowercase',
  ],
  ['no command', { Entrypoint: [''] }, 400, 'no command specified'],
  ['host port of letters', publish('x'), 400, 'invalid port specification: "x"'],
  ['host port too large', publish('65536'), 400, 'invalid port specification: "65536"'],
  ['unknown protocol', publish('1', '80/xyz'), 400, 'invalid port specification: "80/xyz"'],
  [
    'port too large',
    publish('1', '65536/tcp'),
    400,
    "invalid JSON: invalid port '65536': value out of range",
  ],
  [
    'bad host address',
    publish('1', '80/tcp', 'x'),
    400,
    'invalid JSON: ParseAddr("x"): unable to parse IP',
  ],
  ['bind of too many parts', binds('a:b:c:d'), 500, "invalid volume specification: 'a:b:c:d'"],
  ['bind mode', binds('/tmp:/b:xx'), 500, 'invalid mode: xx'],
  ['bind over the root', binds('/tmp:/'), 500, /invalid specification: destination can't be '\/'$/],
  ['relative target', binds('/tmp:b'), 500, /invalid mount path: 'b' mount path must be absolute$/],
  ['same target twice', binds('/tmp:/b', '/var:/b'), 400, 'Duplicate mount point: /b'],
  [
    'bad volume name',
    binds('../v:/b'),
    400,
    /^create \.\.\/v: "\.\.\/v" includes invalid characters/,
  ],
  [
    'source that is not there',
    mount({ Type: 'bind', Source: '/nope', Target: '/b' }),
    400,
    'invalid mount config for type "bind": bind source path does not exist: /nope',
  ],
  [
    'unknown mount type',
    mount({ Type: 'x', Target: '/b' }),
    400,
    'invalid mount config for type "x": mount type unknown',
  ],
  [
    'a new volume, then something wrong',
    { HostConfig: { Binds: ['fresh:/v', '/tmp:/b:xx'] } },
    500,
    'invalid mode: xx',
  ],
  ['volumes from nowhere', { HostConfig: { VolumesFrom: ['no'] } }, 400, 'No such container: no'],
  [
    'relative working directory',
    { WorkingDir: 'a' },
    400,
    "the working directory 'a' is invalid, it needs to be an absolute path",
  ],
  ['variable without name', { Env: ['=x'] }, 400, 'invalid environment variable: =x'],
  ['unknown signal', { StopSignal: 'SIGFOO' }, 400, 'invalid signal: SIGFOO'],
  [
    'unknown capability',
    { HostConfig: { CapAdd: ['NO'] } },
    400,
    'invalid CapAdd: unknown capability: "CAP_NO"',
  ],
  [
    'unknown log driver',
    { HostConfig: { LogConfig: { Type: 'no' } } },
    400,
    'error looking up logging plugin no: plugin "no" not found',
  ],
]

test('creates that are refused make nothing', async (t) => {
  for (const [what, body, status, sentence] of WISHES)
    await t.test(what, async () => {
      refused(await create(body), status, sentence)
      await unharmed()
    })
  await t.test('bad name', async () =>
    refused(
      await create({}, '?name=a/b'),
      400,
      'Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
    ),
  )
  await t.test('taken name', async () =>
    refused(
      await create({}, '?name=taken'),
      409,
      `Conflict. The container name "/taken" is already in use by container "${holder}". ` +
        'You have to remove (or rename) that container to be able to reuse that name.',
    ),
  )
  await unharmed()
})

/** Creates, sees the start fail, removes. */
async function startRefused(body: object, status: number, sentence: Sentence): Promise<void> {
  const made = await create(body)
  assert.equal(made.status, 201, made.text)
  const { Id } = made.body as { Id: string }
  const started = await daemon.api.post(`/containers/${Id}/start`)
  const { body: shown } = await daemon.api.get<{ State: object }>(`/containers/${Id}/json`)
  const removed = await daemon.api.delete(`/containers/${Id}?v=1`)
  refused(started, status, sentence)
  assert.equal((shown.State as { Running: boolean }).Running, false)
  assert.equal(removed.status, 204, removed.text)
  await unharmed()
}

test('starts that fail leave a container that can be removed, and nothing else', async (t) => {
  const none = { NetworkMode: 'none' }
  await t.test('port of another container', () =>
    startRefused(
      publish(holderPort),
      500,
      new RegExp(
        `Bind for 0\\.0\\.0\\.0:${holderPort} failed: port is already allocated \\(container `,
      ),
    ),
  )
  await t.test('port of a program of the host', async () => {
    const server = createServer().listen(0, '0.0.0.0')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    try {
      await startRefused(publish(String(port)), 500, /address already in use \(.*, pid \d+\)$/)
    } finally {
      server.close()
    }
  })
  await t.test('unknown network', () =>
    startRefused({ HostConfig: { NetworkMode: 'no' } }, 404, /network no not found$/),
  )
  await t.test('command that is not there', () =>
    startRefused(
      { Cmd: ['nope'], HostConfig: none },
      400,
      /exec: "nope": executable file not found in \$PATH/,
    ),
  )
  await t.test('command that is a directory', () =>
    startRefused({ Cmd: ['/etc'], HostConfig: none }, 400, /permission denied|is a directory/),
  )
  await t.test('user that is not there', () =>
    startRefused(
      { Cmd: ['true'], User: 'nobody-here', HostConfig: none },
      500,
      /unable to find user nobody-here: no matching entries in passwd file/,
    ),
  )
  await t.test('device that is not there', () =>
    startRefused(
      {
        Cmd: ['true'],
        HostConfig: {
          ...none,
          Devices: [{ PathOnHost: '/dev/nope', PathInContainer: '/dev/a', CgroupPermissions: 'r' }],
        },
      },
      500,
      /\/dev\/nope.*no such file or directory/,
    ),
  )
})

const UNKNOWN: ReadonlyArray<[string, string, number, Sentence]> = [
  ['GET', '/nope', 404, 'page not found'],
  ['GET', '/v1.44/nope', 404, 'page not found'],
  ['PUT', '/containers/json', 404, 'page not found'],
  ['GET', '/containers//json', 404, 'page not found'],
  [
    'GET',
    '/v9.99/info',
    400,
    'client version 9.99 is too new. Maximum supported API version is 1.56',
  ],
  ['GET', '/containers/nope/json', 404, 'No such container: nope'],
  ['GET', '/containers/nope/logs?stdout=1', 404, 'No such container: nope'],
  ['GET', '/containers/nope/top', 404, 'No such container: nope'],
  ['POST', '/containers/nope/start', 404, 'No such container: nope'],
  ['POST', '/containers/nope/stop', 404, 'No such container: nope'],
  ['POST', '/containers/nope/wait', 404, 'No such container: nope'],
  ['POST', '/containers/nope/resize?h=1&w=1', 404, 'No such container: nope'],
  ['POST', '/containers/nope/attach?stream=1', 404, 'No such container: nope'],
  ['DELETE', '/containers/nope', 404, 'No such container: nope'],
  ['GET', '/exec/nope/json', 404, 'No such exec instance: nope'],
  ['POST', '/exec/nope/resize?h=1&w=1', 404, 'No such exec instance: nope'],
  ['GET', '/images/nope/json', 404, 'No such image: nope:latest'],
  ['DELETE', '/images/nope', 404, 'No such image: nope:latest'],
  ['POST', '/images/nope/tag?repo=x', 404, 'No such image: nope:latest'],
  ['POST', '/images/busybox/tag?repo=UP', 400, /must be lowercase$/],
  ['POST', '/images/create?fromImage=UP', 400, /must be lowercase$/],
  ['GET', '/containers/json?filters=x', 400, /^invalid filter/],
  ['GET', '/containers/json?filters={"made-up":["x"]}', 400, /invalid filter 'made-up'/],
  ['GET', '/containers/json?limit=x', 400, 'strconv.Atoi: parsing "x": invalid syntax'],
]

test('things and pages that are not there', async (t) => {
  for (const [method, path, status, sentence] of UNKNOWN)
    await t.test(`${method} ${path}`, async () =>
      refused(await daemon.api.request(method, path), status, sentence),
    )
  await t.test('a version from before JSON errors', async () => {
    const { status, text } = await daemon.api.get('/v1.1/info')
    assert.equal(status, 400)
    assert.match(text, /^client version 1\.1 is too old\. Minimum supported API version is 1\.24/)
  })
  await unharmed()
})

test('operations that are not served yet say so by name', async () => {
  for (const [method, path, name] of [
    ['POST', '/plugins/pull?remote=x', 'PluginPull (POST /plugins/pull)'],
  ] as const) {
    const answer = await daemon.api.request(method, path)
    refused(answer, 501, `${name} is not supported by tdocker yet`)
  }
  await unharmed()
})

test('a container that runs: what cannot be asked of it', async (t) => {
  const at = `/containers/${holder}`
  const cases: ReadonlyArray<[string, string, unknown, number, Sentence]> = [
    [
      'POST',
      `${at}/kill?signal=FOO`,
      undefined,
      400,
      /^cannot kill container: .*: invalid signal: FOO$/,
    ],
    ['POST', `${at}/wait?condition=x`, undefined, 400, 'invalid condition: "x"'],
    ['POST', `${at}/rename?name=a/b`, undefined, 400, /Invalid container name \(\/a\/b\)/],
    ['POST', `${at}/rename?name=`, undefined, 400, 'Neither old nor new names may be empty'],
    ['POST', `${at}/resize?h=x&w=1`, undefined, 400, 'invalid resize height "x": invalid syntax'],
    ['POST', `${at}/exec`, {}, 400, 'No exec command specified'],
    ['GET', `${at}/logs`, undefined, 400, /'stdout' or 'stderr'/],
    [
      'DELETE',
      at,
      undefined,
      409,
      `cannot remove container "${holder}": container is running: stop the container before removing or force remove`,
    ],
  ]
  for (const [method, path, body, status, sentence] of cases)
    await t.test(`${method} ${path.replace(holder, 'it')}`, async () =>
      refused(await daemon.api.request(method, path, body), status, sentence),
    )
  const again = await daemon.api.post(`${at}/start`)
  assert.deepEqual([again.status, again.text], [304, ''])
  await unharmed()
})

test('resize is fine where there is no terminal', async () => {
  const resized = await daemon.api.post(`/containers/${holder}/resize?h=10&w=20`)
  assert.equal(resized.status, 200, resized.text)
  const { body } = await daemon.api.post<{ Id: string }>(`/containers/${holder}/exec`, {
    Cmd: ['sleep', '1000'],
  })
  assert.equal((await daemon.api.post(`/exec/${body.Id}/start`, { Detach: true })).status, 200)
  const exec = await daemon.api.post(`/exec/${body.Id}/resize?h=10&w=20`)
  assert.equal(exec.status, 200, exec.text)
  refused(
    await daemon.api.post(`/exec/${body.Id}/start`, { Detach: true }),
    409,
    `exec command ${body.Id} is already running`,
  )
})

test('of many who want the same name or port, one gets it', async () => {
  const before = footprintOf(daemon)
  const named = await Promise.all(Array.from({ length: 12 }, () => create({}, '?name=wanted')))
  const statuses = Map.groupBy(named, ({ status }) => status)
  assert.deepEqual([statuses.get(201)?.length, statuses.get(409)?.length], [1, 11])

  const made = await Promise.all(
    Array.from({ length: 6 }, () =>
      create({
        Cmd: ['sleep', '1000'],
        HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '47653' }] } },
      }),
    ),
  )
  const ids = made.map(({ body }) => (body as { Id: string }).Id)
  const started = await Promise.all(ids.map((id) => daemon.api.post(`/containers/${id}/start`)))
  const refusals = started.filter(({ status }) => status !== 204)
  assert.equal(refusals.length, 5)
  for (const { body } of refusals)
    assert.match(
      (body as { message: string }).message,
      /:47653 failed: port is already allocated \(container .+\)$/,
    )

  await Promise.all(
    ['wanted', ...ids].map((id) => daemon.api.delete(`/containers/${id}?force=1&v=1`)),
  )
  await settlesTo(before, daemon)
})

test('requests that come at once and go halfway harm nobody', async () => {
  const before = footprintOf(daemon)
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      i % 3 === 0
        ? create({ Image: 'x' })
        : i % 3 === 1
          ? raw('{"Image":')
          : create({ HostConfig: { Binds: ['fresh:/v', '/tmp:/b:xx'] } }),
    ),
  )
  for (const { status } of answers) assert.ok([400, 404, 500].includes(status))
  // Promises a body and hangs up.
  await Promise.all(Array.from({ length: 10 }, hangUp))
  await settlesTo(before, daemon)
  assert.equal((await daemon.api.get('/_ping')).text, 'OK')
})

function hangUp(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(daemon.socket).on('error', reject)
    socket.write(
      'POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"Image":"busy',
      () => socket.destroy(),
    )
    socket.on('close', () => resolve())
  })
}
