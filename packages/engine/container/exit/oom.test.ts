import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeWorld, settled, type World } from '../testing/fakes.ts'

const oomEvents = (world: World): number =>
  world.events.actions.filter((action) => action === 'oom').length

async function running(world: World): Promise<{ kill(kills: number): Promise<void> }> {
  await world.create({}, 'web')
  await world.containers.backend.start('web', {})
  await settled()
  const [watch] = world.cgroups.oomWatches.values()
  return {
    kill: async (kills) => {
      world.cgroups.ooms = kills
      watch!.onOom(kills)
      await settled()
    },
  }
}

const isFlagged = async (world: World): Promise<boolean> =>
  (await world.containers.backend.inspect('web', { size: false })).State.OOMKilled

test('a kill is told while the container runs on, and once', async () => {
  await using world = makeWorld()
  const { kill } = await running(world)
  assert.equal(await isFlagged(world), false)
  await kill(1)
  assert.equal(await isFlagged(world), true)
  await kill(3)
  assert.equal(oomEvents(world), 2)
  world.shims.last.end(0)
  await settled()
  assert.equal(oomEvents(world), 2)
  assert.equal(await isFlagged(world), true)
  assert.equal(world.cgroups.oomWatches.size, 0)
})

test('a kill that nobody was told of is told before the exit', async () => {
  await using world = makeWorld()
  await running(world)
  world.cgroups.ooms = 1
  world.shims.last.end(137)
  await settled()
  assert.deepEqual(world.events.actions.slice(-2), ['oom', 'die'])
  world.cgroups.ooms = 0
  await world.containers.backend.start('web', {})
  assert.equal(await isFlagged(world), false)
})

test('a watch that cannot be had does not keep a container from running', async () => {
  await using world = makeWorld()
  world.cgroups.watchOom = () => {
    throw new Error('EMFILE')
  }
  await world.create({}, 'web')
  await world.containers.backend.start('web', {})
  world.cgroups.ooms = 1
  world.shims.last.end(137)
  await settled()
  assert.equal(oomEvents(world), 1)
})
