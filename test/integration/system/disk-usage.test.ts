/** `system df` and the prunes: what is told of the disk, and what is given back. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { DiskUsage, ImageSummary, Volume } from '@tdocker/api'
import { busyboxTar, tarOf } from '../../lib/image-maker.ts'
import { hasProgram, TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const filtered = (filters: object): string =>
  `filters=${encodeURIComponent(JSON.stringify(filters))}`

/** busybox and `bytes` more. */
async function importImage(repo: string, bytes: number, changes: string[] = []): Promise<string> {
  const base = await busyboxTar()
  const more = await tarOf([{ name: `${repo}.bin`, content: 'x'.repeat(bytes) }])
  const query = new URLSearchParams({ fromSrc: '-', ...(repo && { repo, tag: 'latest' }) })
  for (const change of changes) query.append('changes', change)
  const tar = Buffer.concat([base.subarray(0, base.length - 1024), more])
  const { text } = await daemon.api.request('POST', `/images/create?${query}`, tar, {
    'Content-Type': 'application/x-tar',
  })
  const id = /sha256:[0-9a-f]{64}/.exec(text)?.[0]
  assert.ok(id, text)
  return id
}

interface Legacy {
  LayersSize: number
  Images: ImageSummary[]
  Containers: Array<{ Id: string; SizeRw: number; SizeRootFs: number; SizeLog: number }>
  Volumes: Volume[]
  BuildCache: unknown[]
}

test('sizes of images, containers and volumes, in the form of each version', async () => {
  const id = await daemon.run({
    Cmd: [
      'sh',
      '-c',
      'echo logged; head -c 100000 /dev/zero > /f; head -c 50000 /dev/zero > /v/g; sleep 1000',
    ],
    HostConfig: { NetworkMode: 'none', Binds: ['vol:/v'] },
  })
  await daemon.api.post('/volumes/create', { Name: 'idle' })
  const written = join(daemon.dataRoot, 'volumes/vol/_data/g')
  await until('the files', () => existsSync(written) && statSync(written).size === 50000)
  await until('the log', async () => (await daemon.logs(id)).includes('logged'))

  const { body } = await daemon.api.get<Legacy>('/v1.51/system/df')
  assert.deepEqual(Object.keys(body).sort(), [
    'BuildCache',
    'Containers',
    'Images',
    'LayersSize',
    'Volumes',
  ])
  const [container] = body.Containers
  assert.equal(container?.Id, id)
  assert.ok(container!.SizeRw >= 100_000, String(container?.SizeRw))
  assert.equal(container!.SizeRootFs, container!.SizeRw + body.Images[0]!.Size)
  assert.ok(container!.SizeLog > 0, 'its log is told of, too')
  const volume = (name: string) => body.Volumes.find(({ Name }) => Name === name)?.UsageData
  assert.equal(volume('vol')?.RefCount, 1)
  assert.ok(volume('vol')!.Size >= 50_000)
  assert.equal(volume('idle')?.RefCount, 0)
  assert.equal(body.Images[0]!.Containers, 1)
  assert.equal(body.LayersSize, body.Images[0]!.Size)
  assert.deepEqual(body.BuildCache, [])
  const old = await daemon.api.get<Legacy>('/v1.43/system/df')
  assert.equal(old.body.Images[0]!.VirtualSize, body.Images[0]!.Size)

  const both = (await daemon.api.get<DiskUsage & Legacy>('/system/df')).body
  assert.ok(both.ImageUsage && both.Images)
  const usage = (await daemon.api.get<DiskUsage & Legacy>('/system/df?verbose=1')).body
  assert.equal(usage.Images, undefined)
  const { Items, ...images } = usage.ImageUsage!
  assert.equal(Items.length, 1)
  assert.deepEqual(images, { ActiveCount: 1, TotalCount: 1, TotalSize: body.LayersSize })
  assert.equal(usage.VolumeUsage!.TotalCount, 2)
  assert.equal(usage.VolumeUsage!.ActiveCount, 1)
  assert.deepEqual(usage.BuildCacheUsage, {})

  const some = await daemon.api.get('/v1.51/system/df?type=volume&type=build-cache')
  assert.deepEqual(Object.keys(some.body as object).sort(), ['BuildCache', 'Volumes'])
  const bad = await daemon.api.get<{ message: string }>('/system/df?type=x')
  assert.deepEqual([bad.status, bad.body.message], [400, 'unknown object type: x'])
  await daemon.api.delete(`/containers/${id}?force=1`)
  await daemon.api.post(`/volumes/prune?${filtered({ all: ['1'] })}`)
})

