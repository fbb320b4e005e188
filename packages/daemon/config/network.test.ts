import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkOptions } from './network.ts'

const read = (settings: Record<string, unknown>) =>
  networkOptions({
    value: <T>(name: string) => settings[name] as T | undefined,
    list: (name) => (settings[name] as string[] | undefined) ?? [],
  })

test('what is not given is not there', () => {
  assert.deepEqual(read({}), {})
})

test('every option', () => {
  assert.deepEqual(
    read({
      ipv6: true,
      'fixed-cidr': '10.1.0.0/24',
      'fixed-cidr-v6': 'fd00::/64',
      'default-gateway': '10.1.0.9',
      ip: '127.0.0.1',
      icc: false,
      'ip-forward-no-drop': true,
      'host-gateway-ips': ['10.1.0.1'],
      'host-gateway-ip': 'fd00::1',
      'default-address-pools': [
        { base: '10.2.0.0/16', size: 24 },
        { Base: 'fd01::/48', Size: 64 },
      ],
      'default-network-opts': { bridge: { x: 'y' } },
    }),
    {
      ipv6: true,
      fixedCidr: '10.1.0.0/24',
      fixedCidr6: 'fd00::/64',
      defaultGateway: '10.1.0.9',
      hostAddress: '127.0.0.1',
      interContainer: false,
      ipForwardGuard: false,
      hostGateways: ['10.1.0.1', 'fd00::1'],
      pools: [
        { base: '10.2.0.0/16', size: 24 },
        { base: 'fd01::/48', size: 64 },
      ],
      defaultOptions: { bridge: { x: 'y' } },
    },
  )
})

test('what makes no sense is refused', () => {
  for (const bad of [
    { 'fixed-cidr': '10.0.0.0' },
    { 'fixed-cidr-v6': 'fd00::/129' },
    { ip: 'x' },
    { 'host-gateway-ips': ['x'] },
    { 'default-address-pools': [{ base: 'x', size: 24 }] },
    { 'default-address-pools': [{ base: '10.0.0.0/16', size: 8 }] },
  ])
    assert.throws(() => read(bad), { name: 'ConfigError' }, JSON.stringify(bad))
})
