import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf, makeWorld, settled, type World } from './testing/fakes.ts'

const inspect = { size: false, version: '1.51' }

async function running(world: World): Promise<string> {
  const id = await world.create({}, 'web')
  await world.containers.backend.start('web', {})
  return id
}

const stateOf = async (world: World): Promise<string> =>
  (await world.containers.backend.inspect('web', inspect)).State.Status

test('a pause that the kernel or the disk refuses leaves a running, thawed container', async () => {
  await using world = makeWorld()
  const id = await running(world)
  const { freeze } = world.cgroups
  world.cgroups.freeze = (path, frozen) =>
    frozen ? Promise.reject(new Error('EBUSY')) : freeze.call(world.cgroups, path, frozen)
  assert.equal(
    await failureOf(world.containers.backend.pause('web')),
    `system: cannot pause container ${id}: EBUSY`,
  )
  world.cgroups.freeze = freeze
  world.events.failure = new Error('disk full')
  assert.equal(await failureOf(world.containers.backend.pause('web')), 'Error: disk full')
  assert.equal(await stateOf(world), 'running')
  assert.equal(world.cgroups.frozen.size, 0)
})

test('an unpause works on a full disk', async () => {
  await using world = makeWorld()
  await running(world)
  await world.containers.backend.pause('web')
  world.events.failure = new Error('disk full')
  await world.containers.backend.unpause('web')
  assert.equal(await stateOf(world), 'running')
  assert.equal(world.cgroups.frozen.size, 0)
})

test('the signal goes first, the thaw second, and the exit is told last', async () => {
  await using world = makeWorld()
  await running(world)
  await world.containers.backend.pause('web')
  world.kernel.onSignal = () => {
    assert.equal(world.cgroups.frozen.size, 1)
    world.shims.last.end(137)
  }
  await world.containers.backend.kill('web', { signal: 'KILL' })
  await settled()
  assert.deepEqual(world.events.actions.slice(2), ['pause', 'kill', 'die'])
})

test('who waits to signal a paused container that ends meanwhile signals nothing', async () => {
  await using world = makeWorld()
  const id = await running(world)
  await world.containers.backend.pause('web')
  world.kernel.onSignal = () => world.shims.last.end(137)
  const kills = [1, 2, 3].map(() => world.containers.backend.kill('web', { signal: 'KILL' }))
  const told = await Promise.allSettled(kills)
  assert.equal(told[0]!.status, 'fulfilled')
  for (const one of told)
    if (one.status === 'rejected')
      assert.equal(
        (one.reason as Error).message,
        `cannot kill container: web: container ${id} is not running`,
      )
  await settled()
  assert.equal(await stateOf(world), 'exited')
})
