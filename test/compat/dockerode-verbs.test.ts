/** The rest of what programs do with dockerode: every verb of a container, archives, images, volumes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { buffer, text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { extract } from 'tar-stream'
import { busyboxImage, tarOf } from '../lib/image-maker.ts'
import { startRegistry } from '../lib/registry.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'
import { type Container, type Docker, Dockerode, demux } from './dockerode.ts'

const forever = ['sh', '-c', 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done']

let daemon: TestDaemon
let docker: Docker
before(async () => {
  daemon = await TestDaemon.start()
  docker = new Dockerode({ socketPath: daemon.socket })
})
after(() => daemon[Symbol.asyncDispose]())

/** A running container whose shell is ready for signals. */
async function up(o: object = {}): Promise<Container> {
  const container = await docker.createContainer({ Image: 'busybox', Cmd: forever, ...o })
  await container.start()
  await said(container, 'up', 1)
  return container
}

async function said(container: Container, what: string, times: number): Promise<void> {
  await until(`${what}, ${times} times`, async () => {
    const logs = String(await container.logs({ follow: false, stdout: true }))
    return logs.split(what).length > times
  })
}

const stateOf = async (container: Container): Promise<string> =>
  (await container.inspect()).State.Status

/** Regular files of an archive. */
async function filesOf(tar: NodeJS.ReadableStream): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  const reader = extract()
  reader.on('entry', (header, content, next) => {
    if (header.type === 'file')
      void text(content).then((all) => {
        files[header.name] = all
        next()
      })
    else {
      content.resume()
      next()
    }
  })
  await pipeline(tar, reader)
  return files
}

test('stop, start, restart, pause, kill, rename, wait for each', async () => {
  const container = await up()
  const waited = container.wait()
  await container.stop({ t: 20 })
  assert.equal((await waited).StatusCode, 0)
  await assert.rejects(container.stop(), { statusCode: 304 })
  const next = container.wait({ condition: 'next-exit' })
  await container.start()
  await assert.rejects(container.start(), { statusCode: 304 })
  await said(container, 'up', 2)
  await container.restart({ t: 20 })
  assert.equal((await next).StatusCode, 0)
  await container.pause()
  assert.equal(await stateOf(container), 'paused')
  await assert.rejects(container.pause(), { statusCode: 409 })
  await container.unpause()
  await container.rename({ name: 'another' })
  assert.equal((await docker.getContainer('another').inspect()).Name, '/another')
  const removed = container.wait({ condition: 'removed' })
  await container.kill({ signal: 'SIGKILL' })
  assert.equal((await container.wait()).StatusCode, 137)
  await assert.rejects(container.kill(), { statusCode: 409 })
  await container.remove({ v: true })
  assert.equal((await removed).StatusCode, 137)
})

test('update, top, changes, export, size', async () => {
  const container = await up({ HostConfig: { Memory: 64 << 20 } })
  await container.update({ Memory: 128 << 20, MemorySwap: 256 << 20 })
  assert.equal((await container.inspect()).HostConfig['Memory'], 128 << 20)
  const { Titles, Processes } = await container.top({ ps_args: '-o pid,comm' })
  assert.deepEqual(Titles, ['PID', 'COMMAND'])
  assert.ok(Processes.some((row) => row[1] === 'sh'))
  await container.putArchive(await tarOf([{ name: 'made', content: 'x' }]), { path: '/tmp' })
  const changes = await container.changes()
  assert.ok(changes.some(({ Path, Kind }) => Path === '/tmp/made' && Kind === 1))
  assert.equal((await filesOf(await container.export()))['tmp/made'], 'x')
  const [listed] = await docker.listContainers({ size: true })
  assert.ok((listed?.SizeRootFs ?? 0) > 1 << 20)
  await container.remove({ force: true })
})

test('archives in both directions, from a buffer and a stream', async () => {
  const container = await docker.createContainer({ Image: 'busybox' })
  const tar = await tarOf([
    { name: 'a/', type: 'directory' },
    { name: 'a/one', content: 'first\n', mode: 0o600 },
  ])
  await container.putArchive(tar, { path: '/' })
  const stream = new PassThrough()
  const put = container.putArchive(stream, { path: '/a', noOverwriteDirNonDir: 1 })
  stream.end(await tarOf([{ name: 'two', content: 'second\n' }]))
  await put
  const files = await filesOf(await container.getArchive({ path: '/a' }))
  assert.deepEqual(files, { 'a/one': 'first\n', 'a/two': 'second\n' })
  const info = await container.infoArchive({ path: '/a/one' })
  info.resume()
  const stat = JSON.parse(
    Buffer.from(info.headers['x-docker-container-path-stat'] ?? '', 'base64').toString(),
  ) as object
  assert.deepEqual({ ...stat, name: 'one', size: 6, mode: 0o600 }, stat)
  await assert.rejects(container.getArchive({ path: '/none' }), { statusCode: 404 })
  await assert.rejects(container.putArchive(tar, { path: '/none' }), { statusCode: 404 })
  await container.remove()
})

