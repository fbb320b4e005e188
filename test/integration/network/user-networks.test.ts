import './private-netns.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import type { EndpointSettings, NetworkInspect } from '@tdocker/api'
import { TestDaemon } from '../../lib/test-daemon.ts'

/** Networks of users, from the API to what a container sees of them. */

let daemon: TestDaemon

before(async () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

type Answer = { status: number; body: unknown }
const refused = ({ status, body }: Answer): [number, string] => [
  status,
  (body as { message: string }).message,
]
const create = async (Name: string, more: object = {}): Promise<NetworkInspect> => {
  const made = await daemon.api.post('/networks/create', { Name, ...more })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  return (await daemon.api.get<NetworkInspect>(`/networks/${Name}`)).body
}
const remove = async (...names: string[]): Promise<void> => {
  for (const name of names) {
    const { status, body } = await daemon.api.delete(`/networks/${name}`)
    assert.equal(status, 204, JSON.stringify(body))
  }
}
const gone = async (...names: string[]): Promise<void> => {
  for (const name of names) await daemon.api.delete(`/containers/${name}?force=1`)
}
const endpoints = async (container: string): Promise<Record<string, EndpointSettings>> => {
  const { body } = await daemon.api.get<{
    NetworkSettings: { Networks: Record<string, EndpointSettings> }
  }>(`/containers/${container}/json`)
  return body.NetworkSettings.Networks
}
const inside = async (container: string, ...command: string[]): Promise<string> => {
  const { status, stdout, stderr } = await daemon.docker('exec', container, ...command)
  assert.equal(status, 0, `${command.join(' ')}: ${stderr}`)
  return stdout
}
/** Of busybox's `ip route`, which knows no filter. */
const defaultRoute = async (container: string): Promise<string> =>
  (await inside(container, 'ip', 'route'))
    .split('\n')
    .filter((line) => line.startsWith('default'))
    .map((line) => line.trim())
    .join('\n')
const runOn = (name: string, network: string, more: object = {}): Promise<string> =>
  daemon.run({ Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: network }, ...more }, name)
const connect = (network: string, Container: string, EndpointConfig?: object): Promise<Answer> =>
  daemon.api.post(`/networks/${network}/connect`, { Container, EndpointConfig })
const disconnect = (network: string, Container: string, Force = false): Promise<Answer> =>
  daemon.api.post(`/networks/${network}/disconnect`, { Container, Force })

test('a network of one’s own: subnet, gateway, device, containers that reach each other', async () => {
  const net = await create('mine', { Labels: { a: 'b' } })
  const [pool] = net.IPAM.Config ?? []
  assert.equal(net.Driver, 'bridge')
  assert.deepEqual(net.Labels, { a: 'b' })
  assert.equal(pool?.Gateway, pool?.Subnet?.replace(/\.0\/\d+$/, '.1'))
  execFileSync('ip', ['link', 'show', `br-${net.Id.slice(0, 12)}`])
  await runOn('one', 'mine')
  const two = await runOn('two', 'mine')
  const { mine } = await endpoints('two')
  assert.equal(mine?.Gateway, pool?.Gateway)
  assert.deepEqual(mine?.DNSNames, ['two', two.slice(0, 12)])
  await inside('one', 'ping', '-c', '1', '-W', '5', mine?.IPAddress ?? '')
  assert.match(
    await inside('one', 'ip', 'route'),
    new RegExp(`default via ${pool?.Gateway} dev eth0`),
  )
  const shown = (await daemon.api.get<NetworkInspect>('/networks/mine')).body
  assert.equal(shown.Containers[two]?.IPv4Address, `${mine?.IPAddress}/${mine?.IPPrefixLen}`)
  assert.deepEqual(refused(await daemon.api.delete('/networks/mine')), [
    403,
    'error while removing network: network mine has active endpoints ' +
      Object.values(shown.Containers)
        .map(({ Name, EndpointID }) => `name:"${Name}" id:"${EndpointID.slice(0, 12)}"`)
        .join(', ')
        .replace(/^/, '(')
        .replace(/$/, ')'),
  ])
  await gone('one', 'two')
  await remove('mine')
  assert.throws(() =>
    execFileSync('ip', ['link', 'show', `br-${net.Id.slice(0, 12)}`], { stdio: 'pipe' }),
  )
})

