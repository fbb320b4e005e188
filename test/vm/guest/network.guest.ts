/** Runs in the virtual machine: drivers of networks, and a protocol, that other kernels lack. */
import '../../integration/network/private-netns.ts'
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { ip, lanClient, LAN_HOST } from '../../integration/network/fixture.ts'
import type { Namespace } from '../../integration/network/namespace.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

const LAN_PEER = '198.51.100.2'
/** Tells its name. busybox's wget does not survive this machine's emulated processor. */
const SERVE = ['nc', '-ll', '-p', '80', '-e', 'hostname']
const SCTP = join(import.meta.dirname, 'sctp.py')

let daemon: TestDaemon
let lan: Namespace
before(async () => {
  ip('link', 'set', 'lo', 'up')
  lan = await lanClient()
  await lan.serve('tcp', 7000)
  // Where ipvlan in mode l3 has its networks: behind the device that they share.
  lan.run('ip', 'route', 'add', '10.81.0.0/24', 'via', LAN_HOST)
  daemon = await TestDaemon.start()
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await lan.close()
})

afterEach(async () => {
  const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
  for (const { Id } of body) await daemon.api.delete(`/containers/${Id}?force=1`)
  await daemon.api.post('/networks/prune')
})

interface Started {
  id: string
  pid: number
  address: string
}

async function run(name: string, network: string, more: object = {}): Promise<Started> {
  const id = await daemon.run(
    { Hostname: name, Cmd: SERVE, HostConfig: { NetworkMode: network }, ...more },
    name,
  )
  const { body } = await daemon.api.get<{
    State: { Pid: number }
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> }
  }>(`/containers/${id}/json`)
  const address = body.NetworkSettings.Networks[network]?.IPAddress ?? ''
  return { id, pid: body.State.Pid, address }
}

async function makeNetwork(Name: string, Driver: string, more: object): Promise<void> {
  const { status, text } = await daemon.api.post('/networks/create', { Name, Driver, ...more })
  assert.equal(status, 201, text)
}

/** Output of a program in a container's network, or what went wrong. */
function within({ pid }: Started, program: string, ...args: string[]): string {
  const words = [`--net=/proc/${pid}/ns/net`, program, ...args]
  const { stdout, stderr } = spawnSync('nsenter', words, { encoding: 'utf8' })
  return (stdout || stderr).trim()
}

/** Arguments of busybox. */
const fetched = (address: string): string[] => ['nc', '-w', '20', address, '80']

/** By the name of the other one, as the container's own resolver knows it. */
async function assertNeighbours(from: string, to: string): Promise<void> {
  let said = ''
  await until(`${from} to reach ${to}`, async () => {
    const { stdout, stderr } = await daemon.docker('exec', from, 'busybox', ...fetched(to))
    said = stdout || stderr
    return said.trim() === to
  }).catch((error: unknown) => assert.fail(`${String(error)}: ${said}`))
}

/** Both ways between a container and a machine on the LAN, by the container's own address. */
function assertOnLan(container: Started, name: string): void {
  assert.equal(lan.run('busybox', ...fetched(container.address)).trim(), name)
  const said = within(container, 'busybox', 'nc', '-w', '20', LAN_PEER, '7000')
  assert.equal(said.replace('::ffff:', ''), `lan from ${container.address}`)
}

const onLan = { Subnet: '198.51.100.0/24', IPRange: '198.51.100.128/25', Gateway: LAN_PEER }
const behind = { Subnet: '10.81.0.0/24' }

for (const [driver, mode, pool, route] of [
  ['macvlan', 'bridge', onLan, `default via ${LAN_PEER} dev eth0`],
  ['ipvlan', 'l2', onLan, `default via ${LAN_PEER} dev eth0`],
  ['ipvlan', 'l3', behind, 'default dev eth0'],
  ['ipvlan', 'l3s', behind, 'default dev eth0'],
] as const)
  test(`${driver} in mode ${mode}: containers reach each other and the LAN`, async () => {
    await makeNetwork('shared', driver, {
      Options: { parent: 'lan0', [`${driver}_mode`]: mode },
      IPAM: { Config: [pool] },
    })
    const one = await run('one', 'shared')
    const two = await run('two', 'shared')
    const link = within(one, 'ip', '-d', 'link', 'show', 'eth0')
    assert.match(link, new RegExp(`${driver}\\s+mode ${mode}\\b`))
    assert.ok(within(one, 'ip', 'route').startsWith(route), within(one, 'ip', 'route'))
    await assertNeighbours('one', 'two')
    await assertNeighbours('two', 'one')
    assertOnLan(one, 'one')
    await daemon.crash()
    await daemon.boot()
    assertOnLan(two, 'two')
    await assertNeighbours('one', 'two')
    for (const { id } of [one, two]) await daemon.api.delete(`/containers/${id}?force=1`)
    assert.equal((await daemon.api.delete('/networks/shared')).status, 204)
    assert.match(ip('link', 'show', 'lan0'), /state UP/)
  })

