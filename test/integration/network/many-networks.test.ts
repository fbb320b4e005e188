import './private-netns.ts'
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { NetworkCreateRequest } from '@tdocker/api'
import { parsePool } from '@tdocker/engine/network/ipam.ts'
import { updateNetworkConfig, type NetworkConfig } from '@tdocker/engine/network/network-rows.ts'
import { ip, lanClient, LAN_HOST, native, nft, Rig, type Container } from './fixture.ts'
import { assertClosed, assertOpen, host, openSoon, type Namespace } from './namespace.ts'

/** What several networks on one host are to each other, to the host and to the LAN. */

let lan: Namespace

before(async () => {
  lan = await lanClient()
  ip('-6', 'address', 'add', '2001:db8::1/64', 'dev', 'lan0', 'nodad')
  lan.run('ip', '-6', 'address', 'add', '2001:db8::2/64', 'dev', 'eth0', 'nodad')
  lan.run('ip', '-6', 'route', 'add', 'fd00::/8', 'via', '2001:db8::1')
  lan.run('ip', 'route', 'add', '10.0.0.0/8', 'via', LAN_HOST)
  await lan.serve('tcp', 7000)
  await lan.serve('tcp', 7006, '::')
})
after(() => lan.close())

const BRIDGE = 'com.docker.network.bridge.'
const make = async (rig: Rig, Name: string, body: NetworkCreateRequest = {}): Promise<string> =>
  (await rig.networks.maker.create({ Name, ...body })).id
const run = async (rig: Rig, name: string, mode: string, more = {}): Promise<Container> => {
  const container = await rig.run(name, { mode, ...more })
  await container.serve('tcp', 80, '::')
  return container
}
const address = (container: Container, network: string): string =>
  container.sandbox.endpoints[network]?.IPAddress ?? ''
const address6 = (container: Container, network: string): string =>
  container.sandbox.endpoints[network]?.GlobalIPv6Address ?? ''
const published = (port: string): object => ({ portBindings: { '80/tcp': [{ HostPort: port }] } })

test('neighbours talk, other networks do not, in both families', async () => {
  await using rig = await Rig.start()
  for (const name of ['a', 'b']) await make(rig, name, { EnableIPv6: true })
  const [one, two, stranger] = [
    await run(rig, 'one', 'a'),
    await run(rig, 'two', 'a'),
    await run(rig, 'stranger', 'b'),
  ]
  for (const target of [address(two, 'a'), address6(two, 'a')]) {
    await assertOpen(one, { address: target, port: 80 }, 'two')
    await assertOpen(host, { address: target, port: 80 }, 'two')
    await Promise.all([
      assertClosed(stranger, { address: target, port: 80 }),
      assertClosed(lan, { address: target, port: 80 }),
    ])
  }
  // What leaves has an address of the host.
  assert.equal(await assertOpen(one, { address: '198.51.100.2', port: 7000 }, 'lan'), LAN_HOST)
  assert.equal(await assertOpen(one, { address: '2001:db8::2', port: 7006 }, 'lan'), '2001:db8::1')
})

test('internal networks: neighbours and the host, nobody else', async () => {
  await using rig = await Rig.start()
  await make(rig, 'inner', { Internal: true, EnableIPv6: true })
  await make(rig, 'outer')
  const one = await run(rig, 'one', 'inner', published('8090'))
  const two = await run(rig, 'two', 'inner')
  const out = await run(rig, 'out', 'outer', published('8091'))
  assert.deepEqual(one.sandbox.ports, {})
  await assertOpen(one, { address: address(two, 'inner'), port: 80 }, 'two')
  await assertOpen(one, { address: address6(two, 'inner'), port: 80 }, 'two')
  await assertOpen(host, { address: address(two, 'inner'), port: 80 }, 'two')
  const gateway = rig.networks.directory.byName('inner')?.config.pools[0]?.gateway ?? ''
  one.run('ip', 'route', 'add', 'default', 'via', gateway)
  await Promise.all([
    assertClosed(one, { address: '198.51.100.2', port: 7000 }),
    assertClosed(one, { address: address(out, 'outer'), port: 80 }),
    assertClosed(one, { address: LAN_HOST, port: 8091 }),
    assertClosed(out, { address: address(one, 'inner'), port: 80 }),
    assertClosed(lan, { address: address(one, 'inner'), port: 80 }),
    assertClosed(lan, { address: LAN_HOST, port: 8090 }),
  ])
})

