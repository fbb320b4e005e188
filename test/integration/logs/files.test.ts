/** Drivers whose log stays on this machine, as a client sees them. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon, unframe, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start({
    config: { 'log-driver': 'json-file', 'log-opts': { 'max-size': '100m' } },
  })
})
after(() => daemon[Symbol.asyncDispose]())

const script = (text: string, LogConfig: object, more: object = {}): object => ({
  Cmd: ['sh', '-c', text],
  ...more,
  HostConfig: { NetworkMode: 'none', LogConfig },
})

async function ran(text: string, LogConfig: object, more: object = {}): Promise<string> {
  const id = await daemon.run(script(text, LogConfig, more))
  await daemon.wait(id)
  return id
}

/** Names of the log files of a container, without its id. */
function filesOf(id: string): string[] {
  const home = join(daemon.dataRoot, 'containers', id)
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => /json\.log|container\.log/.test(name))
    .map((name) => name.replace(id, 'ID'))
    .sort()
}

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, n) => `${from + n}\n`).join('')

test('daemon-wide options are shown on the container', async () => {
  const id = await ran('true', {})
  const { body } = await daemon.api.get<{ HostConfig: { LogConfig: object }; LogPath: string }>(
    `/containers/${id}/json`,
  )
  assert.deepEqual(body.HostConfig.LogConfig, {
    Type: 'json-file',
    Config: { 'max-size': '100m' },
  })
  assert.match(body.LogPath, /-json\.log$/)
})

test('local keeps its own files and shows no path', async () => {
  const id = await ran('echo out; echo err >&2; printf end', { Type: 'local' })
  assert.deepEqual(filesOf(id), ['local-logs/container.log.00000000000000000000'])
  const text = await daemon.logs(id)
  assert.deepEqual(text.match(/out\n|err\n|end/g)?.sort(), ['end', 'err\n', 'out\n'])
  assert.equal(await daemon.logs(id, 'stderr=1'), 'err\n')
  const { body } = await daemon.api.get<{ LogPath: string }>(`/containers/${id}/json`)
  assert.equal(body.LogPath, '')
  // A second run goes on in the same file.
  await daemon.api.post(`/containers/${id}/start`)
  await daemon.wait(id)
  assert.equal((await daemon.logs(id)).match(/out/g)?.length, 2)
})

test('attributes come with details', async () => {
  const id = await ran(
    'echo x',
    { Type: 'json-file', Config: { labels: 'app', tag: '{{.Name}} y', env: 'MODE' } },
    { Labels: { app: 'a b' }, Env: ['MODE=(dev)'] },
  )
  const { body } = await daemon.api.get<{ Name: string }>(`/containers/${id}/json`)
  assert.equal(
    await daemon.logs(id, 'stdout=1&details=1'),
    `MODE=%28dev%29,app=a+b,tag=${body.Name.slice(1)}+y x\n`,
  )
})

test('logs as JSON', async () => {
  const id = await ran('echo x', { Type: 'local', Config: { tag: 't' } })
  const path = `/v1.54/containers/${id}/logs?stdout=1&format=json`
  const answer = await daemon.api.get<{ Timestamp: string }>(`${path}&details=1`)
  const { Timestamp, ...rest } = answer.body
  assert.deepEqual(rest, { Line: 'x\n', Source: 'stdout', Attrs: [{ Key: 'tag', Value: 't' }] })
  assert.match(Timestamp, /^\d{4}-.*Z$/)
  assert.equal((await daemon.api.get(path.replace('json', 'xml'))).status, 400)
})

for (const [LogConfig, message] of [
  [{ Type: 'fluentd' }, 'error looking up logging plugin fluentd: plugin "fluentd" not found'],
  [{ Type: 'json-file', Config: { x: '1' } }, "unknown log opt 'x' for json-file log driver"],
] as const)
  test(`create refuses ${JSON.stringify(LogConfig)}`, async () => {
    const body = { Image: 'busybox', HostConfig: { LogConfig } }
    const answer = await daemon.api.post<{ message: string }>('/containers/create', body)
    assert.deepEqual([answer.status, answer.body.message], [400, message])
  })

test('the daemon does not start with options its driver does not know', async () => {
  await assert.rejects(
    TestDaemon.start({ busybox: false, config: { 'log-opts': { colour: 'red' } } }),
    /failed to set log opts: unknown log opt 'colour' for json-file log driver/,
  )
})

test('start refuses values that make no sense', async () => {
  const LogConfig = { Type: 'json-file', Config: { 'max-file': '0' } }
  const { body } = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: 'busybox',
    ...script('true', LogConfig),
  })
  const answer = await daemon.api.post<{ message: string }>(`/containers/${body.Id}/start`)
  assert.equal(answer.status, 500)
  assert.equal(
    answer.body.message,
    'failed to create task for container: failed to initialize logging driver: max-file cannot be less than 1',
  )
})

