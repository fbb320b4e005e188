import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKind } from '../base/errors.ts'
import { exposedPorts, parseContainerPort, portRequests, type PortWishes } from './port-request.ts'

const wishes = (o: Partial<PortWishes>): PortWishes => ({
  exposed: [],
  portBindings: {},
  publishAll: false,
  ...o,
})

test('container ports', () => {
  assert.deepEqual(parseContainerPort('80/tcp'), { port: 80, protocol: 'tcp' })
  assert.deepEqual(parseContainerPort('80'), { port: 80, protocol: 'tcp' })
  assert.deepEqual(parseContainerPort('53/UDP'), { port: 53, protocol: 'udp' })
  for (const bad of ['', '0/tcp', '65536/tcp', '80/icmp', '80/tcp/x', 'http', '-1', '8 0']) {
    assert.throws(
      () => parseContainerPort(bad),
      (error: Error) =>
        isKind(error, 'invalidParameter') &&
        error.message === `invalid port specification: "${bad}"`,
      bad,
    )
  }
})

test('host ports: none, one, a range', () => {
  const request = (HostPort: string) =>
    portRequests(wishes({ portBindings: { '80/tcp': [{ HostIp: '', HostPort }] } }))[0]
  assert.deepEqual(request(''), { port: 80, protocol: 'tcp', hostAddress: '', first: 0, last: 0 })
  assert.equal(request('8080')?.last, 8080)
  assert.deepEqual([request('8000-8010')?.first, request('8000-8010')?.last], [8000, 8010])
  for (const bad of ['x', '8010-8000', '1-2-3', '70000', '0-5', '8000-']) {
    assert.throws(
      () => request(bad),
      /^Error: invalid port specification|EngineError: invalid port/,
      bad,
    )
  }
})

test('host addresses', () => {
  const address = (HostIp: string) =>
    portRequests(wishes({ portBindings: { '80/tcp': [{ HostIp, HostPort: '1' }] } }))[0]
      ?.hostAddress
  assert.equal(address('0.0.0.0'), '0.0.0.0')
  assert.equal(address('127.0.0.1'), '127.0.0.1')
  assert.equal(address('[::1]'), '::1')
  assert.throws(() => address('localhost'), /invalid host IP address: localhost/)
})

test('fixed host ports come first, then everything by container port, as in Docker', () => {
  const order = portRequests(
    wishes({
      portBindings: {
        '90/tcp': [{ HostPort: '9000-9001' }],
        '80/tcp': [{ HostPort: '' }],
        '95/tcp': [{ HostPort: '9000' }],
        '70/udp': [{ HostPort: '9000' }],
      },
    }),
  ).map(({ port, protocol }) => `${port}/${protocol}`)
  assert.deepEqual(order, ['70/udp', '95/tcp', '80/tcp', '90/tcp'])
})

test('publish all takes what is exposed and not bound', () => {
  const all = wishes({
    exposed: ['80/tcp', '53/udp', '90'],
    portBindings: { '80/tcp': [{ HostPort: '8080' }], '91/tcp': [] },
    publishAll: true,
  })
  assert.deepEqual(exposedPorts(all), ['80/tcp', '53/udp', '90/tcp', '91/tcp'])
  assert.deepEqual(
    portRequests(all).map(({ port, first }) => [port, first]),
    [
      [80, 8080],
      [53, 0],
      [90, 0],
      [91, 0],
    ],
  )
})
