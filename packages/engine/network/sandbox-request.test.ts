import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSettings } from '@tdocker/api'
import type { SandboxRequest } from '../container/needs.ts'
import { NetworkDirectory } from './directory.ts'
import { LiveNetwork } from './live-network.ts'
import { blankConfig } from './network-rows.ts'
import { networkNameOf, planEndpoints, wishesOf } from './sandbox-request.ts'

const request = (o: Partial<SandboxRequest>): SandboxRequest => ({
  containerId: 'c',
  containerName: 'c',
  hostname: 'c',
  domainname: '',
  mode: 'bridge',
  networking: {},
  exposed: [],
  portBindings: {},
  publishAll: false,
  extraHosts: [],
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  sysctls: {},
  known: {},
  macAddress: '',
  ...o,
})
const endpoint = (mode: string, settings: EndpointSettings) =>
  request({ mode, networking: { EndpointsConfig: { [mode]: settings } } })

const network = (name: string, driver: string, ...subnets: string[]) =>
  new LiveNetwork({
    id: `${name}-id-of-it`,
    name,
    driver,
    createdAt: 0,
    config: { ...blankConfig(), pools: subnets.map((subnet) => ({ subnet, given: true })) },
  })
const directory = new NetworkDirectory()
directory.add(network('bridge', 'bridge', '172.17.0.0/16'))
directory.add(network('mine', 'bridge', '10.1.0.0/24', 'fd00::/64'))
directory.add(network('other', 'bridge', '10.2.0.0/24'))
const plan = (o: SandboxRequest) => planEndpoints({ directory }, o)
const wishes = (o: SandboxRequest) =>
  wishesOf({ directory }, o).map((choice) => [choice.network.name, choice.asked])

test('default is the bridge', () => {
  assert.equal(networkNameOf('default'), 'bridge')
  assert.equal(networkNameOf(''), 'bridge')
  assert.equal(networkNameOf('mine'), 'mine')
  assert.deepEqual(Object.keys(plan(request({ mode: 'default' }))), ['bridge'])
  assert.deepEqual(Object.keys(plan(endpoint('default', { MacAddress: '92:d0:c6:0a:29:33' }))), [
    'bridge',
  ])
})

test('endpoints as wished, the one of the mode first', () => {
  const several = { other: {}, 'mine-id': { Aliases: ['a'] } }
  const planned = plan(request({ mode: 'mine', networking: { EndpointsConfig: several } }))
  assert.deepEqual(Object.keys(planned), ['mine', 'other'])
  assert.deepEqual(planned['mine']?.shown.Aliases, ['a'])
  assert.deepEqual(Object.keys(plan(request({ mode: 'nobody' }))), ['nobody'])
  const asked = request({ networking: { EndpointsConfig: several } })
  assert.deepEqual(wishes(asked), [
    ['other', {}],
    ['mine', { Aliases: ['a'] }],
  ])
  assert.deepEqual(wishes(request({ networking: { EndpointsConfig: {} } })), [])
  assert.deepEqual(wishes(request({ mode: 'default' })), [['bridge', undefined]])
})

test('a network of an earlier run is known by its id', () => {
  const known = { mine: { NetworkID: 'gone' }, bridge: { NetworkID: 'gone' } }
  const on = (name: string) =>
    wishes(request({ networking: { EndpointsConfig: { [name]: {} } }, known }))
  assert.throws(() => on('mine'), { kind: 'notFound', message: 'network gone not found' })
  assert.deepEqual(on('bridge'), [['bridge', {}]])
})

test('what a network does not do is refused in moby’s words', () => {
  assert.throws(
    () => plan(endpoint('bridge', { Aliases: ['a'], IPAMConfig: { IPv4Address: '172.17.0.9' } })),
    {
      kind: 'invalidParameter',
      message:
        'invalid config for network bridge: invalid endpoint settings:\n' +
        '* user-specified IP address is supported on user-defined networks only\n' +
        '* network-scoped aliases are only supported for user-defined networks',
    },
  )
  plan(endpoint('mine', { Aliases: ['a'], IPAMConfig: { IPv6Address: 'fd00::9' } }))
  plan(endpoint('nobody', { IPAMConfig: { IPv4Address: '10.9.0.9' } }))
  plan(endpoint('bridge', { Aliases: null, IPAMConfig: null }))
  const refused: Array<[EndpointSettings, RegExp]> = [
    [
      { IPAMConfig: { IPv4Address: '10.9.0.9' } },
      /^no configured subnet contains IP address 10\.9\.0\.9$/m,
    ],
    [{ IPAMConfig: { IPv4Address: 'fd00::9' } }, /invalid IPv4 address: fd00::9/],
    [{ IPAMConfig: { LinkLocalIPs: ['::'] } }, /invalid link-local IP address: ::/],
    [
      { DriverOpts: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.eth0.x=1' } },
      /unrecognised network interface sysctl 'net\.ipv4\.conf\.eth0\.x=1'; represent/,
    ],
  ]
  for (const [settings, sentence] of refused)
    assert.throws(() => plan(endpoint('mine', settings)), sentence)
})

test('hardware addresses, extra hosts and ports are checked', () => {
  assert.throws(() => plan(request({ macAddress: '1:2' })), /invalid MAC address 1:2/)
  plan(request({ macAddress: '92:d0:c6:0a:29:33' }))
  assert.throws(() => plan(request({ extraHosts: ['x'] })), /bad format for add-host/)
  assert.throws(() => plan(request({ exposed: ['x/tcp'] })), /invalid port specification: "x\/tcp"/)
})
