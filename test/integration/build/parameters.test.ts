/** What a build is asked for beside its Dockerfile, as the steps' processes see it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isV2 } from '../../lib/cgroup-files.ts'
import { makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { CREDENTIALS, type TestRegistry, startRegistry } from '../../lib/registry.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, builtOf, contextOf, inspect } from './build-rig.ts'

let daemon: TestDaemon
let registry: TestRegistry
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start(), startRegistry({ htpasswd: true })])
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

/** What a script in a step says. */
async function said(script: string, query: Record<string, string | string[]>): Promise<string> {
  const Dockerfile = `FROM busybox\nRUN echo BEGIN; ${script}; echo END\n`
  const { text } = await built(daemon, { Dockerfile }, { ...query, nocache: '1' })
  return /\nBEGIN\n([^]*?)\nEND\n/.exec(text)?.[1] ?? text
}

/** A file of the step's group, by its name on v1 and on v2. */
const group = (v1: string, v2: string): string =>
  isV2 ? `cat /sys/fs/cgroup/${v2}` : `cat /sys/fs/cgroup/${v1}`

test('memory, and memory with swap', async () => {
  const script = group('memory/memory.limit_in_bytes', 'memory.max')
  assert.equal(await said(script, { memory: `${64 << 20}` }), `${64 << 20}`)
  assert.equal(await said(script, { memory: `${64 << 20}`, memswap: '-1' }), `${64 << 20}`)
})

test('weight, quota and places of CPU', async () => {
  const shares = await said(group('cpu/cpu.shares', 'cpu.weight'), { cpushares: '512' })
  assert.equal(shares, isV2 ? '59' : '512')
  const quota = isV2
    ? 'cat /sys/fs/cgroup/cpu.max'
    : 'cd /sys/fs/cgroup/cpu; echo $(cat cpu.cfs_quota_us) $(cat cpu.cfs_period_us)'
  assert.equal(await said(quota, { cpuquota: '20000', cpuperiod: '50000' }), '20000 50000')
  const allowed =
    'grep Cpus_allowed_list /proc/self/status; grep Mems_allowed_list /proc/self/status'
  const places = await said(allowed, { cpusetcpus: '0', cpusetmems: '0' })
  assert.equal(places, 'Cpus_allowed_list:\t0\nMems_allowed_list:\t0')
})

test('the parent of the group', async () => {
  const parent = `/${daemon.id}/steps`
  const groups = await said('cat /proc/self/cgroup', { cgroupparent: parent })
  if (!isV2) assert.match(groups, new RegExp(`^\\d+:memory:${parent}/[0-9a-f]{64}$`, 'm'))
})

test('room in /dev/shm, and ulimits', async () => {
  const room = "df -k /dev/shm | tail -n 1 | awk '{print $2}'"
  assert.equal(await said(room, { shmsize: `${8 << 20}` }), '8192')
  assert.equal(await said(room, {}), '65536')
  const ulimits = JSON.stringify([{ Name: 'nofile', Soft: 321, Hard: 654 }])
  assert.equal(await said('ulimit -Sn; ulimit -Hn', { ulimits }), '321\n654')
})

test('names of hosts, which the image does not keep', async () => {
  const extrahosts = ['one:10.1.2.3', 'gateway:host-gateway']
  const hosts = await said('grep -c -e one -e gateway /etc/hosts; grep one /etc/hosts', {
    extrahosts,
  })
  assert.equal(hosts, '2\n10.1.2.3\tone')
  const Dockerfile =
    'FROM busybox\nRUN true\nRUN --network=none grep -c one /etc/hosts || echo none\n'
  const { text } = await built(daemon, { Dockerfile }, { extrahosts, nocache: '1' })
  assert.match(text, /\n[01]\n/)
  const wrong = await build(daemon, { Dockerfile }, { extrahosts: ['no-address'], nocache: '1' })
  assert.match(wrong.error, /bad format for add-host/)
})

