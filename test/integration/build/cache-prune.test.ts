/** `POST /build/prune` and `builder.gc`: what goes, in which order, and what is told of it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { built, cachedSteps } from './build-rig.ts'

interface CacheRecord {
  ID: string
  Parents?: string[]
  Type: string
  Description: string
  InUse: boolean
  Shared: boolean
  Size: number
  UsageCount: number
}

interface Pruned {
  CachesDeleted: string[] | null
  SpaceReclaimed: number
}

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

async function records(of: TestDaemon = daemon): Promise<CacheRecord[]> {
  const { body } = await of.api.get<{ BuildCache: CacheRecord[] }>(
    '/v1.51/system/df?type=build-cache',
  )
  return body.BuildCache
}

async function prune(query: Readonly<Record<string, string>> = {}): Promise<Pruned> {
  const { status, body } = await daemon.api.post<Pruned>(
    `/build/prune?${new URLSearchParams(query)}`,
  )
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

const filters = (o: Readonly<Record<string, readonly string[]>>): Record<string, string> => ({
  filters: JSON.stringify(o),
})

const fill = (name: string, kilobytes: number): string =>
  `RUN dd if=/dev/urandom of=/${name} bs=1024 count=${kilobytes} 2>&1\n`

async function clean(): Promise<void> {
  await prune({ all: '1' })
  assert.deepEqual(await records(), [])
}

test('filters choose: id, type, description, parent, shared, until', async () => {
  await clean()
  await built(daemon, { Dockerfile: `FROM busybox\nRUN echo one\nRUN echo two\n` })
  await built(daemon, {
    Dockerfile: `FROM busybox\nRUN --mount=type=cache,target=/c echo three > /c/f\n`,
  })
  await built(daemon, { Dockerfile: `FROM busybox\nRUN echo shared\n` }, { t: 'shared' })
  const all = await records()
  const find = (text: string): CacheRecord =>
    all.find(({ Description }) => Description.includes(text))!
  assert.equal(find('two').Parents?.[0], find('one').ID)
  for (const none of [
    { type: ['source.local'] },
    { until: ['24h'] },
    { 'unused-for': ['1h'] },
    { description: ['echo'] },
    { inuse: [] },
    { shared: [] },
    { parent: ['none'] },
    // Something was made of it.
    { id: [find('one').ID] },
  ])
    assert.deepEqual(await prune(filters(none)), { CachesDeleted: null, SpaceReclaimed: 0 })
  assert.equal((await records()).length, all.length)
  const two = await prune(filters({ parent: [find('one').ID] }))
  assert.deepEqual(two.CachesDeleted, [find('two').ID])
  const mount = await prune(filters({ type: ['exec.cachemount'] }))
  assert.equal(mount.CachesDeleted?.length, 1)
  const one = await prune(filters({ description: [find('one').Description] }))
  assert.deepEqual(one.CachesDeleted, [find('one').ID])
  const rest = await prune()
  assert.deepEqual(rest.CachesDeleted, [find('three').ID])
  assert.deepEqual(
    (await records()).map(({ Shared }) => Shared),
    [true],
  )
  const shared = await prune({
    all: '1',
    ...filters({ shared: ['true'], label: ['means=nothing'] }),
  })
  assert.deepEqual(shared.CachesDeleted, [find('shared').ID])
  assert.equal((await daemon.api.get('/images/shared/json')).status, 200)
})

test('what is wrong is refused in moby’s words, and changes nothing', async () => {
  await built(daemon, { Dockerfile: 'FROM busybox\nRUN echo stays\n' })
  const kept = (await records()).length
  for (const [query, message] of [
    [filters({ id: ['a', 'b'] }), 'filters expect only one value'],
    [
      filters({ until: ['1h'], 'unused-for': ['1h'] }),
      'conflicting filters: "until" and "unused-for"',
    ],
    [
      filters({ until: ['soon'] }),
      `"until" filter expects a duration (e.g., '24h') or a timestamp: failed to parse value as time or duration: `,
    ],
    [filters({ mutable: ['1'] }), "invalid filter 'mutable'"],
    [{ 'max-used-space': 'much' }, 'max-used-space is in bytes and expects an integer, got much: '],
  ] as const) {
    const { status, body } = await daemon.api.post<{ message: string }>(
      `/build/prune?${new URLSearchParams(query as Record<string, string>)}`,
    )
    assert.equal(status, 400, JSON.stringify(body))
    assert.ok(body.message.startsWith(message), body.message)
  }
  assert.equal((await records()).length, kept)
})

test('budgets: what is used least goes until the rest fits', async () => {
  await clean()
  const build = (name: string): ReturnType<typeof built> =>
    built(daemon, { Dockerfile: `FROM busybox\n${fill(name, 200)}` })
  for (const name of ['first', 'second', 'third']) await build(name)
  assert.equal(cachedSteps(await build('first')), 1)
  const total = (await records()).reduce((sum, { Size }) => sum + Size, 0)
  assert.ok(total > 600_000, `${total}`)
  const sizes = [
    ['reserved-space', 700_000, []],
    ['min-free-space', 1, []],
    ['keep-storage', 450_000, ['second']],
    ['max-used-space', 250_000, ['third']],
  ] as const
  for (const [parameter, size, gone] of sizes) {
    const before = await records()
    const { CachesDeleted, SpaceReclaimed } = await prune({ [parameter]: String(size) })
    const told = before.filter(({ ID }) => CachesDeleted?.includes(ID))
    assert.deepEqual(
      told.map(({ Description }) => /of=\/(\w+)/.exec(Description)?.[1]),
      gone,
      parameter,
    )
    if (gone.length > 0) assert.ok(SpaceReclaimed > 200_000)
  }
  assert.equal(cachedSteps(await build('first')), 1)
  // Versions that know but one parameter.
  const old = await daemon.api.post<Pruned>(
    '/v1.47/build/prune?max-used-space=1&reserved-space=1&keep-storage=900000',
  )
  assert.equal(old.body.CachesDeleted, null)
})

test('totals of df: shared is not in use, and not to be reclaimed', async () => {
  await clean()
  await built(daemon, { Dockerfile: `FROM busybox\n${fill('named', 100)}` }, { t: 'named' })
  await built(daemon, { Dockerfile: `FROM busybox\n${fill('other', 100)}` })
  const { body } = await daemon.api.get<{ BuildCacheUsage: Record<string, unknown> }>(
    '/v1.52/system/df?type=build-cache&verbose=1',
  )
  const { ActiveCount = 0, TotalCount, Reclaimable, TotalSize, Items } = body.BuildCacheUsage
  const items = Items as CacheRecord[]
  const shared = items.find(({ Shared }) => Shared)!
  assert.deepEqual([ActiveCount, TotalCount], [0, 2])
  assert.equal(Number(TotalSize) - Number(Reclaimable), shared.Size)
  assert.equal('BuildCache' in body, false)
  const both = await daemon.api.get<object>('/v1.52/system/df?type=build-cache')
  assert.ok('BuildCache' in both.body && 'BuildCacheUsage' in both.body)
  const legacy = await daemon.api.get<object>('/v1.41/system/df')
  assert.ok('BuildCache' in legacy.body && !('BuildCacheUsage' in legacy.body))
})

test('builder.gc keeps the cache within its budget by itself; what a name holds stays', async () => {
  const policy = [{ all: true, maxUsedSpace: '300kb' }]
  await using own = await TestDaemon.start({
    config: { builder: { gc: { enabled: true, policy } } },
  })
  const named = { Dockerfile: `FROM busybox\n${fill('named', 250)}` }
  await built(own, named, { t: 'named' })
  for (const name of ['a', 'b', 'c'])
    await built(own, { Dockerfile: `FROM busybox\n${fill(name, 150)}` })
  const size = (all: readonly CacheRecord[]): number =>
    all.reduce((sum, { Shared, Size }) => sum + (Shared ? 0 : Size), 0)
  await until('the collection', async () => size(await records(own)) <= 300 * 1024)
  const left = await records(own)
  assert.ok(
    left.some(({ Description }) => Description.includes('/c ')),
    JSON.stringify(left),
  )
  assert.equal((await own.api.get('/images/named/json')).status, 200)
  assert.doesNotMatch(own.log, /collection of the build cache/)
})
