/** `tdocker system fsck`: what is in order is said to be, what is not is named and put right. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { FsckReport } from '@tdocker/api'
import { makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { FaultRegistry } from '../../lib/registry.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
let registry: FaultRegistry

before(async () => {
  daemon = await TestDaemon.start()
  registry = await FaultRegistry.start()
})
after(async () => {
  await registry?.[Symbol.asyncDispose]()
  await daemon?.[Symbol.asyncDispose]()
})

async function fsck(query = ''): Promise<FsckReport> {
  const { status, body, text } = await daemon.api.post<FsckReport>(`/fsck${query}`)
  assert.equal(status, 200, text)
  return body
}

/** Pulls an image of one layer; answers its reference, layer directory and blob. */
async function pull(name: string): Promise<{ reference: string; layer: string; blob: string }> {
  const tar = await tarOf([
    { name: 'etc/', type: 'directory' },
    { name: 'etc/name', content: name.repeat(100) },
  ])
  const layer = makeLayer(tar)
  registry.add(`${name}:1`, makeImage({ layers: [layer] }))
  const reference = `${registry.host}/${name}:1`
  const { text } = await daemon.api.post(`/images/create?fromImage=${reference}`)
  assert.match(text, /Downloaded newer image/)
  return {
    reference,
    layer: join(daemon.dataRoot, 'layers', layer.diffId.replace(':', '-')),
    blob: join(daemon.dataRoot, 'content/blobs', layer.digest.replace(':', '/')),
  }
}

const told = (report: FsckReport): string[] =>
  report.Findings.map(({ Kind, Owner }) => `${Kind} ${Owner}`).toSorted()

test('a data root in use is in order, to the last byte', async () => {
  await pull('sound')
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'echo written | tee /f /v/f; sleep 1000'],
    HostConfig: { NetworkMode: 'none', Binds: ['data:/v'] },
  })
  await until('its output', async () => (await daemon.logs(id)) === 'written\n')
  const report = await fsck('?deep=1')
  assert.deepEqual([report.Findings, report.Deep], [[], true])
  const owners = new Map(report.Owners.map(({ Owner, Bytes }) => [Owner, Bytes]))
  for (const owner of ['database', 'layers', 'blobs', 'containers', 'logs', 'volumes'])
    assert.ok((owners.get(owner) ?? 0) > 0, `${owner}: ${JSON.stringify(report.Owners)}`)
  assert.equal(
    report.TotalBytes,
    report.Owners.reduce((sum, { Bytes }) => sum + Bytes, 0),
  )
  assert.equal(owners.has('unknown'), false)
})

test('garbage is named and removed; what is not ours, and what is the user’s, is left alone', async () => {
  const hex = '0'.repeat(64)
  const planted = {
    layer: join(daemon.dataRoot, 'layers', `sha256-${hex}`),
    odd: join(daemon.dataRoot, 'layers', 'something else'),
    blob: join(daemon.dataRoot, 'content/blobs/sha256', hex),
    partial: join(daemon.dataRoot, 'content/partial', hex),
    foreign: join(daemon.dataRoot, 'notes.txt'),
    container: join(daemon.dataRoot, 'containers', hex),
    volume: join(daemon.dataRoot, 'volumes', 'nobodys'),
  }
  for (const path of [planted.layer, planted.odd, planted.container, planted.volume]) {
    await mkdir(join(path, 'diff'), { recursive: true })
    await writeFile(join(path, 'diff/file'), Buffer.alloc(10_000))
  }
  for (const path of [planted.blob, planted.partial, planted.foreign])
    await writeFile(path, Buffer.alloc(5000))
  const expected = [
    ...['garbage blob', 'garbage container', 'garbage layer', 'garbage layer', 'garbage partial'],
    ...['foreign root', 'garbage volume'],
  ].toSorted()
  const found = await fsck()
  assert.deepEqual(told(found), expected)
  assert.ok(
    found.Findings.every(({ Bytes }) => Bytes >= 4096),
    JSON.stringify(found.Findings),
  )
  assert.ok(
    Object.values(planted).every((path) => existsSync(path)),
    'nothing was touched',
  )

  const repaired = await fsck('?repair=1')
  assert.deepEqual(told(repaired), expected)
  const { foreign, container, volume, ...garbage } = planted
  assert.ok(Object.values(garbage).every((path) => !existsSync(path)))
  assert.ok([foreign, container, volume].every((path) => existsSync(path)))
  const left = ['foreign root', 'garbage container', 'garbage volume']
  assert.deepEqual(told(await fsck()), left)
  for (const path of [foreign, container, volume]) await rm(path, { recursive: true })
  assert.deepEqual(told(await fsck('?deep=1')), [])
})

