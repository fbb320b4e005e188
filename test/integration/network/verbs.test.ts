/** The predefined networks as clients list and inspect them, and what is refused of them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Network, NetworkInspect } from '@tdocker/api'
import { hasProgram, TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
/** Runs on the bridge. */
let id: string

before(async () => {
  daemon = await TestDaemon.start()
  id = await daemon.run({ Cmd: ['sleep', '1000'] }, 'user')
})
after(() => daemon[Symbol.asyncDispose]())

const filtered = (filters: object): string =>
  `filters=${encodeURIComponent(JSON.stringify(filters))}`
const message = (answer: { body: unknown }): string => (answer.body as { message: string }).message

async function names(filters: object = {}): Promise<string[]> {
  const { body } = await daemon.api.get<Network[]>(`/networks?${filtered(filters)}`)
  return body.map(({ Name }) => Name).sort()
}

test('the bridge tells its addresses, options and containers', async () => {
  const { status, body } = await daemon.api.get<NetworkInspect>('/networks/bridge')
  assert.equal(status, 200)
  assert.match(body.Id, /^[0-9a-f]{64}$/)
  assert.deepEqual(
    [body.Name, body.Driver, body.Scope, body.Internal, body.EnableIPv4],
    ['bridge', 'bridge', 'local', false, true],
  )
  const inspect = await daemon.api.get<{
    NetworkSettings: {
      Networks: Record<string, { EndpointID: string; IPAddress: string; Gateway: string }>
    }
  }>(`/containers/${id}/json`)
  const endpoint = inspect.body.NetworkSettings.Networks['bridge']!
  const [config] = body.IPAM.Config ?? []
  assert.equal(config?.Gateway, endpoint.Gateway)
  const length = config?.Subnet?.split('/')[1]
  const shown = body.Containers[id]!
  assert.deepEqual(
    [shown.Name, shown.EndpointID, shown.IPv4Address],
    ['user', endpoint.EndpointID, `${endpoint.IPAddress}/${length}`],
  )
  assert.equal(body.Options['com.docker.network.bridge.name'], daemon.bridge)
  assert.equal(body.Options['com.docker.network.bridge.default_bridge'], 'true')
  // Network, broadcast, gateway and one container.
  const use = body.Status?.IPAM.Subnets?.[config?.Subnet ?? '']
  assert.deepEqual(use, { IPsInUse: 4, DynamicIPsAvailable: 2 ** (32 - Number(length)) - 4 })
  const old = await daemon.api.get<NetworkInspect>('/v1.51/networks/bridge')
  assert.ok(!('Status' in old.body))
  assert.equal((await daemon.api.get(`/networks/${body.Id.slice(0, 8)}`)).status, 200)
})

test('lists hold the three and filter them', async () => {
  assert.deepEqual(await names(), ['bridge', 'host', 'none'])
  assert.deepEqual(await names({ driver: ['null'] }), ['none'])
  assert.deepEqual(await names({ name: ['^b', 'host'] }), ['bridge', 'host'])
  assert.deepEqual(await names({ type: ['custom'] }), [])
  assert.deepEqual(await names({ dangling: ['true'] }), [])
  assert.deepEqual(await names({ dangling: ['0'], scope: ['local'] }), ['bridge', 'host', 'none'])
  assert.deepEqual(await names({ label: ['x'] }), [])
  const bad = await daemon.api.get(`/networks?${filtered({ dangling: ['x'] })}`)
  assert.equal(bad.status, 400)
  const { body } = await daemon.api.get<NetworkInspect[]>('/networks')
  assert.ok(body.every((network) => !('Containers' in network)))
  const old = await daemon.api.get<NetworkInspect[]>('/v1.27/networks')
  assert.ok(old.body.every((network) => 'Containers' in network))
})

test('predefined networks stay as they are', async () => {
  const refused = async (answer: Promise<{ status: number; body: unknown }>) => {
    const done = await answer
    return [done.status, message(done)]
  }
  assert.deepEqual(await refused(daemon.api.delete('/networks/bridge')), [
    403,
    'bridge is a pre-defined network and cannot be removed',
  ])
  assert.deepEqual(await refused(daemon.api.delete('/networks/nope')), [
    404,
    'network nope not found',
  ])
  assert.deepEqual(await refused(daemon.api.get('/networks/nope')), [404, 'network nope not found'])
  assert.deepEqual(await refused(daemon.api.post('/networks/create', { Name: 'host' })), [
    403,
    'operation is not permitted on predefined host network ',
  ])
  const connect = (network: string, Container: string) =>
    refused(daemon.api.post(`/networks/${network}/connect`, { Container }))
  assert.deepEqual(await connect('bridge', 'nobody'), [404, 'No such container: nobody'])
  assert.deepEqual(await connect('nope', 'user'), [404, 'network nope not found'])
  assert.deepEqual(await connect('bridge', 'user'), [
    403,
    'endpoint with name user already exists in network bridge',
  ])
  const pruned = await daemon.api.post('/networks/prune')
  assert.deepEqual(pruned.body, { NetworksDeleted: null })
})

test('the stock CLI shows networks', { skip: !hasProgram('docker') && 'no docker' }, async () => {
  const listed = await daemon.docker(
    'network',
    'ls',
    '--format',
    '{{.Name}} {{.Driver}} {{.Scope}}',
  )
  assert.equal(listed.stdout, 'bridge bridge local\nhost host local\nnone null local\n')
  const shown = await daemon.docker('network', 'inspect', '-f', '{{len .Containers}}', 'bridge')
  assert.deepEqual([shown.status, shown.stdout], [0, '1\n'])
  const removed = await daemon.docker('network', 'rm', 'none')
  assert.match(removed.stderr, /none is a pre-defined network and cannot be removed/)
})
