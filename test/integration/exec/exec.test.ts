/** What an exec is told and tells: process, streams, states, events. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connect, type Socket } from 'node:net'
import { TestDaemon, unframe, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
let host: string
before(async () => {
  daemon = await TestDaemon.start()
  host = await daemon.run(
    {
      Cmd: ['sleep', '1000'],
      Env: ['A=container', 'B=container'],
      WorkingDir: '/var',
      HostConfig: { NetworkMode: 'none' },
    },
    'host',
  )
})
after(() => daemon[Symbol.asyncDispose]())

interface ExecInspect {
  ID: string
  Running: boolean
  ExitCode: number | null
  ProcessConfig: object
  OpenStdin: boolean
  OpenStdout: boolean
  OpenStderr: boolean
  CanRemove: boolean
  DetachKeys: string
  ContainerID: string
  Pid: number
}

const OUT = { AttachStdout: true, AttachStderr: true }

async function create(body: object, container = host): Promise<string> {
  const answer = await daemon.api.post<{ Id: string }>(`/containers/${container}/exec`, body)
  assert.equal(answer.status, 201, answer.text)
  assert.match(answer.body.Id, /^[0-9a-f]{64}$/)
  return answer.body.Id
}
const inspect = async (id: string): Promise<ExecInspect> =>
  (await daemon.api.get<ExecInspect>(`/exec/${id}/json`)).body

async function drain(socket: Socket, head: Buffer): Promise<Buffer> {
  const parts = [head]
  for await (const part of socket) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** Everything an exec writes, as it comes over the wire. */
async function output(body: object, start: object = {}, input?: string): Promise<Buffer> {
  const id = await create({ ...OUT, ...body })
  const { socket, head } = await daemon.api.upgrade(`/exec/${id}/start`, start)
  if (input !== undefined) socket.end(input)
  return drain(socket, head)
}
const said = async (...args: Parameters<typeof output>): Promise<string> =>
  unframe(await output(...args))

async function refused(
  [method, path, body]: [string, string, unknown?],
  status: number,
  message: string,
): Promise<void> {
  const answer = await daemon.api.request<{ message: string }>(method, path, body)
  assert.deepEqual([answer.status, answer.body.message], [status, message])
}

test('environment, directory, user and capabilities', async () => {
  const env = await said({ Cmd: ['env'], Env: ['B=exec', 'C=exec', 'A'] })
  const lines = env.trim().split('\n').sort()
  assert.deepEqual(
    lines.filter((line) => /^[ABC]=/.test(line)),
    ['B=exec', 'C=exec'],
  )
  assert.ok(lines.includes('HOME=/root') && lines.some((line) => line.startsWith('PATH=')))
  assert.ok(!lines.some((line) => line.startsWith('TERM=')))
  assert.match(
    (await output({ Cmd: ['env'], Tty: true }, { Tty: true })).toString(),
    /TERM=xterm\r\n/,
  )
  assert.equal(await said({ Cmd: ['pwd'] }), '/var\n')
  assert.equal(await said({ Cmd: ['pwd'], WorkingDir: '/tmp' }), '/tmp\n')
  assert.match(await said({ Cmd: ['id'], User: 'daemon' }), /^uid=1\(daemon\) gid=1\(daemon\)/)
  assert.match(await said({ Cmd: ['id'], User: '7:50' }), /^uid=7 gid=50\(staff\)/)
  const capabilities = { Cmd: ['grep', 'CapEff', '/proc/self/status'] }
  const ordinary = await said(capabilities)
  const privileged = await said({ ...capabilities, Privileged: true })
  assert.match(ordinary, /00000000a80425fb/)
  assert.notEqual(privileged, ordinary)
})

