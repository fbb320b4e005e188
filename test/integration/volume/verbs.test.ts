/** The verbs of clients on volumes: what is listed, found, made, refused and pruned. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Volume, VolumeListResponse } from '@tdocker/api'
import { hasProgram, TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const create = (body: object) =>
  daemon.api.post<Volume & { message: string }>('/volumes/create', body)
const remove = (name: string, query = '') => daemon.api.delete(`/volumes/${name}${query}`)
const filtered = (filters: object): string =>
  `filters=${encodeURIComponent(JSON.stringify(filters))}`

async function names(filters: object = {}, version = ''): Promise<string[]> {
  const { body } = await daemon.api.get<VolumeListResponse>(
    `${version}/volumes?${filtered(filters)}`,
  )
  return body.Volumes.map(({ Name }) => Name)
}

const message = (answer: { body: unknown }): string => (answer.body as { message: string }).message

test('a volume is made once, found, listed and removed', async () => {
  const made = await create({ Name: 'data', Labels: { a: 'b' } })
  assert.equal(made.status, 201)
  assert.deepEqual(
    { ...made.body, CreatedAt: '' },
    {
      CreatedAt: '',
      Driver: 'local',
      Labels: { a: 'b' },
      Mountpoint: join(daemon.dataRoot, 'volumes/data/_data'),
      Name: 'data',
      Options: null,
      Scope: 'local',
    },
  )
  assert.match(made.body.CreatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  // Again, and with other labels: the one that is there.
  assert.deepEqual((await create({ Name: 'data', Labels: { c: 'd' } })).body, made.body)
  assert.deepEqual((await daemon.api.get('/volumes/data')).body, made.body)
  const listed = await daemon.api.get<VolumeListResponse>('/volumes')
  assert.deepEqual(listed.body, { Volumes: [made.body], Warnings: null })
  assert.equal((await remove('data')).status, 204)
  assert.ok(!existsSync(made.body.Mountpoint))
  const gone = await daemon.api.get('/volumes/data')
  assert.deepEqual([gone.status, message(gone)], [404, 'get data: no such volume'])
  const again = await remove('data')
  assert.deepEqual([again.status, message(again)], [404, 'get data: no such volume'])
  assert.equal((await remove('data', '?force=1')).status, 204)
})

test('wishes that cannot be met are refused, and nothing is made', async () => {
  const refusals: ReadonlyArray<[object, number, string]> = [
    [
      { Name: 'x' },
      400,
      'create x: volume name is too short, names should be at least two alphanumeric characters',
    ],
    [
      { Name: '../up' },
      400,
      'create ../up: "../up" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    ],
    [{ Name: 'opt', DriverOpts: { no: '1' } }, 400, 'create opt: invalid option: "no"'],
    [
      { Name: 'opt', DriverOpts: { type: 'nfs' } },
      400,
      'create opt: missing required option: "device"',
    ],
    [
      { Name: 'opt', DriverOpts: { size: '1m' } },
      400,
      'create opt: quota size requested but no quota support',
    ],
    [
      { Name: 'opt', DriverOpts: { type: 'cifs', device: '//nas:445/x' } },
      400,
      "create opt: port not allowed in CIFS device URL, include 'port' in 'o='",
    ],
    [
      { ClusterVolumeSpec: { Group: 'g' } },
      503,
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    ],
  ]
  for (const [body, status, sentence] of refusals) {
    const answer = await create(body)
    assert.deepEqual([answer.status, message(answer)], [status, sentence])
  }
  const driver = await create({ Name: 'other', Driver: 'nope' })
  assert.deepEqual(
    [driver.status, message(driver)],
    [404, 'create other: error looking up volume plugin nope: plugin "nope" not found'],
  )
  assert.deepEqual(await names(), [])
})

test('filters select by name, label, driver and use', async () => {
  await create({ Name: 'one', Labels: { env: 'test', tier: 'db' } })
  await create({ Name: 'two', Labels: { env: 'prod' } })
  const id = await daemon.run({
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none', Binds: ['used:/v'] },
  })
  assert.deepEqual(await names({ name: ['one'] }), ['one'])
  assert.deepEqual(await names({ name: ['^.w'] }), ['two'])
  assert.deepEqual(await names({ label: ['env'] }), ['one', 'two'])
  assert.deepEqual(await names({ label: ['env=test', 'tier'] }), ['one'])
  assert.deepEqual(await names({ driver: ['local'] }), ['one', 'two', 'used'])
  assert.deepEqual(await names({ driver: ['other'] }), [])
  assert.deepEqual(await names({ dangling: ['true'] }), ['one', 'two'])
  assert.deepEqual(await names({ dangling: ['0'] }), ['used'])
  const unknown = await daemon.api.get(`/volumes?${filtered({ size: ['1'] })}`)
  assert.deepEqual([unknown.status, message(unknown)], [400, "invalid filter 'size'"])
  const odd = await daemon.api.get(`/volumes?${filtered({ dangling: ['x'] })}`)
  assert.deepEqual([odd.status, message(odd)], [400, "invalid filter 'dangling=[x]'"])

  const held = await remove('used', '?force=1')
  assert.deepEqual([held.status, message(held)], [409, `remove used: volume is in use - [${id}]`])
  await daemon.api.delete(`/containers/${id}?force=1`)
  for (const name of await names()) assert.equal((await remove(name)).status, 204)
})

interface Pruned {
  VolumesDeleted: string[]
  SpaceReclaimed: number
}

test('a prune takes the anonymous ones; all of them when asked, or by old clients', async () => {
  const anonymous = await create({})
  assert.match(anonymous.body.Name, /^[0-9a-f]{64}$/)
  assert.deepEqual(anonymous.body.Labels, { 'com.docker.volume.anonymous': '' })
  const named = await create({ Name: 'named', Labels: { keep: 'yes' } })
  writeFileSync(join(anonymous.body.Mountpoint, 'f'), Buffer.alloc(5000))
  writeFileSync(join(named.body.Mountpoint, 'f'), Buffer.alloc(3000))
  const id = await daemon.run({
    Cmd: ['true'],
    Volumes: { '/v': {} },
    HostConfig: { NetworkMode: 'none' },
  })
  await daemon.wait(id)
  const first = await daemon.api.post<Pruned>('/volumes/prune')
  assert.equal(first.status, 200)
  assert.deepEqual(first.body.VolumesDeleted, [anonymous.body.Name])
  assert.ok(first.body.SpaceReclaimed >= 5000, String(first.body.SpaceReclaimed))
  assert.deepEqual((await daemon.api.post<Pruned>('/volumes/prune')).body, {
    VolumesDeleted: [],
    SpaceReclaimed: 0,
  })
  const kept = await daemon.api.post<Pruned>(
    `/volumes/prune?${filtered({ all: ['1'], 'label!': ['keep=yes'] })}`,
  )
  assert.deepEqual(kept.body.VolumesDeleted, [])
  const bad = await daemon.api.post(`/volumes/prune?${filtered({ all: ['maybe'] })}`)
  assert.equal(bad.status, 400)
  assert.match(message(bad), /^invalid filter 'all': strconv\.ParseBool/)
  const old = await daemon.api.post<Pruned>('/v1.41/volumes/prune')
  assert.deepEqual(old.body.VolumesDeleted, ['named'])
  await daemon.api.delete(`/containers/${id}?v=1`)
})

test('the stock CLI manages volumes', { skip: !hasProgram('docker') && 'no docker' }, async () => {
  const docker = async (...args: string[]) => {
    const done = await daemon.docker('volume', ...args)
    return [done.status, done.stdout.trim(), done.stderr.trim()] as const
  }
  assert.deepEqual(await docker('create', '--label', 'a=b', 'cli'), [0, 'cli', ''])
  assert.deepEqual(await docker('ls', '--format', '{{.Driver}} {{.Name}}'), [0, 'local cli', ''])
  assert.deepEqual(await docker('inspect', '-f', '{{.Labels.a}}', 'cli'), [0, 'b', ''])
  assert.deepEqual(await docker('inspect', 'nope'), [
    1,
    '[]',
    'Error response from daemon: get nope: no such volume',
  ])
  const pruned = await docker('prune', '-af')
  assert.match(pruned[1], /^Deleted Volumes:\ncli\n\nTotal reclaimed space: 0B$/)
  assert.deepEqual(await docker('rm', 'cli'), [
    1,
    '',
    'Error response from daemon: get cli: no such volume',
  ])
})
