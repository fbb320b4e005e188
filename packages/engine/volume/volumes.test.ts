import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { KernelError } from '@tdocker/kernel/native.ts'
import { isKind } from '../base/errors.ts'
import { SqliteEventLog } from '../event/sqlite-event-log.ts'
import { openStore } from '../store/sqlite-store.ts'
import { sql, type Store } from '../store/store.ts'
import { VolumePlugins } from './plugin/volume-plugins.ts'
import { EngineVolumes } from './volumes.ts'

let dir: string
let store: Store
let volumes: EngineVolumes
let copies: string[]
let calls: string[]
const plain = { driver: '', labels: {}, options: {} }

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'volumes-'))
  store = openStore({ path: join(dir, 'state.db') })
  copies = []
  calls = []
  const nowhere = join(dir, 'plugins')
  volumes = new EngineVolumes({
    store,
    plugins: new VolumePlugins({ directories: { sockets: nowhere, specs: [] }, log: () => {} }),
    log: () => {},
    events: new SqliteEventLog(store),
    root: join(dir, 'volumes'),
    native: {
      openRoot: () => 99,
      closeFd: (fd) => void calls.push(`close ${fd}`),
      removeTree: (path) => rm(path, { recursive: true, force: true }),
      statIn: (o) =>
        Promise.resolve(o.path === '/data' ? ({ type: 'directory' } as never) : undefined),
      copyTree: (o) => {
        copies.push(o.path)
        return Promise.resolve({ entries: 1, bytes: 1 })
      },
      volumeMount: (o) => {
        calls.push(`mount ${o.type} ${o.device} ${o.flags} ${o.data}`)
        return Promise.resolve(200 + calls.length)
      },
      volumeTree: (o) => {
        calls.push(`tree ${o.mntnsFd} ${o.base} ${o.subpath}`)
        return Promise.resolve({ fd: 100 + calls.length, directory: true })
      },
      projectOf: () => Promise.resolve(0),
      projectQuota: () => Promise.reject(new KernelError('ENOSYS', 38, 'quotactl')),
    },
  })
})
afterEach(async () => {
  await store.close()
  rmSync(dir, { recursive: true })
})

async function addContainer(id: string): Promise<void> {
  await store.write([
    sql`INSERT INTO container(id, image_id, created_at, config_json, host_config_json, detail_json, state)
        VALUES (${id}, 'i', 0, '{}', '{}', '{}', 'created')`,
  ])
}

test('a named volume is made once and found again', async () => {
  const first = await volumes.acquire({ ...plain, name: 'data' })
  const second = await volumes.acquire({ ...plain, name: 'data' })
  assert.deepEqual([first.created, second.created], [true, false])
  assert.equal(first.mountpoint, second.mountpoint)
  assert.ok(existsSync(first.mountpoint))
  await second.discard()
  assert.ok(existsSync(first.mountpoint), 'a found volume is not discarded')
  await first.discard()
  assert.ok(!existsSync(first.mountpoint))
  assert.deepEqual(
    store.all<{ action: string }>('SELECT action FROM event').map((row) => row.action),
    ['create', 'destroy'],
  )
})

test('bad names and unknown drivers are refused with nothing made', async () => {
  await assert.rejects(
    volumes.acquire({ ...plain, name: '../x' }),
    /create ..\/x: "..\/x" includes invalid characters/,
  )
  await assert.rejects(volumes.acquire({ ...plain, name: 'nfs', driver: 'nfs-plugin' }), (error) =>
    isKind(error, 'notFound'),
  )
  assert.equal(store.all('SELECT 1 FROM volume').length, 0)
})

test('copy-up fills an empty volume from a directory, and no other', async () => {
  const volume = await volumes.acquire({ ...plain, name: 'data' })
  await volumes.populate(volume, { root: 5, path: '/missing' }, '')
  assert.deepEqual(copies, [])
  await volumes.populate(volume, { root: 5, path: '/data' }, '')
  assert.deepEqual(copies, ['/data'])
  writeFileSync(join(volume.mountpoint, 'kept'), '')
  await volumes.populate(volume, { root: 5, path: '/data' }, '')
  assert.deepEqual(copies, ['/data'])
})

