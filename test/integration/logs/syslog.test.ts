/** The syslog driver against servers of every kind. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { DatagramServer, StreamServer, tlsServer, udpServer } from './servers.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const syslog = (address: string, more: Record<string, string> = {}): object => ({
  NetworkMode: 'none',
  LogConfig: { Type: 'syslog', Config: { 'syslog-address': address, tag: 'T', ...more } },
})

const run = (text: string, HostConfig: object, more: object = {}): Promise<string> =>
  daemon.run({ Cmd: ['sh', '-c', text], HostConfig, ...more })

/** Without what is before the message. */
const messages = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/^.*?T\[\d+\]: /, ''))

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n + 1))

test('tcp: lines, severity, format, and docker logs from the cache', async () => {
  await using server = await new StreamServer({ host: '127.0.0.1', port: 0 }).start()
  const id = await run('echo out; echo; echo err >&2', syslog(`tcp://127.0.0.1:${server.port}`))
  await daemon.wait(id)
  await until('both lines', () => server.lines.length === 2)
  const [out, err] = server.lines.toSorted((a, b) => b.localeCompare(a))
  assert.match(out!, /^<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d T\[\d+\]: out$/)
  assert.match(err!, /^<27>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d T\[\d+\]: err$/)
  assert.equal(await daemon.logs(id, 'stdout=1'), 'out\n\n')
})

test('rfc5424 with a facility, by udp', async () => {
  await using server = await udpServer()
  const id = await run(
    'echo hello',
    syslog(`udp://127.0.0.1:${server.port}`, {
      'syslog-format': 'rfc5424micro',
      'syslog-facility': 'local3',
      tag: '{{.Name}}',
    }),
  )
  await until('the message', () => server.lines.length === 1)
  const { body } = await daemon.api.get<{ Name: string }>(`/containers/${id}/json`)
  const name = body.Name.slice(1)
  assert.match(
    server.lines[0]!,
    new RegExp(
      `^<158>1 \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}\\S+ \\S+ ${name} \\d+ ${name} - hello$`,
    ),
  )
})

test('unix and unixgram', async () => {
  const stream = join(daemon.directory, 'stream.sock')
  const gram = join(daemon.directory, 'gram.sock')
  await using streams = await new StreamServer({ path: stream }).start()
  await using datagrams = await new DatagramServer(gram).start()
  await run('echo a', syslog(`unix://${stream}`))
  await run('seq 1 1000', syslog(`unixgram://${gram}`))
  await until('the stream', () => streams.lines.length === 1)
  await until('datagrams', () => datagrams.lines.length >= 1000)
  assert.deepEqual(messages(datagrams.lines.map((line) => line.trimEnd())), numbers(1000))
})

test('tls: verified, counted frames; refused without the authority', async () => {
  await using server = await tlsServer(daemon.directory).start()
  const address = `tcp+tls://127.0.0.1:${server.port}`
  const authority = { 'syslog-tls-ca-cert': join(daemon.directory, 'syslog-cert.pem') }
  await run('echo safe', syslog(address, { ...authority, 'syslog-format': 'rfc5424' }))
  await until('the message', () => server.lines.length === 1)
  const [, length, rest] = /^(\d+) (.*)$/.exec(server.lines[0]!)!
  assert.equal(Number(length), rest!.length + 1)
  await run('echo any', syslog(address, { 'syslog-tls-skip-verify': '1' }))
  await until('the second', () => server.lines.length === 2)
  await assert.rejects(run('true', syslog(address)), /failed to initialize logging driver: /)
})

test('a server that is not there fails the start', async () => {
  await assert.rejects(
    run('true', syslog('tcp://127.0.0.1:1')),
    /start: 500 .*failed to create task for container: failed to initialize logging driver: dial tcp 127\.0\.0\.1:1: connect: connection refused/,
  )
})

test('with the cache disabled there is nothing to read', async () => {
  await using server = await new StreamServer({ host: '127.0.0.1', port: 0 }).start()
  const address = `tcp://127.0.0.1:${server.port}`
  const id = await run('seq 1 50000', syslog(address, { 'cache-disabled': 'true' }))
  await until('all lines', () => server.lines.length >= 50_000)
  assert.deepEqual(messages(server.lines), numbers(50_000))
  const answer = await daemon.api.get<{ message: string }>(`/containers/${id}/logs?stdout=1`)
  assert.deepEqual(
    [answer.status, answer.body.message],
    [501, 'configured logging driver does not support reading'],
  )
})

test('no line is lost when the server dies and comes back', async () => {
  await using server = await new StreamServer({ host: '127.0.0.1', port: 0 }).start()
  const text = 'for i in $(seq 1 300); do echo $i; usleep 10000; done'
  const id = await run(text, syslog(`tcp://127.0.0.1:${server.port}`))
  for (const count of [50, 150]) {
    await until(`${count} lines`, () => server.lines.length >= count)
    await server.stop()
    await server.start()
  }
  await daemon.wait(id)
  await until('the last line', () => messages(server.lines).includes('300'), 40_000)
  assert.deepEqual(new Set(messages(server.lines)), new Set(numbers(300)))
})

