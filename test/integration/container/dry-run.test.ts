/** `run --dry-run`: what would be made is what is made, and nothing is. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ContainerDryRun, ContainerInspectResponse } from '@tdocker/api'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const cli = new URL('../../../packages/cli/main.ts', import.meta.url).pathname
const tdocker = (...args: string[]) => daemon.command(process.execPath, ['--', cli, ...args])

const body = {
  Image: 'busybox',
  Cmd: ['sh', '-c', 'id -u; cat /proc/self/status | grep CapBnd'],
  User: 'daemon',
  Env: ['A=1'],
  ExposedPorts: { '80/tcp': {} },
  HostConfig: {
    Memory: 64 * 1024 * 1024,
    NanoCpus: 500_000_000,
    Binds: ['dry:/data', '/no/such/directory:/made:ro'],
    Tmpfs: { '/t': 'size=1m' },
    PidMode: 'host',
    CapDrop: ['ALL'],
    CapAdd: ['NET_RAW'],
    PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '28123' }] },
    ReadonlyRootfs: true,
    SecurityOpt: ['no-new-privileges'],
  },
}

test('the plan, and that nothing of it is made', async () => {
  const before = await snapshot()
  const { status, body: plan } = await daemon.api.post<ContainerDryRun>(
    '/containers/dry-run?name=dry',
    body,
  )
  assert.equal(status, 200)
  assert.deepEqual(await snapshot(), before)
  assert.equal(existsSync('/no/such/directory'), false)
  assert.equal(plan.Name, 'dry')
  assert.deepEqual([plan.Process.Uid, plan.Process.Gid], [1, 1])
  assert.deepEqual(plan.Process.Capabilities, ['NET_RAW'])
  assert.equal(plan.Process.NoNewPrivileges, true)
  assert.equal(plan.Namespaces.pid, 'host')
  assert.equal(plan.Namespaces.net, 'new')
  assert.deepEqual(plan.Network.PortRules, ['127.0.0.1:28123/tcp -> 80'])
  const mount = (target: string) => plan.Mounts.find(({ Target }) => Target === target)
  assert.deepEqual(mount('/data'), {
    Type: 'volume',
    Target: '/data',
    Source: 'dry',
    Created: true,
    Options: ['rw', 'rprivate'],
  })
  assert.equal(mount('/made')?.Created, true)
  assert.ok(mount('/t')?.Options.includes('size=1m'))
  const values = Object.values(plan.Cgroup.Values)
  assert.ok(values.includes(String(64 * 1024 * 1024)), JSON.stringify(plan.Cgroup))
})

test('a create of the same request makes what was shown', async () => {
  const request = { ...body, HostConfig: { ...body.HostConfig, Binds: ['dry:/data'] } }
  const { body: plan } = await daemon.api.post<ContainerDryRun>('/containers/dry-run', request)
  const { body: made } = await daemon.api.post<{ Id: string }>('/containers/create', request)
  const { body: real } = await daemon.api.get<ContainerInspectResponse>(
    `/containers/${made.Id}/json`,
  )
  assert.deepEqual({ ...plan.Config, Hostname: '' }, { ...real.Config, Hostname: '' })
  for (const [key, value] of Object.entries(plan.HostConfig)) {
    assert.deepEqual(real.HostConfig[key as keyof typeof real.HostConfig], value, key)
  }
  await daemon.api.delete(`/containers/${made.Id}?v=1`)
})

test('refusals are those of create and start', async () => {
  const refusal = async (request: object, query = ''): Promise<[number, string]> => {
    const { status, body } = await daemon.api.post<{ message: string }>(
      `/containers/dry-run${query}`,
      request,
    )
    return [status, body.message]
  }
  assert.deepEqual(await refusal({ Image: 'nope' }), [404, 'No such image: nope:latest'])
  assert.equal((await refusal({ Image: 'busybox', User: 'nobody-here' }))[0], 500)
  assert.equal((await refusal({ Image: 'busybox', HostConfig: { Memory: 1 } }))[0], 400)
  assert.equal((await refusal(body, '?name=a/b'))[0], 400)
  await daemon.api.post('/containers/create?name=taken', body)
  assert.equal((await refusal(body, '?name=taken'))[0], 409)
  await daemon.api.delete('/containers/taken?v=1')
})

test('tdocker run --dry-run', async () => {
  const { status, stdout, stderr } = await tdocker(
    ...['run', '--dry-run', '--rm', '-m', '64m', '-v', 'dry2:/d', '-l', 'a=b'],
    ...['busybox', 'echo', "it's", 'here'],
  )
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^Command: echo 'it'\\''s' here$/m)
  assert.match(stdout, /^ {2}\/d volume from dry2 \(would be made\) \(rw,rprivate\)$/m)
  assert.match(stdout, /^Labels:\n {2}a=b$/m)
  assert.match(stdout, /64MiB/)
  assert.match(stdout, /^Restart: no, removed after its exit$/m)
  const refused = await tdocker('run', '--dry-run', '-m', '1k', 'busybox')
  assert.equal(refused.status, 125)
  assert.match(refused.stderr, /Minimum memory limit allowed is 6MB/)
})

/** What a create leaves behind. */
async function snapshot(): Promise<unknown> {
  const [containers, volumes, events] = await Promise.all([
    daemon.api.get('/containers/json?all=1'),
    daemon.api.get('/volumes'),
    daemon.api.get(`/events?since=0&until=${Math.floor(Date.now() / 1000)}`),
  ])
  const directory = join(daemon.directory, 'data', 'containers')
  const kept = existsSync(directory) ? readdirSync(directory) : []
  return [containers.body, volumes.body, kept, typeof events.body]
}
