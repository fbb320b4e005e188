/**
 * kill -9 of the daemon amid every verb on images: afterwards what was told is there, what is there is
 * whole (each layer rebuilt, each blob read again), and nothing belongs to nobody.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { FsckReport } from '@tdocker/api'
import { Random } from '../fuzz/random.ts'
import { makeImage, makeLayer, tarOf } from '../lib/image-maker.ts'
import { FaultRegistry, type TestRegistry, startRegistry } from '../lib/registry.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'

const PULLED = 4
const ALL = encodeURIComponent('{"dangling":["false"]}')
/** Only what the storm pulls; what a worker made is to stay. */
const PULLED_ONES = encodeURIComponent('{"dangling":["false"],"label":["storm"]}')
const TAR = { 'Content-Type': 'application/x-tar' }

interface Storm {
  daemon: TestDaemon
  source: FaultRegistry
  target: TestRegistry
  /** What `save` gave of the first image. */
  archive: Buffer
  /** A root file system. */
  tar: Buffer
  container: string
  random: Random
}

type Verb = (o: Storm, name: string) => Promise<unknown>

/** Names of `mine-…` are made once and removed by nobody. */
const VERBS: Readonly<Record<string, Verb>> = {
  pull: (o) => pull(o, o.random.next()),
  'pull again': (o) => pull(o, o.random.next()),
  remove: ({ daemon, ...o }) => daemon.api.delete(`/images/${nameOf(o, o.random.next())}?force=1`),
  prune: ({ daemon }) => daemon.api.post(`/images/prune?filters=${PULLED_ONES}`),
  'prune content': ({ daemon }) => daemon.api.post('/content/prune'),
  load: ({ daemon, archive }) => daemon.api.request('POST', '/images/load', archive, TAR),
  save: ({ daemon }) => daemon.api.get('/images/busybox/get'),
  push: async ({ daemon, target }, name) => {
    await daemon.api.post(`/images/busybox/tag?repo=${target.host}/${name}&tag=1`)
    await daemon.api.request('POST', `/images/${target.host}/${name}/push?tag=1`, undefined, {
      'X-Registry-Auth': 'e30=',
    })
  },
  repair: ({ daemon }) => daemon.api.post('/fsck?repair=1'),
}

const TOLD: Readonly<Record<string, (o: Storm, name: string) => Promise<boolean>>> = {
  import: async ({ daemon, tar }, name) => {
    const path = `/images/create?fromSrc=-&repo=${name}&tag=1`
    const { status, text } = await daemon.api.request('POST', path, tar, TAR)
    return status === 200 && !text.includes('"error"')
  },
  commit: async ({ daemon, container }, name) => {
    const path = `/commit?container=${container}&repo=${name}&tag=1`
    return (await daemon.api.post(path, {})).status === 201
  },
  tag: async ({ daemon }, name) =>
    (await daemon.api.post(`/images/busybox/tag?repo=${name}&tag=1`)).status === 201,
}

function nameOf({ source }: Pick<Storm, 'source'>, at: number): string {
  return `${source.host}/app-${Math.floor(at * PULLED)}:1`
}

function pull(o: Storm, at: number): Promise<unknown> {
  return o.daemon.api.post(`/images/create?fromImage=${nameOf(o, at)}`)
}

export interface StormReport {
  rounds: number
  /** Requests answered before the kill. */
  answered: number
  /** Images told and found again. */
  kept: number
}

export async function imageStorm(o: { rounds: number; seed: number }): Promise<StormReport> {
  await using source = await FaultRegistry.start()
  await using target = await startRegistry()
  await using daemon = await TestDaemon.start()
  const storm = await prepare({ daemon, source, target, random: new Random(o.seed) })
  const report: StormReport = { rounds: o.rounds, answered: 0, kept: 0 }
  for (let round = 0; round < o.rounds; round++) {
    const told = new Set<string>()
    const names = [...Object.keys(VERBS), ...Object.keys(TOLD)]
    const workers = Array.from({ length: 4 }, (_, worker) =>
      work(storm, { names, told, prefix: `mine-${round}-${worker}` }),
    )
    await delay(30 + storm.random.next() * 1500)
    await daemon.crash()
    report.answered += (await Promise.all(workers)).reduce((sum, n) => sum + n, 0)
    const mark = daemon.log.length
    await daemon.boot()
    await until('the restore', () => daemon.log.slice(mark).includes('restored'))
    await inOrder(daemon, `round ${round} of seed ${o.seed}`)
    for (const name of told) {
      assert.equal((await daemon.api.get(`/images/${name}:1/json`)).status, 200, `${name} is gone`)
      report.kept++
      await daemon.api.delete(`/images/${name}:1`)
    }
  }
  await daemon.api.delete(`/containers/${storm.container}?force=1`)
  await daemon.api.post(`/images/prune?filters=${ALL}`)
  const { body } = await daemon.api.post<FsckReport>('/fsck?deep=1')
  assert.deepEqual(body.Findings, [])
  const left = body.Owners.filter(({ Owner }) => ['layers', 'blobs'].includes(Owner))
  assert.deepEqual(
    left.map(({ Bytes }) => Bytes),
    left.map(() => 0),
    'nothing is left of all that',
  )
  return report
}

/** Verbs in random order until the daemon is gone; how many were answered. */
async function work(
  storm: Storm,
  o: { names: readonly string[]; told: Set<string>; prefix: string },
): Promise<number> {
  for (let n = 0; ; n++) {
    const verb = storm.random.pick(o.names)
    const name = `${o.prefix}-${n}`
    try {
      if (TOLD[verb]) {
        if (await TOLD[verb](storm, name)) o.told.add(name)
      } else await VERBS[verb]?.(storm, name)
    } catch {
      return n
    }
  }
}

async function inOrder(daemon: TestDaemon, when: string): Promise<void> {
  const { status, body, text } = await daemon.api.post<FsckReport>('/fsck?deep=1')
  assert.equal(status, 200, text)
  assert.deepEqual(body.Findings, [], when)
}

async function prepare(o: Pick<Storm, 'daemon' | 'source' | 'target' | 'random'>): Promise<Storm> {
  const layer = async (name: string) =>
    makeLayer(await tarOf([{ name: `${name}/f`, content: name.repeat(30_000) }]))
  const shared = await layer('shared')
  for (let n = 0; n < PULLED; n++)
    o.source.add(
      `app-${n}:1`,
      makeImage({
        layers: [shared, await layer(`own-${n}`)],
        config: { Labels: { storm: String(n) } },
      }),
    )
  const container = await o.daemon.run({
    Cmd: ['sh', '-c', 'echo changed > /changed; sleep 1000'],
    HostConfig: { NetworkMode: 'none' },
  })
  const response = await o.daemon.api.stream('GET', '/images/busybox/get')
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  const tar = await tarOf([{ name: 'imported', content: 'x'.repeat(100_000) }])
  return { ...o, container, archive: Buffer.concat(parts), tar }
}
