import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf, makeWorld } from '../testing/fakes.ts'

test('duplicate mount points are refused, image volumes give way', async () => {
  await using world = makeWorld()
  for (const host of [
    { Binds: ['/tmp:/a', '/usr:/a/'] },
    { Binds: ['/tmp:/a'], Tmpfs: { '/a': '' } },
    { Binds: ['/tmp:/a'], Mounts: [{ Type: 'tmpfs', Target: '/a' }] },
  ])
    assert.equal(
      await failureOf(world.create({ HostConfig: host })),
      'invalidParameter: Duplicate mount point: /a',
    )
  await world.create({ Volumes: { '/a/': {}, '/b': {} }, HostConfig: { Tmpfs: { '/a': '' } } })
  assert.deepEqual(world.volumes.made, ['anon0'])
})

test('an empty volume is filled from the image’s directory, unless nocopy', async () => {
  await using world = makeWorld()
  world.kernel.directories.add('/data')
  await world.create({ HostConfig: { Binds: ['v:/data', 'w:/data2', 'x:/data3:nocopy'] } })
  assert.deepEqual(world.volumes.populated, ['v:/data'])
  assert.equal(world.kernel.open.size, 0)
})

test('volumes-from takes mounts along, narrowed to read-only', async () => {
  await using world = makeWorld()
  await world.create({ HostConfig: { Binds: ['v:/data', '/tmp:/host'] } }, 'donor')
  const id = await world.create({ HostConfig: { VolumesFrom: ['donor:ro'] } })
  const { Mounts } = await world.containers.backend.inspect(id, { size: false })
  assert.deepEqual(
    Mounts.map((mount) => [mount.Destination, mount.RW]),
    [
      ['/data', false],
      ['/host', false],
    ],
  )
  const uses = world.events.statements.filter((statement) => statement.sql === 'use')
  assert.deepEqual(uses.at(-1)!.parameters, ['v', id])
  assert.match(
    await failureOf(world.create({ HostConfig: { VolumesFrom: ['none'] } })),
    /^invalidParameter: No such container: none/,
  )
})

test('another container’s namespaces are named by id', async () => {
  await using world = makeWorld()
  const donor = await world.create({}, 'donor')
  const id = await world.create({
    HostConfig: { NetworkMode: 'container:donor', PidMode: 'container:donor' },
  })
  const { HostConfig } = await world.containers.backend.inspect(id, { size: false })
  assert.deepEqual(
    [HostConfig.NetworkMode, HostConfig.PidMode],
    [`container:${donor}`, `container:${donor}`],
  )
  assert.equal(
    await failureOf(world.containers.backend.start(id, {})),
    'conflict: cannot join network namespace of a non running container: container donor is created',
  )
  await world.containers.backend.start(donor, {})
  await world.containers.backend.start(id, {})
  assert.equal(world.kernel.open.size, 2)
})

for (const [body, message] of [
  [{ WorkingDir: 'x' }, "the working directory 'x' is invalid, it needs to be an absolute path"],
  [{ StopSignal: 'FOO' }, 'invalid signal: FOO'],
  [{ Env: ['=x'] }, 'invalid environment variable: =x'],
  [{ Healthcheck: { Interval: 5 } }, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ HostConfig: { Memory: 1000 } }, 'Minimum memory limit allowed is 6MB'],
  [{ HostConfig: { Runtime: 'kata' } }, 'unknown or invalid runtime name: kata'],
  [
    { HostConfig: { LogConfig: { Type: 'gelf' } } },
    'error looking up logging plugin gelf: plugin "gelf" not found',
  ],
  [{ HostConfig: { CapAdd: ['FLY'] } }, 'invalid CapAdd: unknown capability: "CAP_FLY"'],
] as const)
  test(`refuses ${JSON.stringify(body)}`, async () => {
    await using world = makeWorld()
    assert.equal(await failureOf(world.create(body as object)), `invalidParameter: ${message}`)
    assert.deepEqual(world.events.actions, [])
  })

test('warnings are answered', async () => {
  await using world = makeWorld()
  const answer = await world.containers.backend.create({
    body: {
      Image: 'busybox',
      HostConfig: {
        NetworkMode: 'host',
        PortBindings: { '80': [{ HostPort: '80' }] },
        OomKillDisable: true,
      },
    },
  })
  assert.deepEqual(answer.Warnings, [
    'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    'Published ports are discarded when using host network mode',
  ])
})

test('in the host’s network the hostname is the machine’s', async () => {
  await using world = makeWorld()
  const id = await world.create({ HostConfig: { NetworkMode: 'host' } })
  const { Config } = await world.containers.backend.inspect(id, { size: false })
  assert.equal(Config.Hostname, 'machine')
})
