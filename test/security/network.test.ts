import '../integration/network/private-netns.ts'
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { setTimeout as delay } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import type { NetworkCreateRequest } from '@tdocker/api'
import { ip, lanClient, LAN_HOST, Rig, type Container } from '../integration/network/fixture.ts'
import { assertOpen, host, openSoon, type Namespace } from '../integration/network/namespace.ts'

/** What a container may say on its network, with the capabilities that containers have. */

let lan: Namespace
before(async () => {
  lan = await lanClient()
})
after(() => lan.close())

const make = async (rig: Rig, Name: string, body: NetworkCreateRequest = {}): Promise<string> =>
  `br-${(await rig.networks.maker.create({ Name, ...body })).id.slice(0, 12)}`
const python = (place: Container, script: string, ...args: string[]): string =>
  place.run('/usr/bin/python3', '-c', script, ...args)

/** A router that is the default one for an hour and knows a prefix for addresses (RFC 4861, 4.2). */
const ADVERTISE = `
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex('eth0')
prefix = socket.inet_pton(socket.AF_INET6, '2001:db8:bad::')
message = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 3600, 0, 0)
message += struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 86400, 14400, 0) + prefix
for _ in range(3):
    s.sendto(message, ('ff02::1', 0, 0, index))
`

test('router advertisements of a container change nothing at the host and its neighbours', async () => {
  await using rig = await Rig.start()
  const bridge = await make(rig, 'six', { EnableIPv6: true })
  const bad = await rig.run('bad', { mode: 'six' })
  const good = await rig.run('good', { mode: 'six' })
  const view = (): string[] =>
    [
      ip('-6', 'route', 'show', 'default'),
      ip('-6', 'address', 'show', 'dev', bridge),
      good.run('ip', '-6', 'route'),
      good.run('ip', '-6', 'address', 'show', 'dev', 'eth0'),
    ].map((text) => text.replaceAll(' tentative', ''))
  const link = (): string => bad.run('ip', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'link')
  // The kernel sends from a link-local address alone.
  for (let i = 0; i < 500 && !/inet6 fe80/.test(link()); i++) await delay(20)
  for (let i = 0; i < 500 && /tentative/.test(link()); i++) await delay(20)
  const before = view()
  python(bad, ADVERTISE)
  await delay(300)
  assert.deepEqual(view(), before)
  assert.doesNotMatch(view().join(), /2001:db8:bad/)
})

test('there is no IPv6 where a network has none', async () => {
  await using rig = await Rig.start()
  const bridge = await make(rig, 'four')
  const box = await rig.run('box', { mode: 'four' })
  assert.equal(ip('-6', 'address', 'show', 'dev', bridge), '')
  assert.equal(box.run('ip', '-6', 'address', 'show', 'dev', 'eth0'), '')
})

/** One datagram with any source, past the container's own kernel, which would not send it. */
const SPOOF = `
import socket, struct, sys
source, address, port, mac = sys.argv[1:]
text = source.encode()
udp = struct.pack('!HHHH', 9, int(port), 8 + len(text), 0) + text
head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
head += socket.inet_aton(source) + socket.inet_aton(address)
total = sum(struct.unpack('!10H', head))
total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack('!H', ~(total + (total >> 16)) & 0xffff) + head[12:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
s.sendto(head + udp, ('eth0', 0x800, 0, 0, bytes.fromhex(mac.replace(':', ''))))
`

test('nobody speaks in the name of the host’s loopback', async () => {
  await using rig = await Rig.start()
  const box = await rig.run('box')
  const heard: string[] = []
  const server = createSocket('udp4', (message, peer) => heard.push(`${message} ${peer.address}`))
  await new Promise<void>((resolve) => server.bind(7400, resolve))
  try {
    const gateway = rig.networks.directory.byName('bridge')?.config.pools[0]?.gateway ?? ''
    // /sys shows the devices of another namespace.
    const [, mac = ''] = /ether (\S+)/.exec(ip('link', 'show', 'tdnet0')) ?? []
    for (const source of ['127.0.0.1', '127.0.0.2', '127.9.9.9'])
      for (const target of [gateway, LAN_HOST, '127.0.0.1'])
        python(box, SPOOF, source, target, '7400', mac)
    python(box, SPOOF, box.address, '127.0.0.1', '7400', mac)
    python(box, SPOOF, box.address, gateway, '7400', mac)
    for (let i = 0; i < 500 && heard.length === 0; i++) await delay(20)
    assert.deepEqual(heard, [`${box.address} ${box.address}`])
  } finally {
    server.close()
  }
})

test('who takes the address and the MAC of a container elsewhere gets nothing of its traffic', async () => {
  await using rig = await Rig.start()
  for (const name of ['a', 'b']) await make(rig, name)
  const portBindings = { '80/tcp': [{ HostPort: '8080' }] }
  const real = await rig.run('real', { mode: 'a', portBindings })
  await real.serve('tcp', 80)
  const bad = await rig.run('bad', { mode: 'b' })
  const { IPAddress = '', MacAddress = '' } = real.sandbox.endpoints['a'] ?? {}
  bad.run('ip', 'address', 'add', `${IPAddress}/16`, 'dev', 'eth0')
  bad.run('ip', 'link', 'set', 'eth0', 'address', MacAddress)
  await bad.serve('tcp', 80)
  bad.run('busybox', 'arping', '-U', '-c', '3', '-w', '3', '-I', 'eth0', IPAddress)
  for (let i = 0; i < 3; i++) {
    await openSoon(host, { address: IPAddress, port: 80 }, 'real')
    await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'real')
  }
})
