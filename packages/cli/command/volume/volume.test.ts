import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const volume = (Name: string): object => ({
  Name,
  Driver: 'local',
  Mountpoint: `/v/${Name}`,
  Scope: 'local',
  Labels: null,
})

test('volume ls', async () => {
  const Volumes = [volume('v10'), volume('v9')]
  await using daemon = await FakeDaemon.start(() => ({ body: { Volumes, Warnings: null } }))
  const ls = async (...args: string[]): Promise<string> =>
    (await runCli(['volume', 'ls', ...args], { host: daemon.host })).stdout
  assert.equal(await ls(), 'DRIVER    VOLUME NAME\nlocal     v9\nlocal     v10\n')
  assert.equal(await ls('-q'), 'v9\nv10\n')
  assert.equal(
    (await ls('--format', 'json')).split('\n')[0],
    '{"Availability":"N/A","Driver":"local","Group":"N/A","Labels":"","Links":"N/A","Mountpoint":"/v/v9","Name":"v9","Scope":"local","Size":"N/A","Status":"N/A"}',
  )
})

test('volume create: name, driver, options, labels; a name twice is a conflict', async () => {
  await using daemon = await FakeDaemon.start(() => ({ status: 201, body: { Name: 'made' } }))
  const create = (...args: string[]) => runCli(['volume', 'create', ...args], { host: daemon.host })
  const made = await create('-d', 'local', '-o', 'type=tmpfs', '--label', 'a=b', 'data')
  assert.deepEqual([made.stdout, made.stderr], ['made\n', ''])
  assert.deepEqual(JSON.parse(daemon.seen.at(-1)?.body ?? ''), {
    Driver: 'local',
    DriverOpts: { type: 'tmpfs' },
    Labels: { a: 'b' },
    Name: 'data',
  })
  const twice = await create('--name', 'x', 'y')
  assert.match(twice.stderr, /^conflicting options: cannot specify a volume-name through both/)
})

test('volume rm, prune', async () => {
  await using daemon = await FakeDaemon.start(({ line }) => {
    if (line.startsWith('DELETE')) return line.includes('nope') ? undefined : { status: 204 }
    return { body: { VolumesDeleted: ['a'], SpaceReclaimed: 2000 } }
  })
  const rm = await runCli(['volume', 'rm', '-f', 'nope', 'a'], { host: daemon.host })
  assert.deepEqual(
    [rm.stdout, rm.stderr, rm.code],
    ['a\n', 'Error response from daemon: No such thing\n', 1],
  )
  const prune = await runCli(['volume', 'prune', '-a'], { host: daemon.host, stdin: 'y\n' })
  assert.equal(
    prune.stdout,
    `WARNING! This will remove all local volumes not used by at least one container.
Are you sure you want to continue? [y/N] Deleted Volumes:
a

Total reclaimed space: 2kB
`,
  )
  assert.equal(
    decodeURIComponent(daemon.lines.at(-1) ?? ''),
    'POST /volumes/prune?filters={"all":{"true":true}}',
  )
})