test('IPv6 with a unique local subnet of our choice, and static addresses', async () => {
  const net = await create('six', {
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: '10.66.0.0/24', IPRange: '10.66.0.128/25', Gateway: '10.66.0.9' }] },
  })
  const [v4, v6] = net.IPAM.Config ?? []
  assert.deepEqual(v4, { Subnet: '10.66.0.0/24', IPRange: '10.66.0.128/25', Gateway: '10.66.0.9' })
  assert.match(v6?.Subnet ?? '', /^fd[0-9a-f]{2}:.*::\/64$/)
  await runOn('auto', 'six')
  await runOn('fixed', 'six', {
    NetworkingConfig: {
      EndpointsConfig: {
        six: {
          IPAMConfig: { IPv4Address: '10.66.0.7', IPv6Address: v6?.Subnet?.replace('/64', '77') },
          MacAddress: '02:42:00:00:00:77',
        },
      },
    },
  })
  const auto = (await endpoints('auto'))['six']
  const fixed = (await endpoints('fixed'))['six']
  assert.equal(auto?.IPAddress, '10.66.0.128')
  assert.deepEqual(
    [fixed?.IPAddress, fixed?.MacAddress, fixed?.GlobalIPv6PrefixLen],
    ['10.66.0.7', '02:42:00:00:00:77', 64],
  )
  assert.equal(fixed?.GlobalIPv6Address, v6?.Subnet?.replace('/64', '77'))
  assert.equal(auto?.IPv6Gateway, v6?.Gateway)
  await inside('auto', 'ping', '-6', '-c', '1', '-W', '5', fixed?.GlobalIPv6Address ?? '')
  assert.match(await inside('auto', 'ip', '-6', 'route'), new RegExp(`default via ${v6?.Gateway}`))
  assert.match(await inside('fixed', 'cat', '/etc/hosts'), /10\.66\.0\.7\t.*\n.*77\t/)
  const taken = await daemon.docker(
    'run',
    '--rm',
    '--network',
    'six',
    '--ip',
    '10.66.0.7',
    'busybox',
    'true',
  )
  assert.match(taken.stderr, /failed to set up container networking: Address already in use/)
  await gone('auto', 'fixed')
  await remove('six')
})

test('several networks: interfaces in order, the default route by priority', async () => {
  for (const name of ['aa', 'bb', 'cc']) await create(name)
  await create('deep', { Internal: true })
  await runOn('box', 'bb', {
    NetworkingConfig: {
      EndpointsConfig: { aa: {}, bb: {}, cc: { GwPriority: 5 }, deep: { Aliases: ['x'] } },
    },
  })
  const shown = await endpoints('box')
  assert.deepEqual(Object.keys(shown).sort(), ['aa', 'bb', 'cc', 'deep'])
  assert.equal(shown['deep']?.Gateway, '')
  const links = await inside('box', 'ip', '-o', '-4', 'address')
  for (const [index, name] of ['bb', 'aa', 'cc', 'deep'].entries())
    assert.match(links, new RegExp(`eth${index} +inet ${shown[name]?.IPAddress}/`))
  const route = (): Promise<string> => defaultRoute('box')
  assert.equal(await route(), `default via ${shown['cc']?.Gateway} dev eth2`)
  // The route follows the endpoints: aa comes first by name once cc has gone.
  assert.equal((await disconnect('cc', 'box')).status, 200)
  assert.equal(await route(), `default via ${shown['aa']?.Gateway} dev eth1`)
  assert.equal((await connect('cc', 'box', { GwPriority: 1 })).status, 200)
  assert.equal(await route(), `default via ${shown['cc']?.Gateway} dev eth2`)
  for (const name of ['aa', 'bb', 'cc']) assert.equal((await disconnect(name, 'box')).status, 200)
  assert.equal(await route(), '')
  await gone('box')
  await remove('aa', 'bb', 'cc', 'deep')
})