test('gateway modes, trusted devices, no masquerade, no communication', async () => {
  await using rig = await Rig.start()
  const pool = (n: number) => ({ IPAM: { Config: [{ Subnet: `10.71.${n}.0/24` }] } })
  await make(rig, 'open', {
    ...pool(1),
    Options: { [`${BRIDGE}gateway_mode_ipv4`]: 'nat-unprotected' },
  })
  await make(rig, 'routed', { ...pool(2), Options: { [`${BRIDGE}gateway_mode_ipv4`]: 'routed' } })
  await make(rig, 'trusting', {
    ...pool(3),
    Options: { [`${BRIDGE}trusted_host_interfaces`]: 'lan0' },
  })
  await make(rig, 'plain', { ...pool(4), Options: { [`${BRIDGE}enable_ip_masquerade`]: 'false' } })
  await make(rig, 'silent', { ...pool(5), Options: { [`${BRIDGE}enable_icc`]: 'false' } })
  const box: Record<string, Container> = {}
  for (const name of ['open', 'routed', 'trusting', 'plain', 'silent'])
    box[name] = await run(rig, name, name)
  const reach = (from: Namespace | Container, name: string) =>
    from.probe({ address: address(box[name]!, name), port: 80 }).then((answer) => 'text' in answer)
  assert.deepEqual(
    {
      open: await reach(lan, 'open'),
      routed: await reach(lan, 'routed'),
      trusting: await reach(lan, 'trusting'),
      plain: await reach(lan, 'plain'),
    },
    { open: true, routed: false, trusting: true, plain: false },
  )
  // Routed and unmasqueraded containers show their own addresses.
  for (const name of ['routed', 'plain'])
    assert.equal(
      await assertOpen(box[name]!, { address: '198.51.100.2', port: 7000 }, 'lan'),
      address(box[name]!, name),
    )
  const other = await run(rig, 'other', 'silent')
  await assertClosed(other, { address: address(box['silent']!, 'silent'), port: 80 })
})

test('routed networks: published ports are open under the container’s own address', async () => {
  await using rig = await Rig.start()
  await make(rig, 'routed', {
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: '10.72.0.0/24' }, { Subnet: 'fd72::/64' }] },
    Options: {
      [`${BRIDGE}gateway_mode_ipv4`]: 'routed',
      [`${BRIDGE}gateway_mode_ipv6`]: 'routed',
    },
  })
  const box = await run(rig, 'box', 'routed', published('8094'))
  await box.serve('tcp', 81, '::')
  // As moby shows them.
  assert.deepEqual(box.sandbox.ports, {
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '' },
      { HostIp: '::', HostPort: '' },
    ],
  })
  const check = async (): Promise<void> => {
    for (const [target, peer] of [
      [address(box, 'routed'), '198.51.100.2'],
      [address6(box, 'routed'), '2001:db8::2'],
    ] as const) {
      assert.equal(await openSoon(lan, { address: target, port: 80 }, 'box'), peer)
      await openSoon(host, { address: target, port: 80 }, 'box')
      await assertClosed(lan, { address: target, port: 81 })
    }
    await assertClosed(lan, { address: LAN_HOST, port: 8094 })
  }
  await check()
  await rig.crash([box])
  await check()
  // Another container may publish the host's port meanwhile.
  const other = await run(rig, 'other', 'bridge', published('8094'))
  await assertOpen(lan, { address: LAN_HOST, port: 8094 }, 'other')
  await rig.stop(other)
  const at = address(box, 'routed')
  await rig.stop(box)
  const next = await run(rig, 'next', 'routed')
  if (address(next, 'routed') === at) await assertClosed(lan, { address: at, port: 80 })
})

test('bridge options: device, mtu, interface prefix, address of published ports, source address', async () => {
  await using rig = await Rig.start()
  ip('address', 'add', '198.51.100.9/24', 'dev', 'lan0')
  await make(rig, 'named', {
    Options: {
      [`${BRIDGE}name`]: 'mybr0',
      'com.docker.network.driver.mtu': '1280',
      'com.docker.network.container_iface_prefix': 'lan',
      [`${BRIDGE}host_binding_ipv4`]: '127.0.0.1',
      'com.docker.network.host_ipv4': '198.51.100.9',
    },
  })
  const box = await run(rig, 'box', 'named', published('8092'))
  assert.match(box.run('ip', 'link', 'show', 'lan0'), /mtu 1280/)
  assert.match(ip('link', 'show', 'mybr0'), /mtu 1280/)
  assert.equal(box.sandbox.ports['80/tcp']?.[0]?.HostIp, '127.0.0.1')
  await assertClosed(lan, { address: LAN_HOST, port: 8092 })
  assert.equal(
    await assertOpen(box, { address: '198.51.100.2', port: 7000 }, 'lan'),
    '198.51.100.9',
  )
  ip('address', 'delete', '198.51.100.9/24', 'dev', 'lan0')
})

