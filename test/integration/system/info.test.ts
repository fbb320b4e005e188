/** `info`, `version` and `_ping`, the reload of the configuration, and how the stock CLI prints them. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { EventMessage, SystemInfo, SystemVersion } from '@tdocker/api'
import { hasProgram, TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start({ config: { labels: ['a=b'], debug: true } })
})
after(() => daemon[Symbol.asyncDispose]())

const info = async (version = ''): Promise<SystemInfo> =>
  (await daemon.api.get<SystemInfo>(`${version}/info`)).body

test('info tells the machine and the engine as they are', async () => {
  const id = await daemon.run({ Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } })
  const told = await info()
  assert.deepEqual(
    [told.Containers, told.ContainersRunning, told.ContainersStopped, told.Images],
    [1, 1, 0, 1],
  )
  assert.equal(told.Name, hostname())
  assert.equal(told.DockerRootDir, daemon.dataRoot)
  assert.deepEqual(told.Labels, ['a=b'])
  assert.equal(told.Debug, true)
  assert.deepEqual(told.DriverStatus[0], ['Backing Filesystem', 'tmpfs'])
  assert.deepEqual(Object.keys(told.Runtimes).sort(), ['io.containerd.runc.v2', 'runc', 'tdocker'])
  assert.ok(told.Plugins.Log.includes('json-file'))
  const memory = /^MemTotal: +(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  assert.equal(told.MemTotal, Number(memory) * 1024)
  const forwards = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').startsWith('1')
  assert.equal(told.IPv4Forwarding, forwards)
  assert.equal((told.Warnings ?? []).includes('WARNING: IPv4 forwarding is disabled'), !forwards)
  assert.ok((told.Warnings ?? []).every((warning) => warning.startsWith('WARNING: ')))
  await daemon.api.delete(`/containers/${id}?force=1`)
})

test('older clients get the fields of their time', async () => {
  const now = await info()
  for (const key of ['BridgeNfIptables', 'Containerd', 'NRI']) assert.ok(!(key in now), key)
  assert.ok(!('Expected' in now.RuncCommit))
  const old = await info('/v1.46')
  assert.equal(old.BridgeNfIptables, false)
  assert.equal(old.RuncCommit.Expected, old.RuncCommit.ID)
  assert.equal(old.RegistryConfig.AllowNondistributableArtifactsCIDRs, null)
  assert.ok(!('FirewallBackend' in old))
})

test('version tells the window that is served', async () => {
  const { body } = await daemon.api.get<SystemVersion>('/version')
  assert.deepEqual([body.ApiVersion, body.MinAPIVersion, body.Os], ['1.56', '1.24', 'linux'])
  assert.equal(body.Components[0]?.Details?.['MinAPIVersion'], '1.24')
  assert.equal(body.KernelVersion, readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim())
})

test('a ping says what clients look for', async () => {
  const { headers, text } = await daemon.api.get('/_ping')
  assert.equal(text, 'OK')
  assert.deepEqual(
    [headers['api-version'], headers['swarm'], headers['ostype'], headers['builder-version']],
    ['1.56', 'inactive', 'linux', '1'],
  )
  assert.equal(headers['cache-control'], 'no-cache, no-store, must-revalidate')
  assert.equal(headers['pragma'], 'no-cache')
  assert.equal(headers['docker-experimental'], 'false')
})

test('SIGHUP takes over what may change, and an event tells it', async () => {
  const since = Math.floor(Date.now() / 1000) - 1
  const events = await daemon.api.stream(
    'GET',
    `/events?since=${since}&filters=${encodeURIComponent('{"event":["reload"]}')}`,
  )
  writeFileSync(
    join(daemon.directory, 'daemon.json'),
    JSON.stringify({
      labels: ['c=d'],
      'max-concurrent-downloads': 7,
      'max-download-attempts': 2,
      'shutdown-timeout': 33,
      'default-stop-timeout': 1,
      'registry-mirrors': ['http://mirror.test'],
      'insecure-registries': ['10.0.0.0/8', 'host.test:5000'],
    }),
  )
  process.kill(daemon.pid, 'SIGHUP')
  let text = ''
  for await (const part of events) {
    text += String(part)
    if (text.includes('\n')) break
  }
  const { Type, Actor } = JSON.parse(text) as EventMessage
  const told = await info()
  assert.deepEqual([Type, Actor.ID], ['daemon', told.ID])
  assert.deepEqual(Actor.Attributes, {
    'content-retention': 'auto',
    debug: 'false',
    'default-ipc-mode': 'private',
    'default-runtime': 'tdocker',
    'default-shm-size': '67108864',
    'default-stop-timeout': '1',
    'insecure-registries': '["10.0.0.0/8","host.test:5000"]',
    labels: '["c=d"]',
    'live-restore': 'true',
    'max-concurrent-downloads': '7',
    'max-concurrent-uploads': '5',
    'max-download-attempts': '2',
    name: hostname(),
    'registry-mirrors': '["http://mirror.test/"]',
    runtimes: 'tdocker runc io.containerd.runc.v2',
    'shutdown-timeout': '33',
  })
  assert.deepEqual([told.Labels, told.Debug], [['c=d'], false])
  assert.deepEqual(told.RegistryConfig.Mirrors, ['http://mirror.test/'])
  assert.ok(told.RegistryConfig.InsecureRegistryCIDRs.includes('10.0.0.0/8'))
  assert.equal(told.RegistryConfig.IndexConfigs['host.test:5000']?.Secure, false)
  // The new stop timeout counts for containers that were there before.
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'],
    HostConfig: { NetworkMode: 'none' },
  })
  await until('the trap', async () => (await daemon.logs(id)).includes('ready'))
  const begun = performance.now()
  await daemon.api.post(`/containers/${id}/stop`)
  assert.ok(performance.now() - begun < 8000, 'ten seconds is the default')
  await daemon.api.delete(`/containers/${id}`)
})

test('a file that is wrong changes nothing', async () => {
  writeFileSync(join(daemon.directory, 'daemon.json'), '{"labels":["no equals"]}')
  const before = daemon.log.length
  process.kill(daemon.pid, 'SIGHUP')
  await until('the refusal', () => daemon.log.slice(before).includes('was not reloaded'))
  assert.deepEqual((await info()).Labels, ['c=d'])
})

test('the stock CLI prints both', { skip: !hasProgram('docker') && 'no docker' }, async () => {
  const shown = await daemon.docker('info')
  assert.equal(shown.status, 0, shown.stderr)
  assert.doesNotMatch(shown.stdout, /<no value>|<nil>|undefined/)
  assert.match(shown.stdout, /^ Server Version: 29\./m)
  assert.match(shown.stdout, /^ Storage Driver: overlay2$/m)
  assert.match(shown.stdout, /^  Backing Filesystem: tmpfs$/m)
  assert.match(shown.stdout, /^ Swarm: inactive$/m)
  assert.match(shown.stdout, /^ Runtimes: .*\brunc\b/m)
  assert.match(shown.stdout, /^ Labels:\n  c=d$/m)
  const version = await daemon.docker('version')
  assert.equal(version.status, 0, version.stderr)
  assert.match(version.stdout, /^Server: tdocker\n Engine:\n  Version: +29\./m)
  assert.match(version.stdout, /API version: +1\.56 \(minimum version 1\.24\)/)
})