test('networks: none, of the host, of a container, of a user', async () => {
  const links = 'ls /sys/class/net | sort | xargs'
  assert.equal(await said(links, { networkmode: 'none' }), 'lo')
  assert.match(await said('readlink /proc/self/ns/net', { networkmode: 'host' }), /^net:\[\d+\]$/)
  const host = await said(links, { networkmode: 'host' })
  assert.match(host, new RegExp(daemon.id))
  assert.equal(await said(links, { networkmode: 'default' }), 'eth0 lo')
  const id = await daemon.run({ Cmd: ['sleep', '1000'] })
  const { body } = await daemon.api.get<{ NetworkSettings: { IPAddress: string } }>(
    `/v1.43/containers/${id}/json`,
  )
  const own = "ip -4 addr show eth0 | sed -n 's/.*inet \\([0-9.]*\\).*/\\1/p'"
  assert.equal(await said(own, { networkmode: `container:${id}` }), body.NetworkSettings.IPAddress)
  await daemon.api.delete(`/containers/${id}?force=1`)
  await daemon.api.post('/networks/create', {
    Name: 'steps',
    IPAM: { Config: [{ Subnet: '10.213.7.0/24' }] },
  })
  assert.match(await said(own, { networkmode: 'steps' }), /^10\.213\.7\.\d+$/)
  await daemon.api.delete('/networks/steps')
  const unknown = await build(
    daemon,
    { Dockerfile: 'FROM busybox\nRUN true\n' },
    { networkmode: 'nowhere', nocache: '1' },
  )
  assert.match(unknown.error, /network nowhere not found/)
  assert.deepEqual((await daemon.api.get<unknown[]>('/containers/json?all=1')).body, [])
})

test('the platform is that of the image, and of the arguments', async () => {
  const Dockerfile =
    'FROM scratch\nARG TARGETARCH\nARG TARGETPLATFORM\nLABEL arch=$TARGETARCH platform=$TARGETPLATFORM\n'
  await built(daemon, { Dockerfile }, { platform: 'linux/arm64', t: 'arm' })
  const image = await inspect(daemon, 'arm')
  assert.equal(image.Architecture, 'arm64')
  assert.deepEqual(image.Config?.Labels, { arch: 'arm64', platform: 'linux/arm64' })
  const wrong = await build(daemon, { Dockerfile }, { platform: 'linux/no/such/thing' })
  assert.equal(wrong.status, 400)
})

test('X-Registry-Config opens registries', async () => {
  const layer = makeLayer(await tarOf([{ name: 'file', content: 'private' }]))
  await registry.push('base:1', makeImage({ layers: [layer] }))
  const body = await contextOf({ Dockerfile: `FROM ${registry.host}/base:1\nLABEL from=private\n` })
  const ask = async (auth: object) => {
    const config = Buffer.from(JSON.stringify(auth)).toString('base64url')
    const { status, text } = await daemon.api.request('POST', '/build?pull=1', body, {
      'Content-Type': 'application/x-tar',
      'X-Registry-Config': config,
    })
    return builtOf(status, text)
  }
  const refused = await ask({})
  assert.match(refused.error, /no basic auth credentials|unauthorized|pull access denied/)
  const other = await ask({ 'other.example': CREDENTIALS })
  assert.notEqual(other.error, '')
  const made = await ask({ [registry.host]: CREDENTIALS })
  assert.equal(made.error, '')
  assert.equal((await inspect(daemon, made.id)).Config?.Labels?.['from'], 'private')
  assert.match(made.text, /Step 2\/2 : LABEL/)
})

test('containers of steps stay when that is asked for', async () => {
  const Dockerfile = 'FROM busybox\nRUN echo kept > /kept\n'
  const { text } = await built(daemon, { Dockerfile }, { rm: '0', nocache: '1' })
  assert.doesNotMatch(text, /Removed intermediate container/)
  const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
  assert.equal(body.length, 1)
  await daemon.api.delete(`/containers/${body[0]!.Id}`)
})

test("what is wrong is refused with moby's words", async () => {
  const Dockerfile = 'FROM busybox\n'
  for (const [query, error] of [
    [{ squash: '1' }, /squash is only supported with experimental mode/],
    [{ isolation: 'hyperlight' }, /unsupported isolation: "hyperlight"/],
    [{ securityopt: 'apparmor=x' }, /security options are not supported on linux/],
    [{ shmsize: 'much' }, /strconv.ParseInt: parsing "much": invalid syntax/],
    [{ ulimits: '{' }, /error reading ulimit settings/],
    [{ labels: '[]' }, /error reading labels/],
    [{ cachefrom: '{}' }, /error reading cache-from/],
    [{ version: '3' }, /invalid version "3"/],
  ] as const) {
    const made = await build(daemon, { Dockerfile }, query as unknown as Record<string, string>)
    assert.equal(made.status, 400, made.text)
    assert.match(made.error, error)
  }
})