interface Pruned {
  ImagesDeleted: Array<{ Untagged?: string; Deleted?: string }> | null
  SpaceReclaimed: number
}

const prune = (filters: object) => daemon.api.post<Pruned>(`/images/prune?${filtered(filters)}`)

async function images(): Promise<string[]> {
  const { body } = await daemon.api.get<ImageSummary[]>('/images/json')
  return body.flatMap(({ RepoTags, Id }) => (RepoTags.length > 0 ? RepoTags : [Id])).sort()
}

test('a prune of images takes what has no name, or all that is not used', async () => {
  const dangling = await importImage('', 200_000)
  await importImage('labelled', 1000, ['LABEL keep=yes'])
  await importImage('plain', 2000)
  const id = await daemon.run({ Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } })

  const first = (await prune({})).body
  assert.equal(first.ImagesDeleted?.[0]?.Deleted, dangling)
  assert.ok(first.SpaceReclaimed > 200_000)
  assert.deepEqual(await images(), ['busybox:latest', 'labelled:latest', 'plain:latest'])
  assert.deepEqual((await prune({})).body, { ImagesDeleted: null, SpaceReclaimed: 0 })

  await prune({ dangling: ['false'], until: ['24h'] })
  await prune({ dangling: ['false'], label: ['keep=no'] })
  assert.equal((await images()).length, 3)
  const second = (await prune({ dangling: ['0'], 'label!': ['keep'] })).body
  assert.ok(second.ImagesDeleted?.some(({ Untagged }) => Untagged === 'plain:latest'))
  assert.deepEqual(await images(), ['busybox:latest', 'labelled:latest'])
  await prune({ dangling: ['false'] })
  assert.deepEqual(await images(), ['busybox:latest'])

  for (const [filters, sentence] of [
    [{ dangling: ['x'] }, "invalid filter 'dangling=[x]'"],
    [{ until: ['1h', '2h'] }, 'more than one until filter specified'],
    [{ before: ['x'] }, "invalid filter 'before'"],
  ] as const) {
    const answer = await daemon.api.post<{ message: string }>(`/images/prune?${filtered(filters)}`)
    assert.deepEqual([answer.status, answer.body.message], [400, sentence])
  }
  await daemon.api.delete(`/containers/${id}?force=1`)
})

test('there is no build cache to prune', async () => {
  const pruned = await daemon.api.post('/build/prune')
  assert.deepEqual(pruned.body, { CachesDeleted: null, SpaceReclaimed: 0 })
  const bad = await daemon.api.post<{ message: string }>('/build/prune?keep-storage=x')
  assert.deepEqual(
    [bad.status, bad.body.message],
    [
      400,
      'keep-storage is in bytes and expects an integer, got x: strconv.Atoi: parsing "x": invalid syntax',
    ],
  )
})

test('a tree that is slow to measure holds up nobody', async () => {
  await daemon.api.post('/volumes/create', { Name: 'large' })
  const root = join(daemon.dataRoot, 'volumes/large/_data')
  for (let i = 0; i < 200; i++) {
    const dir = join(root, String(i))
    mkdirSync(dir)
    for (let j = 0; j < 50; j++) writeFileSync(join(dir, String(j)), '')
  }
  const begun = performance.now()
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => daemon.api.get<Legacy>('/v1.51/system/df')),
  )
  assert.ok(answers.every(({ status }) => status === 200))
  assert.ok(performance.now() - begun < 10_000)
  rmSync(root, { recursive: true })
  mkdirSync(root)
})

test('the stock CLI shows and prunes', { skip: !hasProgram('docker') && 'no docker' }, async () => {
  const shown = await daemon.docker('system', 'df')
  assert.equal(shown.stderr, '')
  assert.deepEqual(
    shown.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s{2,}/)[0]),
    ['TYPE', 'Images', 'Containers', 'Local Volumes', 'Build Cache'],
  )
  const verbose = await daemon.docker('system', 'df', '-v')
  assert.equal(verbose.status, 0)
  assert.match(verbose.stdout, /busybox +latest/)
  assert.match(verbose.stdout, /large +0/)
})
