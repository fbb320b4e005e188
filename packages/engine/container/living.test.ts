import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeWorld } from './testing/fakes.ts'

for (const mode of ['PidMode', 'IpcMode', 'NetworkMode'])
  test(`${mode}: a donor that has just ended is not taken for whoever has its pid now`, async () => {
    await using world = makeWorld()
    const donor = await world.create({ HostConfig: { IpcMode: 'shareable' } }, 'donor')
    await world.containers.backend.start(donor, {})
    const joining = await world.create({ HostConfig: { [mode]: 'container:donor' } }, 'joining')
    const before = new Set(world.kernel.open)
    world.kernel.onSignal = () => {
      throw Object.assign(new Error('kill: ESRCH'), { code: 'ESRCH' })
    }
    await assert.rejects(world.containers.backend.start(joining, {}), /is not running/)
    assert.deepEqual(new Set(world.kernel.open), before)
    world.kernel.onSignal = () => {}
    await world.containers.backend.start(joining, {})
  })