test('no line is lost when the daemon is killed, nor what is written meanwhile', async () => {
  await using server = await new StreamServer({ host: '127.0.0.1', port: 0 }).start()
  const text = 'for i in $(seq 1 400); do echo $i; usleep 5000; done'
  const id = await run(text, syslog(`tcp://127.0.0.1:${server.port}`, { 'cache-max-size': '70k' }))
  await until('some lines', () => server.lines.length >= 100)
  await daemon.crash()
  await new Promise((resolve) => setTimeout(resolve, 300))
  await daemon.boot()
  await daemon.wait(id)
  await until('the last line', () => messages(server.lines).includes('400'), 40_000)
  assert.deepEqual(new Set(messages(server.lines)), new Set(numbers(400)))
})

test('what ended while there was no daemon is sent by the next one', async () => {
  await using server = await new StreamServer({ host: '127.0.0.1', port: 0 }).start()
  const go = join(daemon.directory, 'go')
  writeFileSync(go, '')
  const HostConfig = { ...syslog(`tcp://127.0.0.1:${server.port}`), Binds: [`${go}:/go`] }
  const id = await run('until grep -q x /go; do usleep 10000; done; seq 1 100', HostConfig)
  const { body } = await daemon.api.get<{ State: { Pid: number } }>(`/containers/${id}/json`)
  await daemon.crash()
  writeFileSync(go, 'x')
  await until('the end', () => {
    try {
      return readFileSync(`/proc/${body.State.Pid}/stat`, 'utf8').includes(') Z ')
    } catch {
      return true
    }
  })
  await daemon.boot()
  await until('all lines', () => server.lines.length >= 100)
  assert.deepEqual(messages(server.lines), numbers(100))
})

/** Writes without end, and says on a file how far it came. */
const writer = 'i=0; while :; do cat /line; i=$((i+1)); echo $i > /count; done'

async function stalled(more: Record<string, string>): Promise<{
  id: string
  server: StreamServer
  count: () => number
}> {
  const server = await new StreamServer({ host: '127.0.0.1', port: 0 }).start()
  server.reads = false
  const line = join(daemon.directory, 'line')
  const count = join(daemon.directory, `count-${server.port}`)
  writeFileSync(line, `${'x'.repeat(1023)}\n`.repeat(1024))
  writeFileSync(count, '0')
  const HostConfig = {
    ...syslog(`tcp://127.0.0.1:${server.port}`, more),
    Binds: [`${line}:/line:ro`, `${count}:/count`],
  }
  const id = await run(writer, HostConfig)
  return { id, server, count: () => Number(readFileSync(count, 'utf8')) }
}

test('blocking: a server that does not read stops the container, and lets it go on', async () => {
  const { id, server, count } = await stalled({})
  await using _ = server
  await until('a backlog', () => count() >= 30)
  let before = -1
  // The count stands still for a second: the container waits.
  await until('the container waits', async () => {
    if (before === count()) return true
    before = count()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    return before === count()
  })
  assert.ok(before < 80, `${before} MiB were taken`)
  server.reads = true
  await until('it goes on', () => count() > before + 20)
  await daemon.api.delete(`/containers/${id}?force=1`)
})

test('non-blocking: the container goes on and lines are dropped', async () => {
  const { id, server, count } = await stalled({ mode: 'non-blocking', 'max-buffer-size': '2m' })
  await using _ = server
  await until('more than any backlog', () => count() > 100, 40_000)
  await daemon.api.post(`/containers/${id}/kill`)
  await daemon.wait(id)
  server.reads = true
  let before = -1
  await until('all that is sent', async () => {
    before = server.lines.length
    await new Promise((resolve) => setTimeout(resolve, 1000))
    return before > 0 && before === server.lines.length
  })
  // What the sockets held, and two times the buffer.
  assert.ok(before < 40 * 1024, `${before} KiB came`)
  await daemon.api.delete(`/containers/${id}?force=1`)
})

test('removing waits until the log is sent', async () => {
  await using server = await new StreamServer({ host: '127.0.0.1', port: 0 }).start()
  const id = await run('seq 1 20000; sleep 1000', syslog(`tcp://127.0.0.1:${server.port}`))
  await until('output', async () => (await daemon.logs(id, 'stdout=1&tail=1')) === '20000\n')
  await daemon.api.delete(`/containers/${id}?force=1`)
  await until('all lines', () => server.lines.length >= 20_000, 1000)
  assert.deepEqual(messages(server.lines), numbers(20_000))
})