test('stats, streamed and at once', async () => {
  const container = await up()
  assert.equal((await container.stats({ stream: false, 'one-shot': true })).id, container.id)
  const stream = await container.stats({ stream: true })
  let seen = ''
  stream.on('data', (part: Buffer) => (seen += part.toString()))
  await until('two samples', () => seen.split('\n').length > 2)
  const sample = JSON.parse(seen.split('\n')[1] ?? '') as { memory_stats: { usage: number } }
  assert.ok(sample.memory_stats.usage > 0)
  stream.destroy()
  await container.remove({ force: true })
})

test('a terminal: attach, resize, detach by hanging up', async () => {
  const container = await docker.createContainer({
    ...{ Image: 'busybox', Cmd: ['sh'], Tty: true, OpenStdin: true },
    ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true },
  })
  const stream = await container.attach({
    ...{ stream: true, hijack: true, stdin: true, stdout: true, stderr: true },
  })
  let seen = ''
  stream.on('data', (part: Buffer) => (seen += part.toString()))
  await container.start()
  await container.resize({ h: 33, w: 77 })
  stream.write('stty size\n')
  await until('the size', () => seen.includes('33 77'))
  stream.destroy()
  assert.equal(await stateOf(container), 'running')
  const again = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true })
  const ended = container.wait()
  again.write('exit 4\n')
  assert.equal((await ended).StatusCode, 4)
  again.destroy()
  await container.remove()
})

test('exec with a terminal, detached, and of a program that is not there', async () => {
  const container = await up()
  const onTerminal = await container.exec({
    ...{ Cmd: ['sh', '-c', 'read x; echo got $x; stty size'], Tty: true, ConsoleSize: [20, 60] },
    ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true },
  })
  const stream = await onTerminal.start({ hijack: true, stdin: true, Tty: true })
  const output = text(stream)
  await onTerminal.resize({ h: 30, w: 70 })
  stream.write('it\n')
  assert.match(await output, /got it\r\n30 70\r\n$/)
  const detached = await container.exec({ Cmd: ['sh', '-c', 'exit 5'] })
  await detached.start({ Detach: true })
  await until('its end', async () => !(await detached.inspect()).Running)
  assert.equal((await detached.inspect()).ExitCode, 5)
  const missing = await container.exec({ Cmd: ['/none'], AttachStdout: true })
  const told = await missing.start({ hijack: true }).then(
    (answer) => text(answer),
    (error: Error) => error.message,
  )
  assert.match(told, /no such file or directory/)
  await container.remove({ force: true })
})

test('logs at once, with stamps, of one stream, and left while following', async () => {
  const container = await docker.createContainer({
    ...{ Image: 'busybox', Cmd: ['sh', '-c', 'echo out; echo err >&2; sleep 60'] },
  })
  await container.start()
  await said(container, 'out', 1)
  const err = await container.logs({ follow: true, stderr: true, timestamps: true })
  let seen = ''
  const out = new PassThrough()
  const errors = new PassThrough()
  docker.modem.demuxStream(err, out, errors)
  errors.on('data', (part: Buffer) => (seen += part.toString()))
  await until('the line', () => seen.endsWith('\n'))
  assert.match(seen, /^\d{4}-\d\d-\d\dT\S+Z err\n$/)
  err.destroy()
  const both = new PassThrough()
  both.end(await container.logs({ follow: false, stdout: true, stderr: true }))
  assert.deepEqual(await demux(docker, both), { out: 'out\n', err: 'err\n' })
  await container.remove({ force: true })
})

test('an aborted request', async () => {
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '60'] })
  await container.start()
  const stopping = container.stop({ t: 60, abortSignal: AbortSignal.timeout(100) })
  await assert.rejects(stopping, { name: /Abort|Timeout|Error/ })
  assert.equal(await stateOf(container), 'running')
  await container.remove({ force: true })
})

