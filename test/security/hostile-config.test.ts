/** Images whose config asks for what no image may have: they are made into containers. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ImageConfig } from '@tdocker/oci'
import { type LayerBlob, busyboxTar, makeImage, makeLayer, tarOf } from '../lib/image-maker.ts'
import { FaultRegistry } from '../lib/registry.ts'
import { TestDaemon } from '../lib/test-daemon.ts'
import { WatchedTree } from './watched-tree.ts'

type Config = NonNullable<ImageConfig['config']>

let daemon: TestDaemon
let registry: FaultRegistry
let canary: WatchedTree
let layers: LayerBlob[]
before(async () => {
  registry = await FaultRegistry.start()
  daemon = await TestDaemon.start({ busybox: false })
  canary = new WatchedTree(join('/dev/shm', `${daemon.id}-canary`))
  const links = await tarOf([
    { name: 'out', type: 'symlink', linkname: canary.dir },
    { name: 'up', type: 'symlink', linkname: `../../../../../..${canary.dir}` },
    { name: 'proc-root', type: 'symlink', linkname: '/proc/1/root' },
  ])
  layers = [makeLayer(await busyboxTar()), makeLayer(links)]
  // Keeps the layers here, whatever goes.
  registry.add('base:1', makeImage({ layers, created: '2020-01-01T00:00:00Z' }))
  const base = encodeURIComponent(`${registry.host}/base:1`)
  await daemon.api.post(`/images/create?fromImage=${base}`)
})
after(async () => {
  canary[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

/** Pulls busybox with this config; runs a command in it. Answers what it prints, or the refusal. */
async function run(config: Config, script: string): Promise<string> {
  registry.add('evil:1', makeImage({ layers, config }))
  const reference = `${registry.host}/evil:1`
  const pulled = await daemon.api.post(`/images/create?fromImage=${encodeURIComponent(reference)}`)
  if (/"error"/.test(pulled.text)) return pulled.text
  const body = { Image: reference, Cmd: ['sh', '-c', script], HostConfig: { NetworkMode: 'none' } }
  const created = await daemon.api.post<{ Id: string }>('/containers/create', body)
  let said = created.text
  if (created.status === 201) {
    const { Id } = created.body
    const started = await daemon.api.post(`/containers/${Id}/start`)
    said = started.text
    if (started.status === 204) {
      await daemon.wait(Id)
      said = await daemon.logs(Id)
    }
    assert.equal((await daemon.api.delete(`/containers/${Id}?force=1&v=1`)).status, 204)
  }
  const gone = await daemon.api.delete(`/images/${encodeURIComponent(reference)}?force=1`)
  assert.equal(gone.status, 200, gone.text)
  canary.unharmed(JSON.stringify(config).slice(0, 200))
  return said
}

test('VOLUME that leads out copies nothing of the host (CVE-2022-23648)', async () => {
  const host = new Set(readdirSync('/etc'))
  assert.ok(host.has('hostname'))
  for (const path of [
    '/../../../../../etc/ssl',
    `/../../../../../..${canary.dir}`,
    '/out',
    '/up',
    `/proc-root${canary.dir}`,
    '/out/sub',
    '../../etc',
    '/proc/self/root',
    '/',
    '',
    '.',
    '/a\n/b',
    '/a:/b:ro',
  ]) {
    const said = await run(
      { Volumes: { [path]: {} } },
      'find / -path /proc -prune -o -path /sys -prune -o -name secret -print',
    )
    assert.doesNotMatch(said, /secret/, JSON.stringify(path))
    const volumes = await daemon.api.get<{ Volumes: unknown[] | null }>('/volumes')
    assert.deepEqual(volumes.body.Volumes ?? [], [], path)
  }
})

test('WorkingDir that leads out is a directory of the container', async () => {
  for (const dir of [
    '/../../../..',
    `/../../..${canary.dir}/new`,
    '/out/new',
    '/up/new',
    'relative',
    '',
  ]) {
    await run({ WorkingDir: dir }, 'pwd; ls')
    assert.deepEqual(readdirSync(canary.dir).sort(), ['link', 'program', 'secret', 'sub'])
  }
})

test('User, Env, labels, ports, commands of any kind: an answer, and the daemon lives', async () => {
  const big = 'x'.repeat(100_000)
  const configs: Config[] = [
    { User: '../../etc/passwd' },
    { User: '-1:-1' },
    { User: '4294967296' },
    { User: big },
    { User: 'root\nroot:x' },
    { Env: ['', '=', 'A', '=B', 'PATH=', 'LD_PRELOAD=/out/evil.so', `A=${big}`] },
    { Env: Array.from({ length: 5000 }, (_, at) => `V${at}=${at}`) },
    { Env: ['A=\0'] },
    { Labels: { [big]: big, 'com.docker.stack': 'x', __proto__: 'x', constructor: 'y' } },
    { Labels: { 'containerd.io/gc.root': 'x', 'io.tdocker.internal': '1' } },
    { ExposedPorts: { 'x/y': {}, '99999/tcp': {}, '1-2-3/udp': {}, [big]: {}, '': {} } },
    { Entrypoint: ['/out/program'] },
    { Entrypoint: ['../../../../bin/sh'] },
    { Entrypoint: [''] },
    { StopSignal: 'SIGEVIL' },
    { StopSignal: '../../x' },
    { Shell: [] },
    { Healthcheck: { Test: ['CMD', '/out/program'], Interval: -1, Timeout: 1e300, Retries: -5 } },
    { Healthcheck: { Test: ['EVIL'] } },
  ]
  for (const config of configs) {
    await run(config, 'true')
    assert.equal((await daemon.api.get('/_ping')).status, 200)
  }
})
