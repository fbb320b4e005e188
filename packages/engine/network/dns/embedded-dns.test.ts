import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeNative } from '@tdocker/kernel/fake-native.ts'
import { NameTable } from '../names.ts'
import { parseResolvConf } from '../resolv-conf.ts'
import { EmbeddedDns } from './embedded-dns.ts'

function setup() {
  const kernel = new FakeNative()
  const names = new NameTable()
  const log = { warn() {} }
  const dns = new EmbeddedDns({
    native: kernel.native,
    names,
    nameOf: (id) => `Net-${id}`,
    log,
  })
  let external = true
  const sandbox = {
    containerId: 'c1',
    networks: () => [{ id: 'n1', links: { DB: 'Store' } }],
    external: () => external,
    host: parseResolvConf('nameserver 192.0.2.1\n', '/etc/resolv.conf'),
    overrides: { dns: [], dnsSearch: [], dnsOptions: [] },
    hostGateways: ['172.17.0.1'],
  }
  return { kernel, names, dns, sandbox, close: () => void (external = false) }
}

const record = (containerId: string) => ({
  endpointId: 'e1',
  networkId: 'n1',
  containerId,
  names: ['Web', ''],
  addresses: ['10.0.0.2'],
})

test('a namespace gets sockets, rules and what its container sees', async () => {
  const { kernel, dns, sandbox } = setup()
  const { holdFds } = await dns.open(sandbox, 9)
  assert.deepEqual([...kernel.openFds], holdFds)
  const [[commands, netns] = []] = kernel.callsOf('nft')
  assert.equal(netns, 9)
  assert.match(commands ?? '', /udp dport 53 dnat to 127\.0\.0\.11:40053\n/)
  const [[served] = []] = kernel.callsOf('dnsServe')
  assert.deepEqual(served, {
    id: 'c1',
    udpFd: holdFds[0],
    tcpFd: holdFds[1],
    networks: [{ id: 'n1', aliases: [{ alias: 'db', name: 'store' }] }],
    fixed: [{ name: 'host.docker.internal', addresses: ['172.17.0.1'] }],
    upstreams: [{ address: '192.0.2.1', host: true }],
    external: true,
    ndots: false,
  })
  assert.ok(dns.serves('c1'))
  dns.close('c1')
  dns.close('c1')
  assert.equal(kernel.callsOf('dnsClose').length, 1)
})

test('nothing is left open where rules cannot be made', async () => {
  const { kernel, dns, sandbox } = setup()
  kernel.fail('nft', 'EOPNOTSUPP')
  await assert.rejects(dns.open(sandbox, 9))
  assert.equal(kernel.openFds.size, 0)
  assert.equal(dns.serves('c1'), false)
})

test('names are told as they change, and their owner’s view with them', async () => {
  const { kernel, names, dns, sandbox, close } = setup()
  await dns.open(sandbox, 9)
  close()
  names.set(record('c1'))
  assert.deepEqual(kernel.callsOf('dnsName'), [
    [
      {
        networkId: 'n1',
        networkName: 'net-n1',
        endpointId: 'e1',
        names: ['web'],
        addresses: ['10.0.0.2'],
      },
    ],
  ])
  const [[view] = []] = kernel.callsOf('dnsConfigure')
  assert.deepEqual([view?.external, view?.fixed], [false, []])
  names.delete('n1', 'e1')
  assert.deepEqual(kernel.callsOf('dnsForget'), [[{ networkId: 'n1', endpointId: 'e1' }]])
  assert.equal(kernel.callsOf('dnsConfigure').length, 2)
  names.set(record('stranger'))
  assert.equal(kernel.callsOf('dnsConfigure').length, 2)
})

test('after a restart the shim’s sockets serve again; without them new ones do', async () => {
  const { kernel, dns, sandbox } = setup()
  await dns.adopt(sandbox, process.pid)
  const [[, netns] = []] = kernel.callsOf('nft')
  assert.notEqual(netns, undefined)
  assert.match(kernel.callsOf('nft')[0]?.[0] ?? '', /^add table .*\ndelete table/)
  assert.equal(kernel.openFds.size, 0)
  const [udpFd, tcpFd] = [kernel.openFd(), kernel.openFd()]
  kernel.stub('dnsSocketsOf', (pid) => {
    assert.equal(pid, process.ppid)
    return Promise.resolve({ udpFd, tcpFd, udpPort: 1, tcpPort: 2 })
  })
  await dns.adopt(sandbox, process.pid)
  assert.equal(kernel.callsOf('nft').length, 1)
  assert.equal(kernel.callsOf('dnsServe').length, 2)
  assert.equal(kernel.openFds.size, 0)
})
