import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeWorld, type World } from '../testing/fakes.ts'

async function names(
  world: World,
  o: { all?: boolean; limit?: number; filters?: Record<string, string[]> } = {},
): Promise<string[]> {
  const list = await world.containers.backend.list({
    all: o.all ?? false,
    limit: o.limit ?? 0,
    size: false,
    filters: new Map(Object.entries(o.filters ?? {})),
  })
  return list.map((summary) => summary.Names[0]!.slice(1))
}

async function threeContainers(): Promise<World> {
  const world = makeWorld()
  for (const name of ['one', 'two', 'three']) {
    await world.create({}, name)
    await world.clock.pass(1)
  }
  await world.containers.backend.start('two', {})
  return world
}

test('running ones only, newest first with all, limit means all', async () => {
  await using world = await threeContainers()
  assert.deepEqual(await names(world), ['two'])
  assert.deepEqual(await names(world, { all: true }), ['three', 'two', 'one'])
  assert.deepEqual(await names(world, { limit: 2 }), ['three', 'two'])
  assert.deepEqual(await names(world, { filters: { status: ['created'] } }), ['three', 'one'])
})

test('before and since', async () => {
  await using world = await threeContainers()
  const all = (filters: Record<string, string[]>): Promise<string[]> =>
    names(world, { all: true, filters })
  assert.deepEqual(await all({ before: ['two'] }), ['one'])
  assert.deepEqual(await all({ since: ['two'] }), ['three'])
  assert.deepEqual(await all({ since: ['one'], before: ['three'] }), ['two'])
  assert.deepEqual(await all({ since: ['three'], before: ['one'] }), [])
})

test('ancestor by any name of the image; an unknown one has no descendants', async () => {
  await using world = await threeContainers()
  const count = async (image: string): Promise<number> =>
    (await names(world, { all: true, filters: { ancestor: [image] } })).length
  assert.equal(await count('sha256:1'), 3)
  assert.equal(await count('busybox'), 3)
  assert.equal(await count('other'), 0)
})

test('sizes are counted when asked for', async () => {
  await using world = await threeContainers()
  const o = { all: false, limit: 0, size: true, filters: new Map() }
  const [first] = await world.containers.backend.list(o)
  assert.equal(first!.SizeRw, 5)
})