test('rm -v takes anonymous volumes that no other container uses', async () => {
  const [own, shared, named] = [
    await volumes.acquire({ ...plain, name: '' }),
    await volumes.acquire({ ...plain, name: '' }),
    await volumes.acquire({ ...plain, name: 'named' }),
  ]
  await addContainer('a')
  await addContainer('b')
  const all = [own.name, shared.name, named.name]
  await store.write([...all.map((name) => volumes.use(name, 'a')), volumes.use(shared.name, 'b')])
  await volumes.removeAnonymousOf('a', all)
  assert.deepEqual(
    [own, shared, named].map((volume) => existsSync(volume.mountpoint)),
    [false, true, true],
  )
})

test('directories without a row are garbage', async () => {
  const kept = await volumes.acquire({ ...plain, name: 'kept' })
  mkdirSync(join(dir, 'volumes', 'orphan', '_data'), { recursive: true })
  await volumes.collectGarbage()
  assert.ok(existsSync(kept.mountpoint))
  assert.ok(!existsSync(join(dir, 'volumes', 'orphan')))
})

test('a volume that a create has found stays until the create lets go', async () => {
  const held = await volumes.acquire({ ...plain, name: 'held' })
  await assert.rejects(volumes.remove('held'), {
    kind: 'conflict',
    message: 'remove held: volume is in use',
  })
  const other = await volumes.acquire({ ...plain, name: 'held' })
  // The one that made it gives up; the other has found it meanwhile.
  await held.discard()
  assert.ok(existsSync(held.mountpoint))
  await addContainer('c')
  await store.write([volumes.use('held', 'c')])
  other.release()
  other.release()
  await assert.rejects(volumes.remove('held'), {
    kind: 'conflict',
    message: 'remove held: volume is in use - [c]',
  })
  await store.write([sql`DELETE FROM container WHERE id = 'c'`])
  await volumes.remove('held')
  assert.ok(!existsSync(held.mountpoint))
  await assert.rejects(volumes.remove('held'), {
    kind: 'notFound',
    message: 'get held: no such volume',
  })
})

test('a volume with a device is mounted once for all its users, until the last goes', async () => {
  const options = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,ro' }
  const made = await volumes.acquire({ ...plain, name: 'ram', options })
  const mount = (user: string) => volumes.mount({ name: 'ram', subpath: '', user })
  const [one, two] = [await mount('a'), await mount('b')]
  assert.deepEqual(calls, ['mount tmpfs tmpfs 1 size=1m', 'tree 201 / ', 'tree 201 / '])
  assert.deepEqual(
    [one.keeper, two.keeper, one.source, two.source],
    [201, 201, { fd: 102 }, { fd: 103 }],
  )
  assert.deepEqual(volumes.keptMounted(['ram', 'ram', 'none']), ['ram'])
  await volumes.unmount('a', ['ram'])
  await volumes.unmount('a', ['ram'])
  assert.equal(calls.length, 3)
  await volumes.unmount('b', ['ram', 'ram'])
  assert.deepEqual(calls.slice(3), ['close 201'])
  made.release()
})

test('after a restart the keeper of one process serves others', async () => {
  const options = { type: 'tmpfs', device: 'tmpfs' }
  ;(await volumes.acquire({ ...plain, name: 'ram', options })).release()
  volumes.adopt({ name: 'ram', user: 'a', keeper: 55 })
  volumes.adopt({ name: 'ram', user: 'b', keeper: 56 })
  await volumes.mount({ name: 'ram', subpath: 'x', user: 'c' })
  assert.deepEqual(calls, ['close 56', 'tree 55 / x'])
  for (const user of ['a', 'b', 'c']) await volumes.unmount(user, ['ram'])
  assert.deepEqual(calls.slice(2), ['close 55'])
})

test('another driver cannot have a name, and a size needs quotas', async () => {
  ;(await volumes.acquire({ ...plain, name: 'data' })).release()
  await assert.rejects(volumes.acquire({ ...plain, name: 'data', driver: 'nope' }), {
    kind: 'notFound',
    message: 'create data: error looking up volume plugin nope: plugin "nope" not found',
  })
  await assert.rejects(volumes.acquire({ ...plain, name: 'big', options: { size: '1g' } }), {
    message: 'create big: quota size requested but no quota support',
  })
})