for (const driver of ['macvlan', 'ipvlan'])
  test(`${driver} without a parent: a device of its own, and no way out`, async () => {
    await makeNetwork('alone', driver, {})
    const one = await run('one', 'alone')
    const two = await run('two', 'alone')
    assert.match(ip('-d', 'link', 'show', 'type', 'dummy'), /dm-[0-9a-f]{12}/)
    await assertNeighbours('one', 'two')
    assert.doesNotMatch(within(one, 'ip', 'route'), /default/)
    for (const { id } of [one, two]) await daemon.api.delete(`/containers/${id}?force=1`)
    assert.equal((await daemon.api.delete('/networks/alone')).status, 204)
    assert.equal(ip('link', 'show', 'type', 'dummy'), '')
  })

for (const driver of ['macvlan', 'ipvlan'])
  test(`${driver} of a vlan that the network makes and takes away`, async () => {
    lan.run('ip', 'link', 'add', 'link', 'eth0', 'name', 'tagged', 'type', 'vlan', 'id', '10')
    lan.run('ip', 'address', 'add', '10.82.0.2/24', 'dev', 'tagged')
    lan.run('ip', 'link', 'set', 'tagged', 'up')
    await makeNetwork('tagged', driver, {
      Options: { parent: 'lan0.10' },
      IPAM: { Config: [{ Subnet: '10.82.0.0/24', Gateway: '10.82.0.2' }] },
    })
    assert.match(ip('-d', 'link', 'show', 'lan0.10'), /vlan protocol 802\.1Q id 10/)
    const one = await run('one', 'tagged')
    assert.equal(lan.run('busybox', ...fetched(one.address)).trim(), 'one')
    const said = within(one, 'busybox', 'nc', '-w', '20', '10.82.0.2', '7000')
    assert.equal(said.replace('::ffff:', ''), `lan from ${one.address}`)
    await daemon.api.delete(`/containers/${one.id}?force=1`)
    assert.equal((await daemon.api.delete('/networks/tagged')).status, 204)
    assert.throws(() => ip('link', 'show', 'lan0.10'))
    lan.run('ip', 'link', 'delete', 'tagged')
  })

/** A server of SCTP beside a container's process. */
async function serveSctp({ pid }: Started, name: string, port: number): Promise<ChildProcess> {
  const words = [`--net=/proc/${pid}/ns/net`, '/usr/bin/python3', SCTP, 'serve', name, `${port}`]
  const server = spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(server.stdout, 'data')) as [Buffer]
  assert.equal(String(said), 'listening\n')
  return server
}

/** Arguments of python3 for a question from one address to another. */
const ask = (from: string, address: string, port: number): string[] => [
  ...[SCTP, 'ask', from, address],
  String(port),
]

function onHost(args: readonly string[]): string {
  return execFileSync('/usr/bin/python3', args, { encoding: 'utf8' }).trim()
}

const published = (port: number) => ({ '5000/sctp': [{ HostIp: '', HostPort: String(port) }] })

test('sctp is published: to the host, to the LAN and to other containers', async () => {
  const web = await run('web', 'bridge', {
    ExposedPorts: { '5000/sctp': {} },
    HostConfig: { NetworkMode: 'bridge', PortBindings: published(5001) },
  })
  const other = await run('other', 'bridge')
  const server = await serveSctp(web, 'web', 5000)
  try {
    assert.match(onHost(ask('127.0.0.1', '127.0.0.1', 5001)), /^web from 172\.17\.0\.1$/)
    // Carried by the shim: the container has no IPv6.
    assert.match(onHost(ask('::1', '::1', 5001)), /^web from 172\.17\.0\.1$/)
    assert.match(onHost(ask(LAN_HOST, LAN_HOST, 5001)), /^web from /)
    const fromLan = lan.run('/usr/bin/python3', ...ask(LAN_PEER, LAN_HOST, 5001))
    assert.equal(fromLan.trim(), `web from ${LAN_PEER}`)
    const asked = ask(other.address, LAN_HOST, 5001)
    assert.match(within(other, '/usr/bin/python3', ...asked), /^web from /)
    await portChanges()
  } finally {
    server.kill('SIGKILL')
  }
  await daemon.api.delete('/containers/web?force=1')
  await until('the port to be free', () => hold(5001) === 0)
})

/** Who holds the port, and one more while the container runs. */
async function portChanges(): Promise<void> {
  const taken = { NetworkMode: 'bridge', PortBindings: published(5001) }
  await assert.rejects(run('second', 'bridge', { HostConfig: taken }), /port is already allocated/)
  assert.notEqual(hold(5001), 0)
  const change = (verb: string) =>
    daemon.api.post(`/containers/web/ports/${verb}`, { PortBindings: published(5002) })
  assert.equal((await change('add')).status, 200)
  assert.match(onHost(ask('127.0.0.1', '127.0.0.1', 5002)), /^web from /)
  assert.equal((await change('remove')).status, 200)
  assert.throws(() => onHost(ask('127.0.0.1', '127.0.0.1', 5002)))
  assert.equal(hold(5002), 0)
}

/** Exit code of a program of the host's that wants the port. */
function hold(port: number): number | null {
  return spawnSync('/usr/bin/python3', [SCTP, 'hold', String(port)]).status
}
