import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerCreateRequest, HostConfig } from '@tdocker/api'
import { createRequestOf } from './create.ts'

const request = (o: ContainerCreateRequest, version = '1.56') => {
  const { body, warnings } = createRequestOf(structuredClone({ Image: 'x', ...o }), version)
  return {
    host: body.HostConfig ?? {},
    body,
    warnings,
    networks: body.NetworkingConfig?.EndpointsConfig,
  }
}
const host = (o: HostConfig, version?: string): HostConfig =>
  request({ HostConfig: o }, version).host

test('a request without a config is refused', () => {
  assert.throws(() => createRequestOf({ HostConfig: {} }, '1.56'), {
    message: 'config cannot be empty in order to create a container',
  })
})

test('the default network has one name', () => {
  assert.equal(host({}).NetworkMode, 'bridge')
  assert.equal(host({ NetworkMode: 'none' }).NetworkMode, 'none')
  const { networks } = request({
    HostConfig: { NetworkMode: 'default' },
    NetworkingConfig: { EndpointsConfig: { default: { Aliases: ['a'] } } },
  })
  assert.deepEqual(networks, { bridge: { Aliases: ['a'] } })
})

test('older clients get the defaults of their time', () => {
  assert.equal(host({}, '1.39').IpcMode, 'shareable')
  assert.equal(host({}, '1.40').IpcMode, undefined)
  const defaults = (version: string) => createRequestOf({ Image: 'x' }, version).oldDefaults
  assert.deepEqual(defaults('1.40'), { readOnlyNonRecursive: true, hostCgroupnsOnV1: true })
  assert.deepEqual(defaults('1.41'), { readOnlyNonRecursive: true, hostCgroupnsOnV1: false })
  assert.deepEqual(defaults('1.44'), { readOnlyNonRecursive: false, hostCgroupnsOnV1: false })
})

test('what a version did not know is ignored', () => {
  const given: HostConfig = { Annotations: { a: 'b' }, ConsoleSize: [1, 2] }
  assert.equal(host(given, '1.42').Annotations, undefined)
  assert.deepEqual(host(given, '1.43').Annotations, { a: 'b' })
  assert.equal(host(given, '1.41').ConsoleSize, undefined)
  const health = (version: string) => request({ Healthcheck: { StartInterval: 5 } }, version).body
  assert.deepEqual(health('1.43').Healthcheck, {})
  assert.deepEqual(health('1.44').Healthcheck, { StartInterval: 5 })
})

test('zero and below are no pids limit', () => {
  assert.equal('PidsLimit' in host({ PidsLimit: 0 }), false)
  assert.equal('PidsLimit' in host({ PidsLimit: -1 }), false)
  assert.equal(host({ PidsLimit: 5 }).PidsLimit, 5)
})

test('mount options belong to their type', () => {
  const wrong: HostConfig = { Mounts: [{ Type: 'bind', VolumeOptions: { NoCopy: true } }] }
  assert.throws(() => host(wrong), {
    message: 'VolumeOptions must not be specified on mount type "bind"',
  })
  assert.deepEqual(host(wrong, '1.41').Mounts, [{ Type: 'bind' }])
  assert.throws(() => host({ Mounts: [{ Type: 'image' }] }, '1.47'), {
    message: 'Mount type "Image" needs API v1.48 or newer',
  })
  const subpath: HostConfig = { Mounts: [{ Type: 'volume', VolumeOptions: { Subpath: 'x' } }] }
  assert.throws(() => host(subpath, '1.44'), {
    message: 'VolumeOptions.Subpath needs API v1.45 or newer',
  })
  assert.deepEqual(host(subpath, '1.45'), { ...subpath, NetworkMode: 'bridge' })
})

test('binds were not read-only all the way down before 1.44', () => {
  assert.throws(
    () =>
      host(
        {
          Mounts: [{ Type: 'bind', ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } }],
        },
        '1.43',
      ),
    { message: 'BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer' },
  )
})

test('several networks need 1.44', () => {
  const two: ContainerCreateRequest = { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } }
  assert.throws(() => request(two, '1.43'), {
    message: 'Container cannot be created with multiple network endpoints: a, b',
  })
  assert.deepEqual(request(two, '1.44').networks, { a: {}, b: {} })
})

test('the container-wide MAC address moves to the main endpoint', () => {
  const MacAddress = '02:42:ac:11:00:02'
  assert.deepEqual(request({ MacAddress }, '1.43').networks, { bridge: { MacAddress } })
  const warned = request({ MacAddress }, '1.51')
  assert.deepEqual(warned.networks, { bridge: { MacAddress } })
  assert.match(warned.warnings[0] ?? '', /^The container-wide MacAddress field is now deprecated/)
  assert.deepEqual(request({ MacAddress }, '1.52').networks, {})
  assert.throws(() => request({ MacAddress, HostConfig: { NetworkMode: 'host' } }, '1.43'), {
    message: 'conflicting options: mac-address and the network mode',
  })
  const other = {
    NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: '02:00:00:00:00:01' } } },
  }
  assert.throws(() => request({ MacAddress, ...other }, '1.44'), /must match the endpoint-specific/)
  assert.deepEqual(request(other, '1.43').networks, { bridge: {} })
})

test('sysctls of an interface move to the endpoint, up to 1.47', () => {
  const given: HostConfig = { Sysctls: { 'net.ipv4.conf.eth0.log_martians': '1', 'net.a': '2' } }
  const moved = request({ HostConfig: given }, '1.47')
  assert.deepEqual(moved.host.Sysctls, { 'net.a': '2' })
  const option = 'com.docker.network.endpoint.sysctls'
  const value = 'net.ipv4.conf.IFNAME.log_martians=1'
  assert.deepEqual(moved.networks, { bridge: { DriverOpts: { [option]: value } } })
  assert.deepEqual(moved.warnings, [
    `Migrated sysctl "net.ipv4.conf.eth0.log_martians" to DriverOpts{"${option}":"${value}"}.`,
  ])
  assert.throws(() => host(given, '1.48'), {
    message: `interface specific sysctl setting "net.ipv4.conf.eth0.log_martians" must be supplied using driver option '${option}'`,
  })
  assert.throws(() => host({ Sysctls: { 'net.ipv4.conf.eth1.x': '1' } }, '1.47'), {
    message: `unable to determine network endpoint for sysctl net.ipv4.conf.eth1.x, use driver option '${option}' to set per-interface sysctls`,
  })
  assert.deepEqual(host({ ...given, NetworkMode: 'host' }).Sysctls, given.Sysctls)
})

test('an empty list of port bindings is one binding of anything', () => {
  const ports: ContainerCreateRequest = { HostConfig: { PortBindings: { '80/tcp': [] } } }
  const { host: filled, warnings } = request(ports)
  assert.deepEqual(filled.PortBindings, { '80/tcp': [{}] })
  assert.match(warnings[0] ?? '', /empty list of port-bindings: 80\/tcp\./)
  assert.deepEqual(request(ports, '1.51').warnings, [])
})

test('capabilities as 1.40 had them are refused there, forgotten elsewhere', () => {
  const given: HostConfig = { Capabilities: ['NET_ADMIN'] }
  assert.throws(() => host(given, '1.40'), /HostConfig\.Capabilities field is not supported/)
  assert.equal('Capabilities' in host(given, '1.41'), false)
})
