import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '../container.ts'
import { Registry } from '../registry.ts'
import { blankState } from '../rows.ts'
import { parseFilters } from './filters.ts'
import { portSummaries } from './ports.ts'

const WEB = {
  ...blankState(),
  id: 'abcd'.repeat(16),
  name: 'web-1',
  imageId: 'sha256:1',
  state: 'exited',
  exitCode: 3,
  startedNs: 1n,
  config: { Labels: { app: 'shop', tier: '' } },
  hostConfig: {},
  detail: {
    mounts: [{ type: 'volume', name: 'data', source: '/v', destination: '/data' }],
    endpoints: { bridge: { NetworkID: 'deadbeef' } },
    ports: {
      '443/tcp': null,
      '80/tcp': [
        { HostIp: '::', HostPort: '8080' },
        { HostIp: '0.0.0.0', HostPort: '8080' },
      ],
    },
  },
} as unknown as Container

function matches(filters: Record<string, string[]>): boolean {
  const registry = new Registry()
  return parseFilters(new Map(Object.entries(filters)), {
    all: false,
    registry,
    ancestors: new Set(['sha256:1']),
  }).matches(WEB)
}

for (const filters of [
  { id: ['abcd'] },
  { name: ['^/web'] },
  { name: ['no', 'web'] },
  { label: ['app', 'tier='] },
  { label: ['app=shop'] },
  { status: ['exited'] },
  { exited: ['1', '3'] },
  { health: ['none'] },
  { volume: ['/data'] },
  { volume: ['data'] },
  { network: ['bridge'] },
  { network: ['dead'] },
  { ancestor: ['busybox'] },
  { publish: ['8080'] },
  { publish: ['8000-8100/tcp'] },
  { expose: ['443'] },
  { 'is-task': ['false'] },
])
  test(`${JSON.stringify(filters)} matches`, () => assert.ok(matches(filters)))

for (const filters of [
  { id: ['^bcd'] },
  { name: ['^web-2'] },
  { name: ['('] },
  { label: ['app', 'none'] },
  { label: ['app=other'] },
  { status: ['running'] },
  { exited: ['0'] },
  { health: ['healthy'] },
  { volume: ['/'] },
  { network: ['beef'] },
  { publish: ['80'] },
  { expose: ['8080'] },
  { 'is-task': ['1'] },
  { name: ['web'], status: ['running'] },
])
  test(`${JSON.stringify(filters)} does not match`, () => assert.ok(!matches(filters)))

for (const [filters, message] of [
  [{ bogus: ['x'] }, "invalid filter 'bogus'"],
  [
    { status: ['gone'] },
    "invalid filter 'status=gone': invalid value for state (gone): must be one of created, running, paused, restarting, removing, exited, dead",
  ],
  [{ exited: ['x'] }, `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`],
  [{ 'is-task': ['maybe'] }, "invalid filter 'is-task=[maybe]'"],
  [{ publish: ['1:2'] }, "filter for 'publish' should not contain ':': 1:2"],
  [{ since: ['x'] }, 'No such container: x'],
] as ReadonlyArray<[Record<string, string[]>, string]>)
  test(`refuses ${JSON.stringify(filters)}`, () => {
    assert.throws(() => matches(filters), { message })
  })

test('ports are sorted by private port, then address', () => {
  assert.deepEqual(portSummaries(WEB), [
    { IP: '0.0.0.0', PrivatePort: 80, Type: 'tcp', PublicPort: 8080 },
    { IP: '::', PrivatePort: 80, Type: 'tcp', PublicPort: 8080 },
    { IP: '', PrivatePort: 443, Type: 'tcp' },
  ])
})
