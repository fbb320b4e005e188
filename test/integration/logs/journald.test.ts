/** The journald driver: against a socket that shows each datagram, and the real journal if there is one. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hasProgram, TestDaemon, until } from '../../lib/test-daemon.ts'
import { DatagramServer } from './servers.ts'

const SOCKET = `/tmp/tdocker-journal-${process.pid}`
const JOURNALD = '/lib/systemd/systemd-journald'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start({ env: { TDOCKER_JOURNAL_SOCKET: SOCKET } })
})
after(() => daemon[Symbol.asyncDispose]())

const run = (
  text: string,
  Config: Record<string, string> = {},
  more: object = {},
): Promise<string> =>
  daemon.run({
    Cmd: ['sh', '-c', text],
    ...more,
    HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'journald', Config } },
  })

/** Fields of a message in the native protocol. */
function fields(message: string): Record<string, string> {
  const found: Record<string, string> = {}
  const bytes = Buffer.from(message, 'latin1')
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0x0a, at)
    const line = bytes.toString('utf8', at, end)
    const equals = line.indexOf('=')
    at = end + 1
    if (equals >= 0) {
      found[line.slice(0, equals)] = line.slice(equals + 1)
      continue
    }
    const length = Number(bytes.readBigUInt64LE(at))
    found[line] = bytes.toString('utf8', at + 8, at + 8 + length)
    at += 8 + length + 1
  }
  return found
}

test('without a journal the start fails', async () => {
  await assert.rejects(
    run('true'),
    /failed to initialize logging driver: journald is not enabled on this host/,
  )
})

test('fields, parts of long lines, and docker logs from the cache', async () => {
  await using journal = await new DatagramServer(SOCKET).start()
  const id = await run(
    'echo hi; head -c 20000 /dev/zero | tr "\\0" x; echo; echo err >&2',
    { tag: '{{.Name}}', labels: 'com.example-a', env: 'E,F' },
    {
      Labels: { 'com.example-a': '1' },
      Env: [`E=${'y'.repeat(120_000)}`, `F=${'y'.repeat(120_000)}`],
    },
  )
  await until('four messages', () => journal.lines.length === 4)
  const all = journal.lines.map(fields)
  const [hi, first, rest] = all.filter((each) => each['PRIORITY'] === '6')
  const { body } = await daemon.api.get<{ Name: string }>(`/containers/${id}/json`)
  const name = body.Name.slice(1)
  const { CONTAINER_LOG_EPOCH: epoch, SYSLOG_TIMESTAMP: time, E: long, F: longer, ...others } = hi!
  assert.deepEqual(others, {
    PRIORITY: '6',
    CONTAINER_ID: id.slice(0, 12),
    CONTAINER_ID_FULL: id,
    CONTAINER_NAME: name,
    CONTAINER_TAG: name,
    SYSLOG_IDENTIFIER: name,
    IMAGE_NAME: 'busybox',
    COM_EXAMPLE_A: '1',
    CONTAINER_LOG_ORDINAL: others['CONTAINER_LOG_ORDINAL'],
    MESSAGE: 'hi',
  })
  // Together more than a datagram holds: it came as a memfd.
  assert.equal(long!.length + longer!.length, 240_000)
  assert.match(`${epoch} ${time}`, /^[\da-f]{64} \d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.equal(first!['CONTAINER_PARTIAL_MESSAGE'], 'true')
  assert.equal(rest!['CONTAINER_PARTIAL_LAST'], 'true')
  assert.equal(first!['CONTAINER_PARTIAL_ID'], rest!['CONTAINER_PARTIAL_ID'])
  assert.equal(`${first!['MESSAGE']}${rest!['MESSAGE']}`, 'x'.repeat(20_000))
  assert.equal(all.find((each) => each['PRIORITY'] === '3')!['MESSAGE'], 'err')
  assert.equal(await daemon.logs(id, 'stdout=1'), `hi\n${'x'.repeat(20_000)}\n`)
})

test('a journal that restarts gets what came meanwhile', async () => {
  const first = await new DatagramServer(SOCKET).start()
  const id = await run('for i in $(seq 1 200); do echo $i; usleep 5000; done')
  await until('some lines', () => first.lines.length > 20)
  await first[Symbol.asyncDispose]()
  await using second = await new DatagramServer(SOCKET).start()
  await daemon.wait(id)
  await until('the last line', () => second.lines.some((line) => fields(line)['MESSAGE'] === '200'))
  const seen = new Set([...first.lines, ...second.lines].map((line) => fields(line)['MESSAGE']))
  assert.deepEqual(seen, new Set(Array.from({ length: 200 }, (_, n) => String(n + 1))))
})

const canRun = existsSync(JOURNALD) && hasProgram('journalctl') && hasProgram('unshare')
test('the real journal keeps all of it', { skip: !canRun }, async () => {
  await using journal = await RealJournal.start()
  const path = journal.path('run/systemd/journal/socket')
  const mine = await TestDaemon.start({ env: { TDOCKER_JOURNAL_SOCKET: path } })
  await using _ = mine
  const huge = 'z'.repeat(120_000)
  const id = await mine.run({
    Cmd: ['sh', '-c', 'seq 1 3000'],
    Env: [`A=${huge}`, `B=${huge}`],
    HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'journald', Config: { env: 'A' } } },
  })
  await mine.wait(id)
  let messages: string[] = []
  await until('all lines', () => {
    messages = journal.messages(id)
    return messages.length >= 3000
  })
  assert.deepEqual(
    messages,
    Array.from({ length: 3000 }, (_, n) => String(n + 1)),
  )
})

/** systemd-journald in a mount namespace of its own. */
class RealJournal implements AsyncDisposable {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(): Promise<RealJournal> {
    const script = [
      'mount -t tmpfs tmpfs /run',
      'mkdir -p /run/systemd/journal /run/log/journal /run/systemd/journald.conf.d',
      'mount -t tmpfs tmpfs /var/log',
      'printf "[Journal]\\nRateLimitIntervalSec=0\\nStorage=volatile\\nForwardToSyslog=no\\n" > /run/systemd/journald.conf.d/t.conf',
      `exec ${JOURNALD}`,
    ]
    const child = spawn('unshare', ['-m', 'sh', '-c', script.join(' && ')], { stdio: 'ignore' })
    const journal = new RealJournal(child)
    await until('the journal', () => existsSync(journal.path('run/systemd/journal/socket')))
    return journal
  }

  path(below: string): string {
    return join('/proc', String(this.#child.pid), 'root', below)
  }

  messages(id: string): string[] {
    const directory = this.path('run/log/journal')
    const text = execFileSync(
      'journalctl',
      ['-D', directory, '-o', 'cat', '--output-fields=MESSAGE', `CONTAINER_ID_FULL=${id}`],
      { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] },
    )
    return text.split('\n').filter((line) => line !== '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }
}
