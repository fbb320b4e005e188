import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KernelError } from '@tdocker/kernel'
import { Firewall } from './firewall.ts'
import { tableText, type PortElement } from './firewall-rules.ts'

class FakeNft {
  readonly runs: string[] = []
  failNext: KernelError | undefined

  async nft(commands: string): Promise<string> {
    this.runs.push(commands)
    const error = this.failNext
    this.failNext = undefined
    if (error !== undefined) throw error
    return ''
  }

  /** The transactions since the last call. */
  take(): string[] {
    return this.runs.splice(0)
  }
}

const silent = { warn() {} }
const element = (hostPort: number, containerAddress: string): PortElement => ({
  protocol: 'tcp',
  hostAddress: '0.0.0.0',
  hostPort,
  containerAddress,
  containerPort: 80,
})

async function setUp() {
  const nft = new FakeNft()
  const firewall = new Firewall(nft, 'fw', silent)
  await firewall.reset({ networks: [], guardedLinks: [] }, [])
  nft.take()
  return { nft, firewall }
}

test('the whole table', () => {
  const text = tableText('fw', {
    networks: [
      { bridge: 'br0', subnet: '172.17.0.0/16', masquerade: true, interContainer: true },
      { bridge: 'br1', subnet: '172.18.0.0/16', masquerade: false, interContainer: false },
    ],
    guardedLinks: ['eth0', 'eth1'],
  })
  assert.equal(
    text,
    `add table inet fw
add map inet fw ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
add map inet fw ports_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
add chain inet fw published
flush chain inet fw published
add rule inet fw published dnat ip to ip daddr . meta l4proto . th dport map @ports_at
add rule inet fw published dnat ip to meta l4proto . th dport map @ports
add chain inet fw raw { type filter hook prerouting priority raw; policy accept; }
flush chain inet fw raw
add rule inet fw raw iifname != "lo" ip daddr 127.0.0.0/8 drop
add rule inet fw raw iifname != "br0" ip daddr 172.17.0.0/16 fib daddr type != local drop
add rule inet fw raw iifname != "br1" ip daddr 172.18.0.0/16 fib daddr type != local drop
add chain inet fw prerouting { type nat hook prerouting priority dstnat; policy accept; }
flush chain inet fw prerouting
add rule inet fw prerouting fib daddr type local jump published
add chain inet fw output { type nat hook output priority -100; policy accept; }
flush chain inet fw output
add rule inet fw output fib daddr type local jump published
add chain inet fw forward { type filter hook forward priority filter; policy accept; }
flush chain inet fw forward
add rule inet fw forward iifname { "eth0", "eth1" } oifname { "eth0", "eth1" } ct status & dnat == 0 drop
add rule inet fw forward ct state established,related accept
add rule inet fw forward iifname "br0" oifname "br0" accept
add rule inet fw forward iifname "br1" oifname "br1" ct status dnat accept
add rule inet fw forward oifname { "br0", "br1" } ct status dnat accept
add rule inet fw forward oifname { "br0", "br1" } drop
add chain inet fw postrouting { type nat hook postrouting priority srcnat; policy accept; }
flush chain inet fw postrouting
add rule inet fw postrouting ip saddr 172.17.0.0/16 oifname != "br0" masquerade
add rule inet fw postrouting ip saddr 172.17.0.0/16 oifname "br0" ct status dnat masquerade
add rule inet fw postrouting ip saddr 127.0.0.0/8 oifname "br0" masquerade
add rule inet fw postrouting ip saddr 172.18.0.0/16 oifname "br1" ct status dnat masquerade
add rule inet fw postrouting ip saddr 127.0.0.0/8 oifname "br1" masquerade`,
  )
})

test('an element per port, in the map of its kind', async () => {
  const { nft, firewall } = await setUp()
  await firewall.add([
    element(8080, '172.17.0.2'),
    { ...element(53, '172.17.0.2'), protocol: 'udp', hostAddress: '127.0.0.1' },
  ])
  assert.deepEqual(nft.take(), [
    'add element inet fw ports { tcp . 8080 : 172.17.0.2 . 80 }\n' +
      'add element inet fw ports_at { 127.0.0.1 . udp . 53 : 172.17.0.2 . 80 }',
  ])
})

test('deletes wait and go together', async () => {
  const { nft, firewall } = await setUp()
  const elements = [element(1, '172.17.0.2'), element(2, '172.17.0.3')]
  await firewall.add(elements)
  nft.take()
  for (const one of elements) firewall.removeLater([one])
  assert.deepEqual(nft.take(), [])
  assert.ok(firewall.isLeaving('172.17.0.2'))
  await firewall.flush()
  assert.deepEqual(nft.take(), [
    'delete element inet fw ports { tcp . 1 }\ndelete element inet fw ports { tcp . 2 }',
  ])
  assert.ok(!firewall.isLeaving('172.17.0.2'))
})

test('an add cancels a waiting delete of the same element', async () => {
  const { nft, firewall } = await setUp()
  await firewall.add([element(1, '172.17.0.2')])
  nft.take()
  firewall.removeLater([element(1, '172.17.0.2')])
  await firewall.add([element(1, '172.17.0.2')])
  await firewall.flush()
  assert.deepEqual(nft.take(), [])
})

test('an add with another target replaces in one transaction', async () => {
  const { nft, firewall } = await setUp()
  await firewall.add([element(1, '172.17.0.2')])
  firewall.removeLater([element(1, '172.17.0.2')])
  nft.take()
  await firewall.add([element(1, '172.17.0.9')])
  await firewall.flush()
  assert.deepEqual(nft.take(), [
    'delete element inet fw ports { tcp . 1 }\nadd element inet fw ports { tcp . 1 : 172.17.0.9 . 80 }',
  ])
})

test('a late delete by the former owner does not hit the new one', async () => {
  const { nft, firewall } = await setUp()
  await firewall.add([element(1, '172.17.0.2')])
  await firewall.add([element(1, '172.17.0.9')])
  nft.take()
  firewall.removeLater([element(1, '172.17.0.2')])
  await firewall.flush()
  assert.deepEqual(nft.take(), [])
})

test('a lost table is written again, with everything in it', async () => {
  const { nft, firewall } = await setUp()
  await firewall.add([element(1, '172.17.0.2')])
  nft.take()
  nft.failNext = new KernelError('ENOENT', 2, 'nft')
  await firewall.add([element(2, '172.17.0.3')])
  const [, rebuilt = ''] = nft.take()
  assert.match(rebuilt, /^add table inet fw\n/)
  assert.match(rebuilt, /flush map inet fw ports\n/)
  assert.match(rebuilt, /tcp \. 1 : .*\n.*tcp \. 2 : /)
})

test('a refused add is forgotten', async () => {
  const { nft, firewall } = await setUp()
  nft.failNext = new KernelError('EINVAL', 22, 'nft')
  await assert.rejects(firewall.add([element(1, '172.17.0.2')]), /EINVAL/)
  firewall.removeLater([element(1, '172.17.0.2')])
  nft.take()
  await firewall.flush()
  assert.deepEqual(nft.take(), [])
})
