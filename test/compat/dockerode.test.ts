/** The SDK most Node programs use. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { TestDaemon, until } from '../lib/test-daemon.ts'
import { type Docker, Dockerode, demux } from './dockerode.ts'

let daemon: TestDaemon
let docker: Docker
before(async () => {
  daemon = await TestDaemon.start()
  docker = new Dockerode({ socketPath: daemon.socket })
})
after(() => daemon[Symbol.asyncDispose]())

test('attach with demux, stdin, start, wait, inspect, remove', async () => {
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sh', '-c', 'cat; echo err >&2; exit 5'],
    ...{ OpenStdin: true, StdinOnce: true, AttachStdin: true },
    ...{ AttachStdout: true, AttachStderr: true },
  })
  const stream = await container.attach({
    ...{ stream: true, hijack: true, stdin: true, stdout: true, stderr: true },
  })
  const output = demux(docker, stream)
  await container.start()
  const ended = container.wait()
  stream.end('through\n')
  assert.deepEqual(await output, { out: 'through\n', err: 'err\n' })
  assert.equal((await ended).StatusCode, 5)
  const { State } = await container.inspect()
  assert.deepEqual([State.Running, State.ExitCode], [false, 5])
  await container.remove()
  await assert.rejects(container.inspect(), { statusCode: 404 })
})

test('exec with hijack and stdin', async () => {
  const container = docker.getContainer(await daemon.run({ Cmd: ['sleep', '60'] }))
  const exec = await container.exec({
    Cmd: ['sh', '-c', 'cat; echo err >&2; exit 6'],
    ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true },
  })
  const stream = await exec.start({ hijack: true, stdin: true })
  const output = demux(docker, stream)
  stream.end('to exec\n')
  assert.deepEqual(await output, { out: 'to exec\n', err: 'err\n' })
  const { ExitCode, Running } = await exec.inspect()
  assert.deepEqual([ExitCode, Running], [6, false])
  await container.remove({ force: true })
})

test('logs follow until the end', async () => {
  const container = docker.getContainer(
    await daemon.run({ Cmd: ['sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.1; done'] }),
  )
  const logs = await container.logs({ follow: true, stdout: true, stderr: true })
  assert.deepEqual(await demux(docker, logs), { out: '1\n2\n3\n', err: '' })
  await container.remove({ force: true })
})

test('lists, filters and image inspect', async () => {
  const id = await daemon.run({ Cmd: ['sleep', '60'], Labels: { of: 'sdk' } }, 'listed')
  const all = await docker.listContainers({ all: true, filters: { label: ['of=sdk'] } })
  assert.deepEqual(
    all.map(({ Id, Names, State }) => ({ Id, Names, State })),
    [{ Id: id, Names: ['/listed'], State: 'running' }],
  )
  assert.deepEqual(await docker.listContainers({ filters: { label: ['of=other'] } }), [])
  assert.deepEqual((await docker.getImage('busybox').inspect()).RepoTags, ['busybox:latest'])
  assert.deepEqual((await docker.listImages())[0]?.RepoTags, ['busybox:latest'])
  await docker.getContainer(id).remove({ force: true })
})

test('events as they happen', async () => {
  const events = await docker.getEvents({ filters: { type: ['container'], label: ['of=events'] } })
  let seen = ''
  events.on('data', (part: Buffer) => (seen += part.toString()))
  const container = docker.getContainer(
    await daemon.run({ Cmd: ['sleep', '60'], Labels: { of: 'events' } }),
  )
  await container.kill()
  await container.remove({ force: true })
  await until('the last event', () => seen.includes('"destroy"'))
  const actions = seen
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { Action: string }).Action)
  assert.deepEqual(actions, ['create', 'start', 'kill', 'die', 'destroy'])
  const closed = once(events as unknown as NodeJS.EventEmitter, 'close')
  events.destroy()
  await closed
})

test('run, the short way', async () => {
  const out = new PassThrough()
  const output = text(out)
  const [{ StatusCode }, container] = await docker.run(
    'busybox',
    ['sh', '-c', 'echo hi; exit 2'],
    out,
  )
  out.end()
  assert.equal(StatusCode, 2)
  assert.match(await output, /hi\r?\n/)
  await container.remove()
  assert.equal(String(await docker.ping()), 'OK')
})