test('lists by filters', async () => {
  const kept = await up({ name: 'kept', Labels: { of: 'lists', n: '1' } })
  const ended = await docker.createContainer({ Image: 'busybox', Labels: { of: 'lists', n: '2' } })
  const of = async (options: object): Promise<string[]> =>
    (await docker.listContainers(options)).map(({ Id }) => Id)
  assert.deepEqual(await of({ filters: { label: ['of=lists'] } }), [kept.id])
  assert.deepEqual(await of({ all: true, filters: { label: ['of=lists', 'n=2'] } }), [ended.id])
  assert.deepEqual(await of({ filters: { status: ['created'] } }), [ended.id])
  assert.deepEqual(await of({ all: true, filters: { name: ['^/kept$'] } }), [kept.id])
  assert.deepEqual(await of({ all: true, filters: { before: [ended.id] } }), [kept.id])
  assert.deepEqual(await of({ limit: 1 }), [ended.id])
  assert.deepEqual((await of({ all: true, filters: { ancestor: ['busybox'] } })).length, 2)
  await assert.rejects(docker.listContainers({ filters: { none: ['x'] } }), { statusCode: 400 })
  const { ContainersDeleted } = await docker.pruneContainers({ filters: { label: ['n=2'] } })
  assert.deepEqual(ContainersDeleted, [ended.id])
  await kept.remove({ force: true })
})

test('volumes', async () => {
  await docker.createVolume({ Name: 'mine', Labels: { of: 'volumes' } })
  const { Volumes } = await docker.listVolumes({ filters: { label: ['of=volumes'] } })
  assert.deepEqual(
    Volumes.map(({ Name }) => Name),
    ['mine'],
  )
  const body = { HostConfig: { AutoRemove: true, Binds: ['mine:/v'] } }
  const run = (script: string) =>
    docker.run('busybox', ['sh', '-c', script], new PassThrough().resume(), body)
  assert.equal((await run('echo kept >/v/file'))[0].StatusCode, 0)
  assert.equal((await run('grep kept /v/file'))[0].StatusCode, 0)
  await until('its release', () =>
    docker
      .getVolume('mine')
      .remove()
      .then(
        () => true,
        (error: { statusCode: number }) => assert.equal(error.statusCode, 409) as undefined,
      ),
  )
  await assert.rejects(docker.getVolume('mine').inspect(), { statusCode: 404 })
})

test('run with two outputs', async () => {
  const [out, err] = [new PassThrough(), new PassThrough()]
  const told = Promise.all([text(out), text(err)])
  const script = ['sh', '-c', 'echo out; echo err >&2']
  const [{ StatusCode }, container] = await docker.run('busybox', script, [out, err], {
    Tty: false,
  })
  out.end()
  err.end()
  assert.equal(StatusCode, 0)
  assert.deepEqual(await told, ['out\n', 'err\n'])
  await container.remove()
})

test('a pull with its progress; tag, removal', async () => {
  await using registry = await startRegistry()
  const made = await busyboxImage()
  const name = `${registry.host}/${await registry.push('app:1', made)}`
  const events = await docker.getEvents({ filters: { type: ['image'] } })
  let heard = ''
  events.on('data', (part: Buffer) => (heard += part.toString()))
  const pulled = await docker.pull(name)
  const progress: object[] = []
  const output = await new Promise<object[]>((resolve, reject) =>
    docker.modem.followProgress(
      pulled,
      (error, all) => (error ? reject(error) : resolve(all)),
      (event) => progress.push(event),
    ),
  )
  assert.deepEqual(output, progress)
  assert.deepEqual(output.at(-1), { status: `Status: Downloaded newer image for ${name}` })
  const image = await docker.getImage(name).inspect()
  assert.deepEqual(image.RepoDigests, [`${registry.host}/app@${made.manifest.digest}`])
  await docker.getImage(name).tag({ repo: 'app', tag: 'x' })
  assert.deepEqual(await docker.getImage('app:x').remove(), [{ Untagged: 'app:x' }])
  await docker.getImage(name).remove({ force: true })
  await until('the last event', () => heard.includes('"delete"'))
  const closed = once(events as unknown as NodeJS.EventEmitter, 'close')
  events.destroy()
  await closed
  const refused = await docker.pull(`${registry.host}/none:1`).then(
    (stream) => buffer(stream).then(String),
    (error: Error) => error.message,
  )
  assert.match(refused, /not found/)
})

test('older APIs by version', async () => {
  const old = new Dockerode({ socketPath: daemon.socket, version: 'v1.24' })
  assert.equal((await old.info()).OSType, 'linux')
  const [{ StatusCode }, container] = await old.run(
    'busybox',
    ['false'],
    new PassThrough().resume(),
  )
  assert.equal(StatusCode, 1)
  await container.remove()
  assert.equal((await docker.version()).ApiVersion, '1.56')
  assert.equal((await docker.df()).Images.length, 1)
})