test('a layer that lost its files takes its images with it, and says which', async () => {
  const lost = await pull('lost')
  await rm(lost.layer, { recursive: true })
  const [finding] = (await fsck()).Findings
  assert.match(
    finding?.Message ?? '',
    /^the files of layer sha256:\w+ are lost; with it image \w{12}$/,
  )
  assert.equal((await daemon.api.get(`/images/${lost.reference}/json`)).status, 200)
  const [repaired] = (await fsck('?repair=1')).Findings
  assert.equal(repaired?.Repaired, true)
  assert.equal((await daemon.api.get(`/images/${lost.reference}/json`)).status, 404)
  assert.equal(existsSync(lost.blob), false)
  assert.deepEqual(told(await fsck('?deep=1')), [])
})

test('an image that a container uses is not given up', async () => {
  const used = await pull('used')
  const created = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: used.reference,
    Cmd: ['x'],
  })
  assert.equal(created.status, 201, created.text)
  await rm(used.layer, { recursive: true })
  const [finding] = (await fsck('?repair=1')).Findings
  assert.equal(finding?.Repaired, false)
  assert.match(finding?.Error ?? '', /is used by a container, which has to be removed first$/)
  await daemon.api.delete(`/containers/${created.body.Id}`)
  assert.deepEqual(
    (await fsck('?repair=1')).Findings.map(({ Repaired }) => Repaired),
    [true],
  )
  assert.deepEqual(told(await fsck()), [])
})

test('only a deep check sees changed bytes; a blob is given up, a layer is told', async () => {
  const image = await pull('changed')
  const { size } = await import('node:fs').then(({ statSync }) => statSync(image.blob))
  await writeFile(image.blob, Buffer.alloc(size))
  await writeFile(join(image.layer, 'diff/etc/name'), 'changed'.repeat(99) + 'another')
  assert.deepEqual(told(await fsck()), [])
  const deep = await fsck('?deep=1&repair=1')
  assert.deepEqual(told(deep), ['damaged blob', 'damaged layer'])
  const repaired = new Map(deep.Findings.map(({ Owner, Repaired }) => [Owner, Repaired]))
  assert.deepEqual([repaired.get('blob'), repaired.get('layer')], [true, false])
  assert.equal(existsSync(image.blob), false)
  assert.equal((await daemon.api.delete(`/images/${image.reference}`)).status, 200)
  assert.deepEqual(told(await fsck('?deep=1')), [])
})

test('a blob that is gone is forgotten', async () => {
  const image = await pull('blobless')
  await rm(image.blob)
  assert.deepEqual(told(await fsck('?repair=1')), ['missing blob'])
  assert.deepEqual(told(await fsck()), [])
  assert.equal((await daemon.api.delete(`/images/${image.reference}`)).status, 200)
})

test('the command line: a page, JSON, and an exit code', async () => {
  const sound = await daemon.tdocker('system', 'fsck')
  assert.deepEqual([sound.status, sound.stderr], [0, ''])
  assert.match(sound.stdout, /^OWNER +SIZE\n/)
  assert.match(sound.stdout, /^total +\S+\n\nEverything is in order\.\n$/m)
  const stray = join(daemon.dataRoot, 'layers', `sha256-${'1'.repeat(64)}`)
  await mkdir(stray)
  const found = await daemon.tdocker('system', 'fsck', '--format', 'json')
  assert.equal(found.status, 1)
  assert.equal((JSON.parse(found.stdout) as FsckReport).Findings.length, 1)
  const repaired = await daemon.tdocker('system', 'fsck', '--repair')
  assert.deepEqual([repaired.status, repaired.stderr], [0, ''])
  assert.match(
    repaired.stdout,
    /^garbage: layers\/sha256-1+: a layer directory without a row.*: repaired$/m,
  )
  assert.equal(existsSync(stray), false)
})
