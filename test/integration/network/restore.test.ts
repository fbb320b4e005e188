import './private-netns.ts'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { StoreError } from '@tdocker/engine/store/store.ts'
import {
  ip,
  lanClient,
  LAN_HOST,
  native,
  nft,
  Rig,
  sandboxRequest,
  setBridgeFilter,
} from './fixture.ts'
import { assertClosed, assertOpen, type Namespace } from './namespace.ts'

let lan: Namespace

before(async () => {
  lan = await lanClient()
})
after(() => lan.close())

const published = (port: string) => ({ portBindings: { '80/tcp': [{ HostPort: port }] } })

test('after a crash the living keep address and ports, the dead hold nothing', async () => {
  await using rig = await Rig.start()
  const live = await rig.run('live', published('8080'))
  const dead = await rig.run('dead', published('8081'))
  await live.serve('tcp', 80)
  await rig.die(dead)
  const { networks } = rig
  const bridgeId = networks.networkId('bridge')

  await rig.crash([live])
  await rig.networks.settle()

  assert.equal(rig.networks.networkId('bridge'), bridgeId)
  await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'live')
  assert.doesNotMatch(nft('list', 'table', 'inet', 'tdnet'), /8081/)
  assert.deepEqual(rig.store.all<{ container_id: string }>('SELECT container_id FROM endpoint'), [
    { container_id: 'live' },
  ])
  assert.deepEqual(rig.store.all('SELECT DISTINCT container_id FROM port'), [
    { container_id: 'live' },
  ])
  const veths = (await native.linkList({})).filter((link) => link.name.startsWith('veth'))
  assert.equal(veths.length, 1)

  await assert.rejects(
    rig.run('thief', published('8080')),
    /Bind for 0\.0\.0\.0:8080 failed: port is already allocated/,
  )
  const next = await rig.run('next', published('8081'))
  assert.notEqual(next.address, live.address)
  await rig.stop(live)
  await rig.stop(next)
})

test('the network is rebuilt when the machine lost all of it', async () => {
  await using rig = await Rig.start()
  const subnet = rig.subnet()
  nft('flush', 'ruleset')
  ip('link', 'delete', 'tdnet0')
  await rig.crash([])
  assert.equal(rig.subnet(), subnet)
  const web = await rig.run('web', published('8080'))
  await web.serve('tcp', 80)
  await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
})

test('a device that no row owns is removed', async () => {
  await using rig = await Rig.start()
  ip('link', 'add', 'vethstray', 'type', 'veth', 'peer', 'name', 'vethpeer')
  ip('link', 'set', 'vethstray', 'master', 'tdnet0')
  await rig.crash([])
  await rig.networks.settle()
  assert.throws(() => ip('link', 'show', 'vethstray'))
})

test('subnets of the host and of other bridges are avoided', async () => {
  ip('link', 'add', 'foreign0', 'type', 'bridge')
  ip('address', 'add', '172.17.0.1/16', 'dev', 'foreign0')
  ip('link', 'set', 'foreign0', 'up')
  ip('route', 'add', '172.18.4.0/24', 'via', '198.51.100.2')
  await using rig = await Rig.start()
  assert.equal(rig.subnet(), '172.19.0.0/16')
  ip('link', 'delete', 'foreign0')
  ip('route', 'delete', '172.18.4.0/24')
})

test('bip and mtu are obeyed', async () => {
  await using rig = await Rig.start({ bip: '10.77.0.9/24', mtu: 1300 })
  assert.deepEqual(rig.networks.directory.byName('bridge')?.config.pools, [
    { subnet: '10.77.0.0/24', gateway: '10.77.0.9', given: true },
  ])
  const web = await rig.run('web')
  assert.equal(web.address, '10.77.0.1')
  assert.match(web.run('ip', 'link', 'show', 'eth0'), /mtu 1300/)
  assert.match(web.run('ip', 'route'), /default via 10\.77\.0\.9/)
})

test('shutdown leaves nothing on the host', async () => {
  {
    await using rig = await Rig.start()
    await rig.run('web', published('8080'))
  }
  assert.equal(nft('list', 'tables'), '')
  assert.deepEqual(
    (await native.linkList({})).map((link) => link.name),
    ['lo', 'lan0'],
  )
})

for (const filter of ['0', '1']) {
  test(`without inter-container communication only published ports answer (bridge filter ${filter})`, async (t) => {
    if (!setBridgeFilter(filter)) return t.skip('no br_netfilter here')
    await using rig = await Rig.start({ interContainer: false })
    const web = await rig.run('web', published('8080'))
    const other = await rig.run('other')
    await web.serve('tcp', 80)
    await assertOpen(other, { address: LAN_HOST, port: 8080 }, 'web')
    await assertOpen(web, { address: LAN_HOST, port: 8080 }, 'web')
    await assertClosed(other, { address: web.address, port: 80 })
  })
}

test('connects and disconnects are events of the network', async () => {
  await using rig = await Rig.start()
  for (const mode of ['bridge', 'none', 'host'] as const) {
    const request = sandboxRequest(`c-${mode}`, { mode })
    const sandbox = await rig.networks.open(request)
    if (sandbox.netnsFd !== undefined) native.closeFd(sandbox.netnsFd)
    await rig.networks.release(request.containerId)
  }
  const events = rig.store
    .all<{ action: string; actor_id: string; attributes_json: string }>(
      "SELECT action, actor_id, attributes_json FROM event WHERE type = 'network' ORDER BY seq",
    )
    .map(({ action, actor_id, attributes_json }) => [action, actor_id, JSON.parse(attributes_json)])
  const expected = [
    ['bridge', 'bridge'],
    ['none', 'null'],
    ['host', 'host'],
  ].flatMap(([name = '', type]) =>
    ['connect', 'disconnect'].map((action) => [
      action,
      rig.networks.networkId(name),
      { container: `c-${name}`, name, type },
    ]),
  )
  assert.deepEqual(events, expected)
})

test('a restore that failed for want of room is tried again by the next start', async (t) => {
  await using rig = await Rig.start()
  const live = await rig.run('live', published('8080'))
  await rig.die(await rig.run('dead', published('8081')))
  const write = t.mock.method(rig.store, 'write', () =>
    Promise.reject(new StoreError('SQLITE_FULL', 'database or disk is full')),
  )
  await assert.rejects(rig.crash([live]), /disk is full/)
  await assert.rejects(rig.run('early'), /disk is full/)
  write.mock.restore()
  const next = await rig.run('next', published('8081'))
  assert.notEqual(next.address, live.address)
  await rig.stop(live)
  await rig.stop(next)
  assert.deepEqual(rig.store.all('SELECT id FROM endpoint'), [])
})
