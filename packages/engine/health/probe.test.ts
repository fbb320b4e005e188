import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { makeWorld, settled } from '../container/testing/fakes.ts'
import { healthCheckOf } from './health.ts'
import { runProbe } from './probe.ts'

test('a probe leaves no listener on the signal, which lives as long as the container runs', async () => {
  let life: AbortSignal | undefined
  await using world = makeWorld({
    runProbe: (ctx, c, _check, signal) => {
      life = signal
      return runProbe(ctx, c, healthCheckOf({ Healthcheck: { Test: ['CMD'] } })!, signal)
    },
  })
  const Healthcheck = { Test: ['CMD', 'x'], Interval: 1e9 }
  const id = await world.create({ Healthcheck }, 'web')
  await world.containers.backend.start(id, {})
  for (let probes = 0; probes < 3; probes++) {
    await world.clock.pass(1000)
    await settled()
    await world.clock.pass(500)
    await settled()
  }
  assert.equal(getEventListeners(life!, 'abort').length, 0)
})