test('none has no log', async () => {
  const id = await ran('echo x', { Type: 'none' })
  const answer = await daemon.api.get<{ message: string }>(`/containers/${id}/logs?stdout=1`)
  assert.deepEqual(
    [answer.status, answer.body.message],
    [501, 'configured logging driver does not support reading'],
  )
})

for (const [Type, pattern] of [
  ['json-file', /^ID-json\.log(\.\d+\.gz)?$/],
  ['local', /container\.log\.\d{20}(\.gz)?$/],
] as const)
  test(`${Type}: rotated files are compressed and read as one`, async () => {
    const Config = { 'max-size': '100k', 'max-file': '4', compress: 'true' }
    const id = await ran('seq 1 7000', { Type, Config })
    await until(
      'compression',
      // The file itself goes a moment after its archive has come.
      () =>
        filesOf(id).length === 4 && filesOf(id).filter((name) => name.endsWith('.gz')).length === 3,
    )
    for (const name of filesOf(id)) assert.match(name, pattern)
    const text = await daemon.logs(id)
    const first = Number(text.slice(0, text.indexOf('\n')))
    assert.equal(text, numbers(first, 7000))
    assert.ok(first > 1 && first < 4000, `first kept line: ${first}`)
    assert.equal(await daemon.logs(id, 'stdout=1&tail=2500'), numbers(4501, 7000))
    assert.equal(await daemon.logs(id, 'stdout=1&tail=3'), numbers(6998, 7000))
  })

/** Where two texts part; '' for equal ones. */
function difference(seen: string, expected: string): string {
  if (seen === expected) return ''
  const lines = seen.split('\n')
  const at = expected.split('\n').findIndex((line, index) => lines[index] !== line)
  return `${lines.length} lines; after ${lines[at - 1]} comes ${lines[at]}`
}

test('rotation and compression under load lose nothing that is followed', async () => {
  const lines = 200_000
  const Config = { 'max-size': '1m', 'max-file': '50', compress: 'true' }
  for (const Type of ['json-file', 'local']) {
    const id = await daemon.run(
      script(`read go; seq 1 ${lines}`, { Type, Config }, { OpenStdin: true }),
    )
    const followed = daemon.logs(id, 'stdout=1&follow=1')
    const { socket } = await daemon.api.upgrade(`/containers/${id}/attach?stdin=1&stream=1`)
    socket.write('\n')
    socket.resume()
    await daemon.wait(id)
    socket.destroy()
    const expected = numbers(1, lines)
    assert.equal(difference(await followed, expected), '', `${Type}: followed`)
    await until(
      'compression',
      () => filesOf(id).filter((name) => !name.endsWith('.gz')).length === 1,
    )
    assert.equal(difference(await daemon.logs(id), expected), '', `${Type}: read afterwards`)
    await daemon.api.delete(`/containers/${id}?force=1`)
  }
})

test('what a crash left of a line does not swallow the next one', async () => {
  const id = await ran('echo x', { Type: 'json-file', Config: {} })
  const path = join(daemon.dataRoot, 'containers', id, `${id}-json.log`)
  appendFileSync(path, '{"log":"torn')
  await daemon.api.post(`/containers/${id}/start`)
  await daemon.wait(id)
  assert.equal(await daemon.logs(id), 'x\nx\n')
  assert.ok(statSync(path).size > 0)
})

test('attach with logs replays a rotated local log, then goes on', async () => {
  const Config = { 'max-size': '10k', 'max-file': '5' }
  const text = 'seq 1 500; read go; echo live'
  const id = await daemon.run(script(text, { Type: 'local', Config }, { OpenStdin: true }))
  await until('output', async () => (await daemon.logs(id)).endsWith('\n500\n'))
  const { socket, head } = await daemon.api.upgrade(
    `/containers/${id}/attach?stdin=1&stdout=1&stream=1&logs=1`,
  )
  const parts: Buffer[] = [head]
  const ended = new Promise<void>((resolve) => socket.on('close', resolve).on('end', resolve))
  socket.on('data', (part: Buffer) => parts.push(part))
  socket.write('\n')
  await ended
  socket.destroy()
  const seen = unframe(Buffer.concat(parts))
  assert.ok(seen.endsWith('\n499\n500\nlive\n'), seen.slice(-100))
})

test('a container goes while its log is being compressed', async () => {
  for (const Type of ['json-file', 'local']) {
    const Config = { 'max-size': '2m', 'max-file': '5', compress: 'true' }
    const id = await daemon.run(
      script('while :; do seq 1 1000; usleep 1000; done', { Type, Config }),
    )
    await until('compression', () => filesOf(id).some((name) => name.endsWith('.gz')))
    const removed = await daemon.api.delete(`/containers/${id}?force=1`)
    assert.equal(removed.status, 204, removed.text)
    assert.ok(!existsSync(join(daemon.dataRoot, 'containers', id)))
  }
})