test('a bridge of somebody else’s is used and left', async () => {
  ip('link', 'add', 'theirs0', 'type', 'bridge')
  await using rig = await Rig.start()
  await make(rig, 'borrowed', { Options: { [`${BRIDGE}name`]: 'theirs0' } })
  const box = await run(rig, 'box', 'borrowed')
  await assertOpen(host, { address: address(box, 'borrowed'), port: 80 }, 'box')
  await rig.stop(box)
  await rig.networks.maker.remove(rig.networks.directory.get('borrowed'))
  ip('link', 'show', 'theirs0')
  ip('link', 'delete', 'theirs0')
})

test('after a crash everything is as before; what the host lost comes back', async () => {
  await using rig = await Rig.start()
  const id = await make(rig, 'kept', { EnableIPv6: true })
  const box = await run(rig, 'box', 'kept', published('8093'))
  const device = `br-${id.slice(0, 12)}`
  const check = async (): Promise<void> => {
    await openSoon(lan, { address: LAN_HOST, port: 8093 }, 'box')
    await openSoon(host, { address: address6(box, 'kept'), port: 80 }, 'box')
    await assertClosed(lan, { address: address(box, 'kept'), port: 80 })
  }
  await rig.crash([box])
  await check()
  assert.deepEqual(rig.networks.names.lookup(id, 'box', 4), [address(box, 'kept')])
  // The bridge goes, and the rules; the pair of devices stays without a bridge.
  ip('link', 'delete', device)
  nft('flush', 'ruleset')
  await rig.crash([box])
  await check()
  // The pair itself goes.
  const [row] = rig.store.all<{ host_interface: string }>('SELECT host_interface FROM endpoint')
  ip('link', 'delete', row?.host_interface ?? '')
  await rig.crash([box])
  await check()
  assert.match(box.run('ip', 'route'), /default via/)
  const next = await run(rig, 'next', 'kept')
  assert.notEqual(address(next, 'kept'), address(box, 'kept'))
})

test('a daemon that dies in the middle of a create, a remove or a connect leaves nothing of it', async () => {
  await using rig = await Rig.start()
  const half = await make(rig, 'half')
  const going = await make(rig, 'going')
  await make(rig, 'stays')
  const box = await run(rig, 'box', 'stays')
  const mark = (id: string, state: NetworkConfig['state']) => {
    const { config } = rig.networks.directory.get(id)
    return updateNetworkConfig(id, { ...config, ...(state && { state }) })
  }
  await rig.store.write([mark(half, 'creating'), mark(going, 'removing')])
  await rig.networks.connect({
    request: { ...box.request, known: {} },
    reference: 'bridge',
    asked: {},
    netnsFd: box.netnsFd,
    keeper: box.keeper,
    record: () => [],
  })
  assert.match(box.run('ip', 'link'), /eth1/)
  await rig.store.write([
    {
      sql: "UPDATE endpoint SET detail_json = json_set(detail_json, '$.pending', json('true')) WHERE network_id = ?",
      parameters: [rig.networks.networkId('bridge')],
    },
  ])
  await rig.crash([box])
  await rig.networks.settle()
  assert.deepEqual(
    rig.networks.directory
      .all()
      .map(({ name }) => name)
      .sort(),
    ['bridge', 'host', 'none', 'stays'],
  )
  for (const id of [half, going]) assert.ok(!existsSync(`/sys/class/net/br-${id.slice(0, 12)}`))
  assert.doesNotMatch(box.run('ip', 'link'), /eth1/)
  assert.equal(rig.store.all('SELECT id FROM endpoint').length, 1)
  const veths = (await native.linkList({})).filter((link) => link.name.startsWith('veth'))
  assert.equal(veths.length, 1)
  await assertOpen(host, { address: address(box, 'stays'), port: 80 }, 'box')
})

