import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SandboxRequest } from '../container/needs.ts'
import { askedOf, checkSandboxRequest, networkNameOf } from './sandbox-request.ts'

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
  macAddress: '',
  ...o,
})
const endpoint = (mode: string, settings: object) =>
  request({ mode, networking: { EndpointsConfig: { [mode]: settings } } })

test('default is the bridge', () => {
  assert.equal(networkNameOf('default'), 'bridge')
  assert.equal(networkNameOf(''), 'bridge')
  assert.equal(networkNameOf('mine'), 'mine')
  assert.equal(askedOf(endpoint('default', { MacAddress: 'x' }), 'bridge')?.MacAddress, 'x')
})

test('what the default bridge does not do is refused in moby’s words', () => {
  assert.throws(
    () =>
      checkSandboxRequest(
        endpoint('bridge', { Aliases: ['a'], IPAMConfig: { IPv4Address: '172.17.0.9' } }),
      ),
    {
      message:
        'invalid config for network bridge: invalid endpoint settings:\n' +
        'user-specified IP address is supported on user-defined networks only\n' +
        'network-scoped aliases are only supported for user-defined networks',
    },
  )
  checkSandboxRequest(endpoint('mine', { Aliases: ['a'] }))
  checkSandboxRequest(endpoint('bridge', { Aliases: null, IPAMConfig: null }))
})

test('hardware addresses, extra hosts and ports are checked', () => {
  assert.throws(
    () => checkSandboxRequest(request({ macAddress: '1:2' })),
    /invalid MAC address 1:2/,
  )
  checkSandboxRequest(request({ macAddress: '92:d0:c6:0a:29:33' }))
  assert.throws(
    () => checkSandboxRequest(request({ extraHosts: ['x'] })),
    /bad format for add-host/,
  )
  assert.throws(
    () => checkSandboxRequest(request({ exposed: ['x/tcp'] })),
    /invalid port specification: "x\/tcp"/,
  )
})