test('connect and disconnect of a running container: device, names, hosts, settings', async () => {
  await create('live')
  const id = await daemon.run({ Cmd: ['sleep', '1000'] }, 'runner')
  const asked = {
    Aliases: ['db', 'store'],
    IPAMConfig: { LinkLocalIPs: ['169.254.7.7'] },
    DriverOpts: {
      'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.log_martians=1',
      'com.docker.network.endpoint.ifname': 'data0',
    },
  }
  assert.equal((await connect('live', 'runner', asked)).status, 200)
  const live = (await endpoints('runner'))['live']
  assert.deepEqual(live?.Aliases, ['db', 'store'])
  assert.deepEqual(live?.DNSNames, ['runner', 'db', 'store', id.slice(0, 12)])
  const shown = await inside('runner', 'ip', 'address', 'show', 'data0')
  assert.match(shown, new RegExp(`inet ${live?.IPAddress}/`))
  assert.match(shown, /inet 169\.254\.7\.7\/16/)
  assert.equal(
    (await inside('runner', 'cat', '/proc/sys/net/ipv4/conf/data0/log_martians')).trim(),
    '1',
  )
  assert.match(await inside('runner', 'cat', '/etc/hosts'), new RegExp(`${live?.IPAddress}\t`))
  assert.deepEqual(refused(await connect('live', 'runner')), [
    403,
    'endpoint with name runner already exists in network live',
  ])
  assert.equal((await disconnect('live', 'runner')).status, 200)
  assert.deepEqual(Object.keys(await endpoints('runner')), ['bridge'])
  await assert.rejects(inside('runner', 'ip', 'address', 'show', 'data0'))
  assert.doesNotMatch(
    await inside('runner', 'cat', '/etc/hosts'),
    new RegExp(`${live?.IPAddress}\t`),
  )
  assert.deepEqual(refused(await disconnect('live', 'runner')), [
    500,
    `container ${id} is not connected to network live`,
  ])
  await gone('runner')
  await remove('live')
})

test('a stopped container is connected with its next start', async () => {
  await create('later')
  const made = await daemon.api.post<{ Id: string }>('/containers/create?name=sleeper', {
    Image: 'busybox',
    Cmd: ['sleep', '1000'],
  })
  assert.equal((await connect('later', 'sleeper', { Aliases: ['zz'] })).status, 200)
  assert.equal((await connect('later', 'sleeper')).status, 200)
  assert.deepEqual((await endpoints('sleeper'))['later']?.Aliases, ['zz'])
  await daemon.api.post(`/containers/${made.body.Id}/start`)
  const started = await endpoints('sleeper')
  assert.ok(started['later']?.IPAddress && started['bridge']?.IPAddress)
  await daemon.api.post('/containers/sleeper/stop?t=0')
  assert.equal((await disconnect('bridge', 'sleeper')).status, 200)
  assert.deepEqual(refused(await disconnect('bridge', 'sleeper')), [
    500,
    `container ${made.body.Id} is not connected to the network bridge`,
  ])
  await daemon.api.post('/containers/sleeper/start')
  assert.deepEqual(Object.keys(await endpoints('sleeper')), ['later'])
  await gone('sleeper')
  await remove('later')
})

test('an internal network has no way out, and nobody gets in', async () => {
  const closed = await create('closed', { Internal: true })
  await create('open')
  await runOn('in', 'closed')
  await runOn('out', 'open')
  assert.equal(await defaultRoute('in'), '')
  const { IPAddress: target = '' } = (await endpoints('out'))['open'] ?? {}
  const { IPAddress: hidden = '' } = (await endpoints('in'))['closed'] ?? {}
  const gateway = closed.IPAM.Config?.[0]?.Gateway ?? ''
  // Whoever makes a route of his own gets no further.
  const { body } = await daemon.api.get<{ State: { Pid: number } }>('/containers/in/json')
  execFileSync('nsenter', [
    `--net=/proc/${body.State.Pid}/ns/net`,
    'ip',
    'route',
    'add',
    'default',
    'via',
    gateway,
  ])
  const reaches = async (from: string, to: string): Promise<boolean> =>
    (await daemon.docker('exec', from, 'ping', '-c', '1', '-W', '1', to)).status === 0
  assert.deepEqual(
    [await reaches('in', target), await reaches('out', hidden), await reaches('in', gateway)],
    [false, false, true],
  )
  await gone('in', 'out')
  await remove('closed', 'open')
})

