import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const networks = [
  {
    Name: 'net10',
    Id: '1'.repeat(64),
    Driver: 'bridge',
    Scope: 'local',
    Created: '2026-01-02T03:04:05.678900000Z',
    EnableIPv4: true,
    EnableIPv6: false,
    Internal: false,
    Labels: { b: '2', a: '1' },
  },
  { Name: 'net2', Id: '2'.repeat(64), Driver: 'host', Scope: 'local', Created: '', Labels: null },
]

test('network ls: natural order, columns, quiet, templates', async () => {
  await using daemon = await FakeDaemon.start(() => ({ body: networks }))
  const ls = async (...args: string[]): Promise<string> =>
    (await runCli(['network', 'ls', ...args], { host: daemon.host })).stdout
  assert.equal(
    await ls(),
    `NETWORK ID     NAME      DRIVER    SCOPE
222222222222   net2      host      local
111111111111   net10     bridge    local
`,
  )
  assert.equal(await ls('-q', '--no-trunc'), `${'2'.repeat(64)}\n${'1'.repeat(64)}\n`)
  assert.equal(
    await ls('--format', '{{.Name}} {{.IPv6}} {{.Labels}} {{.Label "b"}} {{.CreatedAt}}'),
    'net2 false   \nnet10 false a=1,b=2 2 2026-01-02 03:04:05.6789 +0000 UTC\n',
  )
})

async function createBody(...args: string[]): Promise<Record<string, unknown>> {
  await using daemon = await FakeDaemon.start(() => ({ status: 201, body: { Id: 'new' } }))
  const { stdout, stderr } = await runCli(['network', 'create', ...args, 'n'], {
    host: daemon.host,
  })
  assert.deepEqual([stdout, stderr], ['new\n', ''])
  return JSON.parse(daemon.seen.at(-1)?.body ?? '') as Record<string, unknown>
}

test('network create: ranges and gateways go to their subnets', async () => {
  const { IPAM, EnableIPv6, Labels, Options } = await createBody(
    '--subnet=10.1.0.0/16,fd00::/64',
    ...['--ip-range', '10.1.2.0/24', '--gateway', '10.1.0.1', '--gateway', 'fd00::1'],
    ...['--aux-address', 'a=10.1.0.9', '--ipv6', '--label', 'x=y', '-o', 'k=v'],
  )
  assert.deepEqual(IPAM, {
    Driver: 'default',
    Options: {},
    Config: [
      {
        Subnet: '10.1.0.0/16',
        IPRange: '10.1.2.0/24',
        Gateway: '10.1.0.1',
        AuxiliaryAddresses: { a: '10.1.0.9' },
      },
      { Subnet: 'fd00::/64', Gateway: 'fd00::1' },
    ],
  })
  assert.deepEqual([EnableIPv6, Labels, Options], [true, { x: 'y' }, { k: 'v' }])
})

const refusals: Array<[args: string[], message: string]> = [
  [['--gateway', '10.0.0.1'], 'every ip-range or gateway must have a corresponding subnet'],
  [['--subnet', 'x'], 'invalid subnet: invalid CIDR address: x'],
  [
    ['--subnet', '10.0.0.0/8', '--subnet', '10.1.0.0/16'],
    'multiple overlapping subnet configuration is not supported',
  ],
  [
    ['--subnet', '10.0.0.0/8', '--gateway', '192.168.0.1'],
    'no matching subnet for gateway 192.168.0.1',
  ],
]

test('network create: refusals', async () => {
  for (const [args, message] of refusals) {
    // The first of two subnets is parsed only against the second.
    const given = message.startsWith('invalid subnet') ? [...args, '--gateway', '1.1.1.1'] : args
    const { stderr, code } = await runCli(['network', 'create', ...given, 'n'])
    assert.deepEqual([stderr, code], [`${message}\n`, 1])
  }
})

test('network rm: goes on, and ends with exit status 1', async () => {
  await using daemon = await FakeDaemon.start(({ line }) =>
    line.includes('nope') ? undefined : { status: line.startsWith('DELETE') ? 204 : 200, body: {} },
  )
  const { stdout, stderr, code } = await runCli(['network', 'rm', 'nope', 'n'], {
    host: daemon.host,
  })
  assert.deepEqual(
    [stdout, stderr, code],
    ['n\n', 'Error response from daemon: No such thing\nexit status 1\n', 1],
  )
  const forced = await runCli(['network', 'rm', '-f', 'nope'], { host: daemon.host })
  assert.deepEqual([forced.stdout, forced.stderr, forced.code], ['', '', 0])
})