test('frames are as the start says, whatever the process has', async () => {
  const frame = (text: string, stream = 1): Buffer =>
    Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)])
  const Cmd = ['echo', 'hi']
  assert.deepEqual(await output({ Cmd }), frame('hi\n'))
  assert.deepEqual(await output({ Cmd }, { Tty: true }), Buffer.from('hi\n'))
  assert.deepEqual(await output({ Cmd, Tty: true }, { Tty: true }), Buffer.from('hi\r\n'))
  assert.deepEqual(await output({ Cmd, Tty: true }), frame('hi\r\n'))
  const err = { Cmd: ['sh', '-c', 'echo hi >&2'] }
  assert.deepEqual(await output(err), frame('hi\n', 2))
  assert.deepEqual(await output({ ...err, AttachStderr: false }), Buffer.alloc(0))
})

test('the end of the client’s input is the end of the process’s', async () => {
  const count = { Cmd: ['sh', '-c', 'wc -c; echo done'], AttachStdin: true }
  assert.equal(await said(count, {}, 'x'.repeat(100_000)), '100000\ndone\n')
  // Without stdin the end of it says nothing.
  assert.equal(
    await said({ Cmd: ['sh', '-c', 'sleep 0.2; wc -c; echo done'] }, {}, 'x'),
    '0\ndone\n',
  )
})

test('the size of the terminal: of the start, else of the exec', async () => {
  const body = { Cmd: ['stty', 'size'], Tty: true, AttachStdin: true, ConsoleSize: [30, 90] }
  assert.equal((await output(body, { Tty: true })).toString(), '30 90\r\n')
  assert.equal((await output(body, { Tty: true, ConsoleSize: [40, 100] })).toString(), '40 100\r\n')
})

test('inspect, from creation to end', async () => {
  const id = await create({
    ...{ Cmd: ['sh', '-c', 'read x; exit 5'], AttachStdin: true, AttachStdout: true },
    ...{ User: 'daemon', DetachKeys: 'ctrl-a' },
  })
  const wanted = {
    ID: id,
    Running: false,
    ExitCode: null as number | null,
    ProcessConfig: {
      tty: false,
      entrypoint: 'sh',
      arguments: ['-c', 'read x; exit 5'],
      privileged: false,
      user: 'daemon',
    },
    OpenStdin: true,
    OpenStderr: false,
    OpenStdout: true,
    CanRemove: false,
    ContainerID: host,
    DetachKeys: 'AQ==',
    Pid: 0,
  }
  assert.deepEqual(await inspect(id), wanted)
  const { socket, head } = await daemon.api.upgrade(`/exec/${id}/start`, {})
  await until('it to run', async () => (await inspect(id)).Pid > 0)
  const { Pid } = await inspect(id)
  assert.deepEqual(await inspect(id), { ...wanted, Running: true, Pid })
  const { body } = await daemon.api.get<{ ExecIDs: string[] }>(`/containers/${host}/json`)
  assert.deepEqual(body.ExecIDs, [id])
  socket.end('x\n')
  await drain(socket, head)
  // As in moby the pid stays.
  assert.deepEqual(await inspect(id), { ...wanted, ExitCode: 5, Pid })
})

test('detached; started twice; what cannot be started', async () => {
  const id = await create({ Cmd: ['sleep', '1000'] })
  const started = await daemon.api.post(`/exec/${id}/start`, { Detach: true })
  assert.deepEqual([started.status, started.text], [200, ''])
  const start: [string, string, unknown] = ['POST', `/exec/${id}/start`, { Detach: true }]
  await refused(start, 409, `exec command ${id} is already running`)
  process.kill((await inspect(id)).Pid, 'SIGKILL')
  await until('its end', async () => (await inspect(id)).ExitCode === 137)
  await refused(start, 409, `exec command ${id} has already run`)
  await refused(
    ['POST', `/exec/${id}/resize?h=1&w=1`],
    404,
    `NotFound: process does not exist ${id}: not found`,
  )
  const missing = await create({ ...OUT, Cmd: ['/none'] })
  const { socket, head } = await daemon.api.upgrade(`/exec/${missing}/start`, {})
  const text = unframe(await drain(socket, head))
  assert.match(
    text,
    /exec failed: unable to start container process: exec: "\/none": stat \/none: no such file or directory/,
  )
  assert.ok(text.endsWith('\r\n'))
  assert.equal((await inspect(missing)).ExitCode, 127)
  const resize: [string, string] = ['POST', `/exec/${missing}/resize?h=1&w=1`]
  await refused(resize, 400, 'exec process is not started')
})