for (const mode of ['bridge', 'private', 'vepa', 'passthru'])
  test(`macvlan in mode ${mode}: containers on the LAN itself`, async () => {
    await using rig = await Rig.start()
    ip('link', 'add', 'par0', 'type', 'veth', 'peer', 'name', 'wire0')
    for (const name of ['par0', 'wire0']) ip('link', 'set', name, 'up')
    ip('address', 'add', '10.72.0.1/24', 'dev', 'wire0')
    await make(rig, 'lan', {
      Driver: 'macvlan',
      Options: { parent: 'par0', macvlan_mode: mode },
      IPAM: { Config: [{ Subnet: '10.72.0.0/24', Gateway: '10.72.0.1' }] },
    })
    const one = await run(rig, 'one', 'lan')
    assert.match(one.run('ip', '-d', 'link', 'show', 'eth0'), new RegExp(`macvlan mode ${mode}`))
    assert.match(one.run('ip', 'route'), /default via 10\.72\.0\.1 dev eth0/)
    await assertOpen(host, { address: address(one, 'lan'), port: 80 }, 'one')
    if (mode !== 'passthru') {
      const two = await run(rig, 'two', 'lan')
      const open = await one.probe({ address: address(two, 'lan'), port: 80 })
      assert.equal('text' in open, mode === 'bridge')
    }
    await rig.crash([one])
    await assertOpen(host, { address: address(one, 'lan'), port: 80 }, 'one')
    ip('link', 'delete', 'wire0')
  })

test('kinds of links that this kernel lacks are refused by name', async (t) => {
  await using rig = await Rig.start()
  const made = await rig.networks.maker.create({
    Name: 'v',
    Driver: 'ipvlan',
    Options: { parent: 'lan0' },
  })
  try {
    await rig.stop(await rig.run('box', { mode: made.name }))
    t.skip('this kernel has ipvlan')
  } catch (error) {
    assert.match(String(error), /failed to create the ipvlan port: operation not supported/)
  }
})

test('the default bridge with IPv6, a range and a gateway of its own', async () => {
  await using rig = await Rig.start({
    ipv6: true,
    bip: '10.73.0.1/16',
    fixedCidr: '10.73.5.0/24',
    defaultGateway: '10.73.0.254',
    hostId: 'some machine',
  })
  const one = await run(rig, 'one', 'bridge')
  const two = await run(rig, 'two', 'bridge')
  assert.equal(address(one, 'bridge'), '10.73.5.0')
  assert.match(one.run('ip', 'route'), /default via 10\.73\.0\.254/)
  await assertOpen(one, { address: address6(two, 'bridge'), port: 80 }, 'two')
  assert.equal(await assertOpen(one, { address: '2001:db8::2', port: 7006 }, 'lan'), '2001:db8::1')
  await rig.crash([one, two])
  await assertOpen(one, { address: address6(two, 'bridge'), port: 80 }, 'two')
})

test('pools of the daemon’s options, and networks with options of their own by default', async () => {
  await using rig = await Rig.start({
    pools: [parsePool('10.74.0.0/22', 24)!, parsePool('fd74::/62', 64)!],
    defaultOptions: { bridge: { 'com.docker.network.driver.mtu': '1400' } },
  })
  const subnets: string[] = []
  for (const name of ['p1', 'p2', 'p3']) {
    await make(rig, name, { EnableIPv6: true })
    const { config } = rig.networks.directory.get(name)
    assert.equal(config.options['com.docker.network.driver.mtu'], '1400')
    subnets.push(...config.pools.map(({ subnet }) => subnet))
  }
  assert.deepEqual(subnets, [
    ...['10.74.1.0/24', 'fd74::/64', '10.74.2.0/24', 'fd74:0:0:1::/64'],
    ...['10.74.3.0/24', 'fd74:0:0:2::/64'],
  ])
  await assert.rejects(make(rig, 'p4'), {
    message: 'all predefined address pools have been fully subnetted',
  })
  const [after] = await Promise.all([
    make(rig, 'p5', { IPAM: { Config: [{ Subnet: '10.75.0.0/24' }] } }),
    assert.rejects(make(rig, 'p5', { IPAM: { Config: [{ Subnet: '10.76.0.0/24' }] } }), {
      message: 'network with name p5 already exists',
    }),
  ])
  assert.ok(after)
})