test('what is wrong with a request is said in moby’s words, and changes nothing', async () => {
  await create('first', { IPAM: { Config: [{ Subnet: '10.90.0.0/16' }] } })
  const bad = async (body: object): Promise<[number, string]> =>
    refused(await daemon.api.post('/networks/create', body))
  assert.deepEqual(await bad({ Name: 'first' }), [409, 'network with name first already exists'])
  assert.deepEqual(await bad({ Name: '' }), [400, 'invalid name: name is empty'])
  const [status, overlap] = await bad({ Name: 'x', IPAM: { Config: [{ Subnet: '10.90.7.0/24' }] } })
  assert.equal(status, 403)
  assert.match(overlap, /^invalid pool request: Pool overlaps with other one on this address space/)
  assert.match(overlap, /10\.90\.0\.0\/16 of network first/)
  assert.deepEqual(
    await bad({
      Name: 'x',
      IPAM: {
        Config: [
          {
            Subnet: '10.91.0.5/24',
            IPRange: '10.92.0.3/25',
            Gateway: '10.93.0.1',
            AuxiliaryAddresses: { a: 'fd00::1' },
          },
        ],
      },
    }),
    [
      400,
      'invalid network config:\n' +
        '* invalid subnet 10.91.0.5/24: it should be 10.91.0.0/24\n' +
        '* invalid ip-range 10.92.0.3/25: it should be 10.92.0.0/25\n' +
        "* invalid ip-range 10.92.0.3/25: parent subnet 10.91.0.5/24 doesn't contain ip-range\n" +
        "* invalid gateway 10.93.0.1: parent subnet 10.91.0.5/24 doesn't contain this address\n" +
        '* invalid auxiliary address a: parent subnet is an IPv4 block',
    ],
  )
  const option = (key: string, value: string): object => ({ Name: 'x', Options: { [key]: value } })
  assert.deepEqual(await bad(option('com.docker.network.bridge.enable_icc', 'maybe')), [
    400,
    'failed to parse com.docker.network.bridge.enable_icc value: maybe (strconv.ParseBool: parsing "maybe": invalid syntax)',
  ])
  assert.deepEqual(await bad(option('com.docker.network.bridge.gateway_mode_ipv4', 'isolated')), [
    500,
    "gateway mode 'isolated' can only be used for an internal network",
  ])
  assert.deepEqual(await bad({ Name: 'x', Ingress: true }), [
    403,
    'Ingress network can only be global scope network',
  ])
  const { body } = await daemon.api.get<unknown[]>('/networks')
  assert.equal(body.length, 4)
  await remove('first')
})

test('configuration networks are templates', async () => {
  const config = {
    ConfigOnly: true,
    Labels: { kind: 'template' },
    IPAM: { Config: [{ Subnet: '10.94.0.0/24' }] },
  }
  const template = await create('template', config)
  assert.deepEqual([template.Driver, template.IPAM.Config], ['null', null])
  const made = await create('made', { ConfigFrom: { Network: 'template' } })
  assert.deepEqual(
    [made.Labels, made.IPAM.Config?.[0]?.Subnet],
    [{ kind: 'template' }, '10.94.0.0/24'],
  )
  assert.deepEqual(refused(await daemon.api.delete('/networks/template')), [
    403,
    'error while removing network: configuration network "template" is in use',
  ])
  await remove('made', 'template')
})

test('prune takes what no container uses', async () => {
  await create('used')
  await create('keep', { Labels: { keep: '' } })
  await create('unused')
  await runOn('user', 'used')
  const filters = encodeURIComponent(JSON.stringify({ 'label!': ['keep'] }))
  const pruned = await daemon.api.post(`/networks/prune?filters=${filters}`)
  assert.deepEqual(pruned.body, { NetworksDeleted: ['unused'] })
  await gone('user')
  const dangling = encodeURIComponent(JSON.stringify({ dangling: ['true'] }))
  const { body } = await daemon.api.get<Array<{ Name: string }>>(`/networks?filters=${dangling}`)
  assert.deepEqual(body.map(({ Name }) => Name).sort(), ['keep', 'used'])
  await remove('used', 'keep')
})