for (const together of [false, true])
  test(`detach keys leave the process running${together ? ', sent with the request' : ''}`, async () => {
    const since = (Date.now() - 1) / 1000
    const body = { ...OUT, Cmd: ['cat'], Tty: true, AttachStdin: true, DetachKeys: 'ctrl-a,q' }
    const id = await create(body)
    const socket = together ? connect(daemon.socket) : (await upgraded(id)).socket
    const request =
      `POST /exec/${id}/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n` +
      'Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{"Tty":true}'
    socket.write(`${together ? request : ''}\x01q`)
    await drain(socket, Buffer.alloc(0))
    socket.destroy()
    assert.equal((await inspect(id)).Running, true)
    process.kill((await inspect(id)).Pid, 'SIGKILL')
    await until('its end', async () => (await inspect(id)).ExitCode === 137)
    await until('its events', async () => (await events(since, id)).length === 4)
    assert.deepEqual(await events(since, id), [
      ['exec_create: cat ', undefined],
      ['exec_start: cat ', undefined],
      ['exec_detach', undefined],
      ['exec_die', '137'],
    ])
  })

const upgraded = (id: string): ReturnType<TestDaemon['api']['upgrade']> =>
  daemon.api.upgrade(`/exec/${id}/start`, { Tty: true })

async function events(since: number, execID: string): Promise<Array<[string, string | undefined]>> {
  const until_ = (Date.now() + 1000) / 1000
  const answer = await daemon.api.get(`/events?since=${since}&until=${until_.toFixed(3)}`)
  return answer.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { Action: string; Actor: { Attributes: Attributes } })
    .filter(({ Actor }) => Actor.Attributes.execID === execID)
    .map(({ Action, Actor }) => [Action, Actor.Attributes.exitCode])
}
interface Attributes {
  execID?: string
  exitCode?: string
}

test('the container’s end is theirs; then there is nothing to start', async () => {
  const id = await daemon.run({ Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } })
  const running = await create({ Cmd: ['sleep', '1000'] }, id)
  const waiting = await create({ Cmd: ['true'] }, id)
  await daemon.api.post(`/exec/${running}/start`, { Detach: true })
  assert.equal((await daemon.api.post(`/containers/${id}/stop?t=0`)).status, 204)
  await until('its end', async () => (await inspect(running)).ExitCode === 137)
  const sentence = `container ${id} is not running`
  await refused(['POST', `/exec/${waiting}/start`, { Detach: true }], 409, sentence)
  await refused(['POST', `/exec/${waiting}/resize?h=1&w=1`], 409, sentence)
  await refused(['POST', `/containers/${id}/exec`, { Cmd: ['true'] }], 409, sentence)
  assert.equal((await daemon.api.delete(`/containers/${id}`)).status, 204)
  await refused(['GET', `/exec/${waiting}/json`], 404, `No such exec instance: ${waiting}`)
})

test('requests that make no sense', async () => {
  const path = `/containers/${host}/exec`
  await refused(['POST', path, {}], 400, 'No exec command specified')
  await refused(['POST', path, { Cmd: [] }], 400, 'No exec command specified')
  await refused(['POST', '/containers/no/exec', {}], 400, 'No exec command specified')
  const missing = 'No such container: no'
  await refused(['POST', '/containers/no/exec', { Cmd: ['x'] }], 404, missing)
  await refused(
    ['POST', path, { Cmd: ['x'], User: 'nobody-here' }],
    400,
    'unable to find user nobody-here: no matching entries in passwd file',
  )
  await refused(['GET', '/exec/none/json'], 404, 'No such exec instance: none')
  await refused(['POST', '/exec/none/start', {}], 404, 'No such exec instance: none')
  const id = await create({ Cmd: ['true'] })
  await refused(
    ['POST', `/exec/${id}/resize?h=x&w=1`],
    400,
    'invalid resize height "x": invalid syntax',
  )
})
