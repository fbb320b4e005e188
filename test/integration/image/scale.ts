import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FsckReport, ImageSummary } from '@tdocker/api'
import { makeManyImages } from '../../lib/many-images.ts'
import { patience } from '../../lib/patience.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

/** Milliseconds, and megabytes of memory. */
export interface ScaleReport {
  start: number
  restored: number
  firstList: number
  list: number
  listWhileChanging: number
  diskUsage: number
  create: number
  fsck: number
  prune: number
  residentMb: number
  databaseMb: number
}

export interface ScaleLimits {
  start: number
  list: number
  prune: number
}

/** Serves `count` images, removes them all, and proves that nothing is left. */
export async function manyImages(count: number, limits: ScaleLimits): Promise<ScaleReport> {
  await using daemon = await TestDaemon.start({ busybox: false })
  const empty = contentBytes(await fsck(daemon))
  await daemon.end()
  await makeManyImages(daemon.dataRoot, count)
  const list = async (): Promise<ImageSummary[]> =>
    (await daemon.api.get<ImageSummary[]>('/images/json')).body
  const samples: number[][] = []
  // The quickest of three: others use the machine, too.
  for (let round = 0; round < 3; round++) {
    if (round > 0) await daemon.end()
    const mark = daemon.log.length
    const [start] = await timed(() => daemon.boot())
    const [restored] = await timed(() =>
      until('the restore', () => daemon.log.slice(mark).includes('restored')),
    )
    assert.doesNotMatch(daemon.log.slice(mark), /warn|error/i)
    const [firstList, images] = await timed(list)
    assert.equal(images.length, count)
    assert.equal(images[0]?.RepoTags[0], `scale/app-${count - 1}:1`)
    const [again] = await timed(list)
    samples.push([start, restored, firstList, again])
  }
  const best = (at: number): number => Math.min(...samples.map((sample) => sample[at] ?? Infinity))
  const [start, restored, firstList, again] = [best(0), best(1), best(2), best(3)]
  await daemon.api.post('/images/scale/app-0:1/tag?repo=other&tag=1')
  const [listWhileChanging] = await timed(list)
  await daemon.api.delete('/images/other:1')

  const [diskUsage, usage] = await timed(() =>
    daemon.api.get<{ ImageUsage: { TotalSize: number } }>('/system/df?verbose=1'),
  )
  assert.equal(usage.status, 200)
  const created = await timed(() =>
    daemon.api.post<{ Id: string }>('/containers/create', { Image: 'scale/app-7:1' }),
  )
  const { Id } = created[1].body
  assert.equal((await daemon.api.post(`/containers/${Id}/start`)).status, 204)
  await daemon.api.delete(`/containers/${Id}?force=1`)
  const [checked, before] = await timed(() => fsck(daemon))
  assert.deepEqual(before.Findings, [])

  const all = encodeURIComponent('{"dangling":["false"]}')
  const [prune, pruned] = await timed(() =>
    daemon.api.post<{ ImagesDeleted: unknown[] }>(`/images/prune?filters=${all}`),
  )
  assert.equal(pruned.status, 200)
  assert.equal((await list()).length, 0)
  const after = await fsck(daemon)
  assert.deepEqual(after.Findings, [])
  assert.deepEqual(contentBytes(after), empty)
  const residentMb = memoryOf(daemon.pid)
  await daemon.end()
  await daemon.boot()
  const database = (await fsck(daemon)).Owners.find(({ Owner }) => Owner === 'database')?.Bytes ?? 0
  const report: ScaleReport = {
    start,
    restored,
    firstList,
    list: again,
    listWhileChanging,
    diskUsage,
    create: created[0],
    fsck: checked,
    prune,
    residentMb,
    databaseMb: Math.round(database / 1e6),
  }
  for (const [name, limit] of Object.entries(limits) as Array<[keyof ScaleLimits, number]>)
    assert.ok(report[name] <= limit * patience, `${name}: ${JSON.stringify(report)}`)
  assert.ok(firstList <= limits.list * patience, `first list: ${JSON.stringify(report)}`)
  return report
}

async function fsck(daemon: TestDaemon): Promise<FsckReport> {
  const { status, body, text } = await daemon.api.post<FsckReport>('/fsck')
  assert.equal(status, 200, text)
  return body
}

/** The database keeps events. */
function contentBytes({ Owners }: FsckReport): Record<string, number> {
  const content = ['layers', 'blobs', 'partials', 'containers', 'volumes', 'logs', 'unknown']
  return Object.fromEntries(
    content.map((owner) => [owner, Owners.find(({ Owner }) => Owner === owner)?.Bytes ?? 0]),
  )
}

async function timed<T>(body: () => Promise<T>): Promise<[ms: number, answer: T]> {
  const begun = performance.now()
  const answer = await body()
  return [Math.round(performance.now() - begun), answer]
}

function memoryOf(pid: number): number {
  const status = readFileSync(join('/proc', String(pid), 'status'), 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000)
}
