/** Volumes of legacy plugins: found by sockets and spec files, used by containers, with their faults. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Volume, VolumeListResponse } from '@tdocker/api'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { VolumePlugin } from '../../lib/volume-plugin.ts'

let daemon: TestDaemon
let plugin: VolumePlugin
const stack = new AsyncDisposableStack()

const pluginRoot = (): string => join(daemon.directory, 'plugins')
const socketOf = (name: string): string => join(pluginRoot(), 'run/docker/plugins', `${name}.sock`)

before(async () => {
  daemon = stack.use(await TestDaemon.start())
  plugin = stack.use(new VolumePlugin({ dir: join(daemon.directory, 'store'), scope: 'Global' }))
  await plugin.listen(socketOf('flocker'))
})
after(() => stack.disposeAsync())

type Told = Volume & { message: string }

const create = (body: object) => daemon.api.post<Told>('/volumes/create', body)
const inspect = (name: string) => daemon.api.get<Told>(`/volumes/${name}`)
const list = async (): Promise<VolumeListResponse> =>
  (await daemon.api.get<VolumeListResponse>('/volumes')).body
const remove = (name: string, query = '') => daemon.api.delete<Told>(`/volumes/${name}${query}`)

async function run(script: string, hostConfig: object): Promise<{ id: string; output: string }> {
  const id = await daemon.run({
    Cmd: ['sh', '-c', script],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
  })
  await daemon.wait(id)
  return { id, output: await daemon.logs(id) }
}

test('a volume of a plugin is made, shown, listed and removed', async () => {
  const made = await create({
    Name: 'data',
    Driver: 'flocker',
    DriverOpts: { size: '1G' },
    Labels: { a: 'b' },
  })
  assert.equal(made.status, 201, made.text)
  const shown = {
    CreatedAt: '2020-01-02T03:04:05Z',
    Driver: 'flocker',
    Labels: { a: 'b' },
    Mountpoint: '',
    Name: 'data',
    Options: { size: '1G' },
    Scope: 'global',
  }
  assert.deepEqual(made.body, shown)
  assert.deepEqual(plugin.volumes.get('data')?.options, { size: '1G' })
  assert.ok(plugin.calls.includes('VolumeDriver.Create {"Name":"data","Opts":{"size":"1G"}}'))
  assert.deepEqual((await inspect('data')).body, { ...shown, Status: { health: 'good' } })
  assert.deepEqual((await list()).Volumes, [shown])
  const info = await daemon.api.get<{ Plugins: { Volume: string[] } }>('/info')
  assert.deepEqual(info.body.Plugins.Volume, ['flocker', 'local'])
  assert.equal((await create({ Name: 'data', Driver: 'flocker' })).status, 201)
  assert.equal(plugin.methods().filter((method) => method === 'Create').length, 1)
  const clash = await create({ Name: 'data', Driver: 'local' })
  assert.deepEqual(
    [clash.status, clash.body.message],
    [409, "create data: driver 'flocker' already has volume 'data': volume name must be unique"],
  )
  assert.equal((await remove('data')).status, 204)
  assert.deepEqual([...plugin.volumes.keys()], [])
  assert.equal((await inspect('data')).status, 404)
})

test('a container mounts it, and it is unmounted at the end', async () => {
  const binds = { Binds: ['shared:/v'], VolumeDriver: 'flocker' }
  const { id, output } = await run('echo hi > /v/x; cat /v/x', binds)
  assert.equal(output, 'hi\n')
  assert.equal(readFileSync(join(plugin.path('shared'), 'x'), 'utf8'), 'hi\n')
  await until('the unmount', () => plugin.volumes.get('shared')?.mounts.size === 0)
  const { body } = await daemon.api.get<{ Mounts: object[] }>(`/containers/${id}/json`)
  assert.deepEqual(body.Mounts, [
    {
      Type: 'volume',
      Name: 'shared',
      Source: '',
      Destination: '/v',
      Driver: 'flocker',
      Mode: '',
      RW: true,
      Propagation: '',
    },
  ])
  const used = await remove('shared')
  assert.deepEqual(
    [used.status, used.body.message],
    [409, `remove shared: volume is in use - [${id}]`],
  )
  await daemon.api.delete(`/containers/${id}`)
  // By its name alone: the driver is known.
  const again = await run('cat /v/x', {
    Mounts: [{ Type: 'volume', Source: 'shared', Target: '/v' }],
  })
  assert.equal(again.output, 'hi\n')
  await daemon.api.delete(`/containers/${again.id}`)
  assert.equal((await remove('shared')).status, 204)
})

test('it is filled from the image, and a daemon that comes back unmounts it', async () => {
  const id = await daemon.run({
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none', Binds: ['etc:/etc'], VolumeDriver: 'flocker' },
  })
  assert.match(readFileSync(join(plugin.path('etc'), 'passwd'), 'utf8'), /^root:/)
  assert.deepEqual([...plugin.volumes.get('etc')!.mounts], [id])
  await daemon.crash()
  await daemon.boot()
  await daemon.api.delete(`/containers/${id}?force=1`)
  await until('the unmount', () => plugin.volumes.get('etc')?.mounts.size === 0)
  assert.equal((await remove('etc')).status, 204)
})

test('what a plugin has without us is found by name and listed', async () => {
  plugin.volumes.set('theirs', { options: {}, mounts: new Set() })
  assert.deepEqual(
    (await list()).Volumes.map(({ Name, Driver }) => `${Name} ${Driver}`),
    ['theirs flocker'],
  )
  assert.equal((await inspect('theirs')).body.Driver, 'flocker')
  const { id, output } = await run('touch /v/x && echo ok', { Binds: ['theirs:/v'] })
  assert.equal(output, 'ok\n')
  await daemon.api.delete(`/containers/${id}`)
  assert.equal((await remove('theirs')).status, 204)
  assert.equal(plugin.volumes.size, 0)
  assert.equal((await remove('theirs')).status, 404)
})

test("faults are told in the plugin's words, and nothing is half made", async () => {
  const failing = async (method: string, body: string, status?: number): Promise<Disposable> => {
    plugin.faults.set(`VolumeDriver.${method}`, { body, ...(status ? { status } : {}) })
    return { [Symbol.dispose]: () => void plugin.faults.delete(`VolumeDriver.${method}`) }
  }
  {
    using _ = await failing('Create', '{"Err":"quota exceeded"}')
    const { status, body } = await create({ Name: 'bad', Driver: 'flocker' })
    assert.deepEqual([status, body.message], [500, 'create bad: quota exceeded'])
    assert.equal((await inspect('bad')).status, 404)
  }
  {
    using _ = await failing('Create', 'no JSON', 503)
    const { status, body } = await create({ Name: 'bad', Driver: 'flocker' })
    assert.deepEqual([status, body.message], [500, 'create bad: VolumeDriver.Create: no JSON'])
  }
  assert.equal((await create({ Name: 'odd', Driver: 'flocker' })).status, 201)
  {
    using _ = await failing('Remove', '{"Err":"busy"}')
    const { status, body } = await remove('odd')
    assert.deepEqual([status, body.message], [500, 'remove odd: busy'])
    assert.equal((await inspect('odd')).status, 200)
  }
  {
    using _ = await failing('Mount', '{"Err":"no route"}')
    const created = await daemon.api.post<{ Id: string }>('/containers/create', {
      Image: 'busybox',
      HostConfig: { NetworkMode: 'none', Binds: ['odd:/v'] },
    })
    const path = `/containers/${created.body.Id}`
    const { status, body } = await daemon.api.post<Told>(`${path}/start`)
    assert.deepEqual([status, body.message], [500, "error while mounting volume '': no route"])
    await daemon.api.delete(path)
  }
  {
    using _ = await failing('List', '{"Err":"not now"}')
    const { Volumes, Warnings } = await list()
    assert.deepEqual(
      [Volumes.map(({ Name }) => Name), Warnings],
      [['odd'], ['list flocker: not now']],
    )
  }
  assert.equal((await remove('odd')).status, 204)
})

test('spec files name a plugin by its address; what is no volume driver is none', async () => {
  await using tcp = new VolumePlugin({ dir: join(daemon.directory, 'tcp') })
  await using other = new VolumePlugin({ dir: '/', implements: ['authz'] })
  const port = await tcp.listen(0)
  await other.listen(socketOf('guard'))
  const etc = join(pluginRoot(), 'etc/docker/plugins')
  const lib = join(pluginRoot(), 'usr/lib/docker/plugins/nested')
  for (const dir of [etc, lib]) mkdirSync(dir, { recursive: true })
  writeFileSync(join(etc, 'plain.spec'), `tcp://127.0.0.1:${port}\n`)
  writeFileSync(
    join(lib, 'nested.json'),
    JSON.stringify({ Name: 'x', Addr: `http://127.0.0.1:${port}` }),
  )
  writeFileSync(join(etc, 'wrong.spec'), 'nonsense')
  for (const driver of ['plain', 'nested']) {
    assert.equal((await create({ Name: `of-${driver}`, Driver: driver })).status, 201)
    assert.equal((await inspect(`of-${driver}`)).body.Scope, 'local')
    assert.equal((await remove(`of-${driver}`)).status, 204)
  }
  const refusals: ReadonlyArray<[string, number, string]> = [
    ['wrong', 500, 'legacy plugin: Unknown protocol'],
    [
      'guard',
      500,
      'legacy plugin: Plugin does not implement the requested driver: plugin="guard", requested implementation="VolumeDriver"',
    ],
    ['../../x', 404, 'plugin "../../x" not found'],
    ['missing', 404, 'plugin "missing" not found'],
  ]
  for (const [driver, status, why] of refusals) {
    const answer = await create({ Name: 'no', Driver: driver })
    const told = `create no: error looking up volume plugin ${driver}: ${why}`
    assert.deepEqual([answer.status, answer.body.message], [status, told])
  }
  rmSync(join(etc, 'wrong.spec'))
})

test('a plugin that is away: lists warn, and a call waits for it to come back', async () => {
  const socket = socketOf('flocker')
  assert.equal((await create({ Name: 'kept', Driver: 'flocker' })).status, 201)
  await plugin[Symbol.asyncDispose]()
  const { Volumes, Warnings } = await list()
  assert.deepEqual(
    Volumes.map(({ Name }) => Name),
    ['kept'],
  )
  assert.match(
    Warnings?.[0] ?? '',
    /^list flocker: Post "http:\/\/plugin\.moby\.localhost\/VolumeDriver\.List": /,
  )
  assert.equal((await create({ Name: 'here' })).status, 201)
  const removal = remove('kept')
  const back = stack.use(new VolumePlugin({ dir: join(daemon.directory, 'store') }))
  back.volumes.set('kept', { options: {}, mounts: new Set() })
  await until('a first try', () => daemon.log.includes('plugin not reached'))
  await back.listen(socket)
  assert.equal((await removal).status, 204)
  assert.equal(back.volumes.size, 0)
})
