import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerCreateRequest } from '@tdocker/api'
import { applyVersionGates, olderThan } from './version-gates.ts'

test('versions compare by number', () => {
  assert.ok(olderThan('1.9', '1.24'))
  assert.ok(!olderThan('1.44', '1.44'))
  assert.ok(olderThan('1.44', '2.0'))
})

test('what a version did not know is left out', () => {
  const body: ContainerCreateRequest = {
    Healthcheck: { StartInterval: 1 },
    HostConfig: {
      Annotations: { a: 'b' },
      ConsoleSize: [1, 2],
      Mounts: [{ Type: 'bind', ReadOnly: true, BindOptions: { CreateMountpoint: true } }],
    },
  }
  applyVersionGates(body, '1.41')
  assert.deepEqual(body, {
    Healthcheck: {},
    HostConfig: {
      Mounts: [{ Type: 'bind', ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } }],
    },
  })
})

test('what a version cannot say is refused', () => {
  const body = (): ContainerCreateRequest => ({
    NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } },
  })
  assert.throws(() => applyVersionGates(body(), '1.43'), {
    message: 'Container cannot be created with multiple network endpoints: a, b',
  })
  applyVersionGates(body(), '1.44')
  assert.throws(() => applyVersionGates({ HostConfig: { Mounts: [{ Type: 'image' }] } }, '1.47'), {
    message: 'Mount type "Image" needs API v1.48 or newer',
  })
})

test('the container-wide MAC address moves into the endpoint', () => {
  const body: ContainerCreateRequest = { MacAddress: '02:00:00:00:00:01' }
  assert.deepEqual(applyVersionGates(body, '1.43'), [])
  assert.deepEqual(body.NetworkingConfig, {
    EndpointsConfig: { bridge: { MacAddress: '02:00:00:00:00:01' } },
  })
  assert.equal(body.MacAddress, undefined)
  const host = { MacAddress: 'x', HostConfig: { NetworkMode: 'host' } }
  assert.throws(() => applyVersionGates(host, '1.43'), {
    message: 'conflicting options: mac-address and the network mode',
  })
  assert.equal(applyVersionGates({ MacAddress: 'x' }, '1.50').length, 1)
  assert.deepEqual(applyVersionGates({ MacAddress: 'x' }, '1.52'), [])
})
