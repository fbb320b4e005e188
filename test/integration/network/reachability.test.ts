import './private-netns.ts'
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { ip, lanClient, LAN_HOST, native, Rig, setBridgeFilter, type Container } from './fixture.ts'
import { assertClosed, assertOpen, host, type Namespace } from './namespace.ts'

for (const filter of ['0', '1']) {
  describe(`bridge filter ${filter}`, () => {
    let rig: Rig
    let web: Container
    let other: Container
    let lan: Namespace
    let loopbackServer: Server

    before(async () => {
      setBridgeFilter(filter)
      rig = await Rig.start()
      lan = await lanClient()
      web = await rig.run('web', {
        exposed: ['80/tcp', '81/tcp'],
        portBindings: {
          '80/tcp': [{ HostPort: '8080' }],
          '53/udp': [{ HostPort: '5353' }],
          '82/tcp': [{ HostIp: '127.0.0.1', HostPort: '8082' }],
          '83/tcp': [{ HostIp: LAN_HOST, HostPort: '8083' }],
        },
      })
      other = await rig.run('other')
      for (const port of [80, 81, 82, 83]) await web.serve('tcp', port)
      await web.serve('udp', 53)
      await other.serve('tcp', 80)
      loopbackServer = createServer((socket) => socket.end('secret')).listen(9999, '127.0.0.1')
    })

    after(async () => {
      loopbackServer.close()
      await lan.close()
      await rig[Symbol.asyncDispose]()
    })

    test('the host reaches every port of a container at its address', async () => {
      await assertOpen(host, { address: web.address, port: 80 }, 'web')
      await assertOpen(host, { address: web.address, port: 81 }, 'web')
    })

    test('the host reaches published ports at 127.0.0.1 and at its own addresses', async () => {
      for (const address of ['127.0.0.1', LAN_HOST, '172.17.0.1']) {
        await assertOpen(host, { address, port: 8080 }, 'web')
        await assertOpen(host, { protocol: 'udp', address, port: 5353 }, 'web')
      }
    })

    test('the LAN reaches published ports, and the container sees who it is', async () => {
      assert.equal(await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web'), '198.51.100.2')
      const udp = { protocol: 'udp' as const, address: LAN_HOST, port: 5353 }
      assert.equal(await assertOpen(lan, udp, 'web'), '198.51.100.2')
    })

    test('a container reaches published ports of another and of itself', async () => {
      for (const address of [LAN_HOST, '172.17.0.1']) {
        for (const from of [other, web]) {
          await assertOpen(from, { address, port: 8080 }, 'web')
          await assertOpen(from, { protocol: 'udp', address, port: 5353 }, 'web')
        }
      }
    })

    test('containers of one network reach each other without publishing', async () => {
      assert.equal(
        await assertOpen(web, { address: other.address, port: 80 }, 'other'),
        web.address,
      )
    })

    test('the LAN does not reach unpublished ports, nor published ones at the container itself', async () => {
      await Promise.all([
        assertClosed(lan, { address: web.address, port: 80 }),
        assertClosed(lan, { address: web.address, port: 81 }),
        assertClosed(lan, { address: other.address, port: 80 }),
        assertClosed(lan, { address: LAN_HOST, port: 80 }),
      ])
    })

    test('a port published on 127.0.0.1 is there for the host only', async () => {
      await assertOpen(host, { address: '127.0.0.1', port: 8082 }, 'web')
      // A neighbour who sends packets for 127.0.0.1 to our hardware address.
      routeLoopbackTo(lan, LAN_HOST)
      await Promise.all([
        assertClosed(lan, { address: LAN_HOST, port: 8082 }),
        assertClosed(lan, { address: '127.0.0.1', port: 8082 }),
        assertClosed(other, { address: '172.17.0.1', port: 8082 }),
      ])
    })

    test('a port published on one address of the host answers there only', async () => {
      await assertOpen(lan, { address: LAN_HOST, port: 8083 }, 'web')
      await assertOpen(other, { address: LAN_HOST, port: 8083 }, 'web')
      await assertClosed(host, { address: '127.0.0.1', port: 8083 })
    })

    test("a container does not reach the host's loopback", async () => {
      assert.equal('text' in (await host.probe({ address: '127.0.0.1', port: 9999 })), true)
      await assertClosed(web, { address: '172.17.0.1', port: 9999 })
      // The hard way: packets for 127.0.0.1 over the bridge.
      routeLoopbackTo(other, '172.17.0.1')
      await Promise.all([
        assertClosed(other, { address: '127.0.0.1', port: 9999 }),
        assertClosed(other, { address: '127.0.0.1', port: 8082 }),
      ])
    })

    test('containers of another network do not get in', async () => {
      await using second = await Rig.start({ bridge: 'tdnet1', table: 'tdnet1' })
      const stranger = await second.run('stranger')
      await stranger.serve('tcp', 80)
      assert.notEqual(second.subnet(), rig.subnet())
      await Promise.all([
        assertClosed(stranger, { address: web.address, port: 80 }),
        assertClosed(web, { address: stranger.address, port: 80 }),
      ])
      await assertOpen(stranger, { address: LAN_HOST, port: 8080 }, 'web')
    })

    test('what leaves has an address of the host', async () => {
      await lan.serve('tcp', 7000)
      // The neighbour's own routes to 127.0.0.1 of an earlier test do not matter here.
      assert.equal(await assertOpen(web, { address: '198.51.100.2', port: 7000 }, 'lan'), LAN_HOST)
    })

    test('there is no IPv6 on a network without it', async () => {
      const links = await native.linkList({})
      const bridge = links.find((link) => link.name === 'tdnet0')?.index
      const onBridge = (await native.addressList({})).filter(({ index }) => index === bridge)
      assert.deepEqual(
        onBridge.map(({ address }) => address),
        ['172.17.0.1/16'],
      )
      assert.equal(web.run('ip', '-6', 'address', 'show', 'dev', 'eth0'), '')
      assert.match(web.run('ip', '-6', 'address', 'show', 'dev', 'lo'), /::1\/128/)
    })

    test('IPv6 clients of a published port are refused at once, not left waiting', async () => {
      assert.deepEqual(await host.probe({ address: '::1', port: 8080 }), { error: 'ECONNREFUSED' })
    })

    test('networks none and host', async () => {
      const none = await rig.run('alone', { mode: 'none' })
      assert.deepEqual(
        JSON.parse(none.run('ip', '-json', 'link')).map((link: { ifname: string }) => link.ifname),
        ['lo'],
      )
      assert.equal(none.sandbox.endpoints['none']?.NetworkID, rig.networks.networkId('none'))
      await rig.stop(none)
      assert.match(ip('link', 'show', 'lo'), /LOOPBACK/)
    })
  })
}

/** An attacker's setup: 127.0.0.1 is no address of the place itself any more, but one of the gateway. */
function routeLoopbackTo(place: Namespace, gateway: string): void {
  place.run('sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1')
  place.run('ip', 'address', 'flush', 'dev', 'lo')
  place.run('ip', 'route', 'add', '127.0.0.1/32', 'via', gateway)
}
