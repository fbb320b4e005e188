import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KernelError } from '@tdocker/kernel'
import { Firewall } from './firewall.ts'
import { tableText, type PortElement } from './firewall-rules.ts'
import { deleteNetworkText, networkText, type FirewallNetwork } from './network-chains.ts'

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
  await firewall.reset([], [])
  nft.take()
  return { nft, firewall }
}

/** With UPDATE_GOLDEN=1 the file is written instead. */
function assertGolden(text: string, name: string): void {
  const path = join(import.meta.dirname, 'testing', name)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, `${text}\n`)
  assert.equal(`${text}\n`, existsSync(path) ? readFileSync(path, 'utf8') : '')
}

const bridge: FirewallNetwork = {
  id: '0123456789abcdef',
  bridge: 'br0',
  subnet: '172.17.0.0/16',
  mode: 'nat',
  mode6: 'nat',
  masquerade: true,
  interContainer: true,
  internal: false,
  trusted: [],
}

test('the whole table', () => {
  const text = tableText('fw', { networks: [bridge], guardedLinks: ['eth0', 'eth1'] }, [
    element(80, '172.17.0.2'),
  ])
  assertGolden(text, 'table.nft')
})

test('networks of every kind', () => {
  const kinds: FirewallNetwork[] = [
    { ...bridge, subnet6: 'fd00::/64', interContainer: false },
    { ...bridge, masquerade: false, trusted: ['eth7', 'eth8'], source: '192.0.2.1' },
    { ...bridge, subnet6: 'fd00::/64', source: '192.0.2.1', mode6: 'routed' },
    { ...bridge, subnet6: 'fd00::/64', mode: 'nat-unprotected', source6: '2001:db8::1' },
    { ...bridge, subnet6: 'fd00::/64', internal: true, mode: 'isolated' },
  ]
  const text = kinds
    .map((kind) => [...networkText('fw', kind), ...deleteNetworkText('fw', kind), ''].join('\n'))
    .join('\n')
  assertGolden(text, 'networks.nft')
})

test('a network comes and goes in one transaction each, and is there after a rebuild', async () => {
  const { nft, firewall } = await setUp()
  await firewall.addNetwork(bridge)
  assert.deepEqual(nft.take(), [networkText('fw', bridge).join('\n')])
  const closed = { ...bridge, interContainer: false }
  await firewall.addNetwork(closed)
  assert.deepEqual(nft.take(), [
    [...deleteNetworkText('fw', bridge), ...networkText('fw', closed)].join('\n'),
  ])
  await firewall.rebuild()
  assert.match(nft.take()[0] ?? '', /add chain inet fw n0123456789ab_raw/)
  nft.failNext = new KernelError('ENOENT', 2, 'nft')
  await firewall.removeNetwork(bridge.id)
  const [, rebuilt = ''] = nft.take()
  assert.doesNotMatch(rebuilt, /n0123456789ab/)
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
  assert.match(rebuilt, /delete table inet fw\n/)
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
