import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerConfig, HostConfig } from '@tdocker/api'
import { validateHostConfig, validateRequest } from './validate-host-config.ts'

const HOST: ReadonlyArray<readonly [HostConfig, string]> = [
  [
    { AutoRemove: true, RestartPolicy: { Name: 'always' } },
    "can't create 'AutoRemove' container with restart policy",
  ],
  [
    { RestartPolicy: { Name: 'sometimes' } },
    "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  ],
  [
    { RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } },
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  ],
  [
    { RestartPolicy: { Name: 'no', MaximumRetryCount: -1 } },
    "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
  ],
  [
    { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } },
    'invalid restart policy: maximum retry count cannot be negative',
  ],
  [{ ExtraHosts: ['nocolon'] }, 'bad format for add-host: "nocolon"'],
  [{ ExtraHosts: ['a:1.2.3'] }, 'invalid IP address in add-host: "1.2.3"'],
  [{ PortBindings: { '0/tcp': [] } }, 'invalid port specification: "0/tcp"'],
  [{ PortBindings: { '80/icmp': [] } }, 'invalid port specification: "80/icmp"'],
  [{ PortBindings: { '80': [{ HostPort: '70000' }] } }, 'invalid port specification: "70000"'],
  [{ PortBindings: { '80': [{ HostPort: '9-8' }] } }, 'invalid port specification: "9-8"'],
  [
    { Annotations: { '': 'x' } },
    'invalid Annotations: the empty string is not permitted as an annotation key',
  ],
]
for (const [host, message] of HOST)
  test(`refuses ${JSON.stringify(host)}`, () => {
    assert.throws(() => validateHostConfig(host, { capabilities: [] }), {
      message,
      kind: 'invalidParameter',
    })
  })

test('accepts what is right', () => {
  validateHostConfig(
    {
      AutoRemove: true,
      RestartPolicy: { Name: 'no' },
      ExtraHosts: ['a:host-gateway', 'b:fe80::1'],
      PortBindings: { '80/tcp': [{ HostPort: '8080-8090' }, { HostPort: '' }], '53/UDP': [] },
    },
    { capabilities: [] },
  )
})

const NETWORK: ReadonlyArray<readonly [ContainerConfig, HostConfig, string]> = [
  [{}, { Isolation: 'hyperv' }, "invalid isolation (hyperv): linux only supports 'default'"],
  [
    {},
    { NetworkMode: 'container:' },
    'invalid network mode: invalid container format container:<name|id>',
  ],
  [
    { Hostname: 'h' },
    { NetworkMode: 'container:x' },
    'conflicting options: hostname and the network mode',
  ],
  [
    {},
    { NetworkMode: 'container:x', Dns: ['1.1.1.1'] },
    'conflicting options: dns and the network mode',
  ],
  [
    {},
    { NetworkMode: 'container:x', PublishAllPorts: true },
    'conflicting options: port publishing and the container type network mode',
  ],
  [
    { ExposedPorts: { '80/tcp': {} } },
    { NetworkMode: 'container:x' },
    'conflicting options: port exposing and the container type network mode',
  ],
  [{ Hostname: 'h' }, { UTSMode: 'host' }, 'conflicting options: hostname and the UTS mode'],
]
for (const [config, host, message] of NETWORK)
  test(`refuses ${JSON.stringify({ ...config, ...host })}`, () => {
    assert.throws(() => validateRequest(config, host), { message })
  })
