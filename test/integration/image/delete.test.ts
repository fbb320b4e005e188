/** `DELETE /images/{name}` and `POST /images/prune`: moby's rules, conflict by conflict. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import {
  committed,
  eventsSince,
  inspect,
  list,
  queryText,
  ran,
  remove,
  removeContainer,
  removed,
  step,
  tag,
} from './verbs-rig.ts'

let daemon: TestDaemon
let base: string
before(async () => {
  daemon = await TestDaemon.start()
  base = (await inspect(daemon, 'busybox')).Id
})
after(() => daemon[Symbol.asyncDispose]())

// Whatever a test left, the next one begins with busybox alone.
afterEach(async () => {
  const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
  for (const { Id } of body) await removeContainer(daemon, Id)
  for (const { Id } of await list(daemon, { all: '1' }))
    if (Id !== base) await remove(daemon, Id, { force: '1' })
  assert.deepEqual(
    (await list(daemon, { all: '1' })).map(({ RepoTags }) => RepoTags),
    [['busybox:latest']],
  )
  const layers = join(daemon.dataRoot, 'layers')
  await until('layers to be freed', () => readdirSync(layers).length === 2)
})

const short = (id: string): string => id.replace('sha256:', '').slice(0, 12)
const hex = (id: string): string => id.replace('sha256:', '')

async function refused(name: string, query: Record<string, string>, why: string): Promise<void> {
  const answer = await remove(daemon, name, query)
  assert.deepEqual([answer.status, answer.body.message], [409, why])
}

test('names first, then the image with the last of them, then its layers', async () => {
  const id = await step(daemon, 'busybox', 'echo a > /a', { repo: 'mine' })
  await tag(daemon, 'mine', 'yours:1')
  const [top = ''] = (await inspect(daemon, 'mine')).RootFS.Layers?.slice(-1) ?? []
  assert.deepEqual(await removed(daemon, 'mine'), ['mine:latest'])
  const since = Math.floor(Date.now() / 1000) - 1
  const items = await removed(daemon, 'yours:1')
  assert.deepEqual(items.slice(0, 2), ['yours:1', id])
  assert.equal(items.length, 3)
  assert.ok(top !== '' && items[2] !== base)
  const told = (await eventsSince(daemon, since)).filter(({ Actor }) => Actor.ID === id)
  assert.deepEqual(told.map(({ Action }) => Action).slice(-2), ['untag', 'delete'])
  assert.equal((await remove(daemon, 'yours:1')).body.message, 'No such image: yours:1')
  assert.equal((await remove(daemon, 'yours:1')).status, 404)
})

test('by id: one repository goes with it, several need force', async () => {
  const one = await step(daemon, 'busybox', 'echo 1 > /one', { repo: 'one' })
  assert.deepEqual((await removed(daemon, short(one))).slice(0, 2), ['one:latest', one])
  const two = await step(daemon, 'busybox', 'echo 2 > /two', { repo: 'two' })
  await tag(daemon, 'two', 'three')
  const why = 'image is referenced in multiple repositories'
  await refused(hex(two), {}, `conflict: unable to delete ${short(two)} (must be forced) - ${why}`)
  const items = await removed(daemon, two, { force: '1' })
  assert.deepEqual(items.slice(0, 3).toSorted(), [two, 'three:latest', 'two:latest'].toSorted())
  // Two tags of one repository are several, too.
  const four = await step(daemon, 'busybox', 'echo 4 > /four', { repo: 'four' })
  await tag(daemon, 'four', 'four:2')
  await refused(four, {}, `conflict: unable to delete ${short(four)} (must be forced) - ${why}`)
})

test('containers: stopped ones need force, running ones forbid', async () => {
  const id = await step(daemon, 'busybox', 'echo x > /x', { repo: 'used' })
  const stopped = await ran(daemon, 'true', { Image: 'used' })
  const by = `container ${stopped.slice(0, 12)} is using its referenced image ${short(id)}`
  await refused(
    'used',
    {},
    `conflict: unable to remove repository reference "used" (must force) - ${by}`,
  )
  const still = `image is being used by stopped container ${stopped.slice(0, 12)}`
  await refused(id, {}, `conflict: unable to delete ${short(id)} (must be forced) - ${still}`)
  const running = await daemon.run({ Image: 'used', Cmd: ['sleep', '600'] })
  const live = `image is being used by running container ${running.slice(0, 12)}`
  await refused(
    id,
    { force: '1' },
    `conflict: unable to delete ${short(id)} (cannot be forced) - ${live}`,
  )
  // By name with force: the name goes, the image stays as long as it runs.
  assert.deepEqual(await removed(daemon, 'used', { force: '1' }), ['used:latest'])
  assert.deepEqual((await inspect(daemon, id)).RepoTags, [])
  await removeContainer(daemon, running)
  // Its layers are the container's until that goes.
  assert.deepEqual(await removed(daemon, id, { force: '1' }), [id])
  const again = await daemon.api.post(`/containers/${stopped}/start`)
  assert.equal(again.status, 204, again.text)
  await removeContainer(daemon, stopped)
})

test('images made of others: the child first, and untagged parents go with it', async () => {
  const parent = await step(daemon, 'busybox', 'echo p > /p')
  const middle = await step(daemon, parent, 'echo m > /m')
  const child = await step(daemon, middle, 'echo c > /c', { repo: 'child' })
  const why = 'image has dependent child images'
  for (const [name, query] of [
    [parent, {}],
    [parent, { force: '1' }],
    [middle, { force: '1' }],
  ] as const) {
    await refused(
      name,
      query,
      `conflict: unable to delete ${short(name)} (cannot be forced) - ${why}`,
    )
  }
  assert.deepEqual((await list(daemon)).map(({ Id }) => Id).toSorted(), [base, child].toSorted())
  assert.equal((await list(daemon, { all: '1' })).length, 4)
  const items = await removed(daemon, 'child')
  assert.deepEqual(
    items.filter((item) => [parent, middle, child, 'child:latest'].includes(item)),
    ['child:latest', child, middle, parent],
  )
  assert.equal(items.length, 7)
})

test('a named parent loses its name and no more; noprune keeps those without', async () => {
  const parent = await step(daemon, 'busybox', 'echo p > /p', { repo: 'parent' })
  const child = await step(daemon, 'parent', 'echo c > /c')
  assert.deepEqual(await removed(daemon, 'parent'), ['parent:latest'])
  assert.equal((await inspect(daemon, parent)).Id, parent)
  assert.deepEqual(await removed(daemon, child, { noprune: '1' }).then((all) => all[0]), child)
  assert.equal((await inspect(daemon, parent)).Id, parent)
  assert.deepEqual((await list(daemon)).map(({ Id }) => Id).includes(parent), true)
})

test('platforms: one at most, and the image must be of it', async () => {
  const { Architecture } = await inspect(daemon, 'busybox')
  const platform = (architecture: string): string => JSON.stringify({ os: 'linux', architecture })
  const cases: Array<[string[], number, RegExp]> = [
    [[platform('amd64'), platform('arm64')], 400, /^multiple platforms are not supported$/],
    [['{'], 400, /^failed to parse platform: unexpected end of JSON input$/],
    [['{"os":"linux"}'], 400, /^both OS and Architecture must be provided$/],
    [['{"variant":"v8"}'], 400, /^optional platform fields provided, but OS and/],
    [[platform('s390x')], 404, /does not match the specified platform/],
  ]
  for (const [platforms, status, message] of cases) {
    const answer = await remove(daemon, 'busybox', { platforms })
    assert.equal(answer.status, status, answer.text)
    assert.match(answer.body.message, message)
  }
  await tag(daemon, 'busybox', 'other')
  assert.deepEqual(await removed(daemon, 'other', { platforms: [platform(Architecture)] }), [
    'other:latest',
  ])
})

interface Pruned {
  ImagesDeleted: Array<{ Deleted?: string; Untagged?: string }> | null
  SpaceReclaimed: number
}

async function prune(filters: Record<string, string[]> = {}): Promise<Pruned> {
  const text = queryText({ filters: JSON.stringify(filters) })
  const answer = await daemon.api.post<Pruned>(`/images/prune?${text}`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body
}

test('prune: what has no name and nothing depends on; with its untagged parents', async () => {
  const parent = await step(daemon, 'busybox', 'dd if=/dev/zero of=/p bs=1000 count=5 2>/dev/null')
  const child = await step(daemon, parent, 'echo c > /c')
  const kept = await step(daemon, parent, 'echo k > /k', { repo: 'kept' })
  const first = await prune()
  assert.deepEqual(
    first.ImagesDeleted?.map(({ Deleted }) => Deleted).filter(
      (id) => id === child || id === parent,
    ),
    [child],
  )
  assert.equal(first.SpaceReclaimed, 2)
  assert.equal((await inspect(daemon, parent)).Id, parent)
  const second = await removed(daemon, kept)
  assert.ok(second.includes(parent))
  assert.deepEqual(await prune(), { ImagesDeleted: null, SpaceReclaimed: 0 })
})

test('prune with labels and all: a parent that is needed stays', async () => {
  const label = 'LABEL keep=1'
  const kept = await step(daemon, 'busybox', 'echo k > /k', { changes: label })
  const gone = await step(daemon, 'busybox', 'echo g > /g')
  const some = await prune({ 'label!': ['keep=1'] })
  assert.deepEqual(some.ImagesDeleted?.[0], { Deleted: gone })
  assert.equal((await inspect(daemon, kept)).Id, kept)
  const none = await prune({ label: ['keep=2'] })
  assert.equal(none.ImagesDeleted, null)
  const container = await ran(daemon, 'true', { Image: kept })
  assert.equal((await prune()).ImagesDeleted, null)
  const named = await committed(daemon, { container, repo: 'named' })
  await removeContainer(daemon, container)
  // Nothing was changed in it, so it has no layer of its own.
  assert.equal((await inspect(daemon, named)).RootFS.Layers?.length, 2)
  await tag(daemon, 'busybox', 'stays')
  const holder = await ran(daemon, 'true', { Image: 'stays' })
  const all = await prune({ dangling: ['false'], label: ['keep'] })
  const items = all.ImagesDeleted?.map(({ Deleted, Untagged }) => Untagged ?? Deleted)
  assert.deepEqual(items?.slice(0, 2), ['named:latest', named])
  assert.ok(items?.includes(kept))
  await removeContainer(daemon, holder)
  await removed(daemon, 'stays')
})
