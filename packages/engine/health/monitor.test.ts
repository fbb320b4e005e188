import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerCreateRequest } from '@tdocker/api'
import { makeWorld, settled, type World } from '../container/testing/fakes.ts'
import type { RunProbe } from './probe.ts'

const SECOND = 1e9

interface Probes {
  world: World
  id: string
  /** Signals of the probes under way. */
  signals: AbortSignal[]
  answer: (exitCode: number) => Promise<void>
}

async function probed(health: ContainerCreateRequest['Healthcheck']): Promise<Probes> {
  const signals: AbortSignal[] = []
  const waiting: Array<(code: number) => void> = []
  const runProbe: RunProbe = (_ctx, _c, _check, signal) =>
    new Promise((resolve) => {
      signals.push(signal)
      waiting.push((ExitCode) => resolve({ End: 'end', ExitCode, Output: 'said' }))
    })
  const world = makeWorld({ runProbe })
  const id = await world.create(
    { Healthcheck: { Test: ['CMD', 'x'], Interval: SECOND, Retries: 1, ...health } },
    'web',
  )
  await world.containers.backend.start(id, {})
  const answer = async (code: number): Promise<void> => {
    waiting.shift()!(code)
    await settled()
  }
  return { world, id, signals, answer }
}

const healthOf = async ({ world, id }: Probes) =>
  (await world.containers.backend.inspect(id, { size: false })).State.Health

const statusOf = async ({ world }: Probes) => {
  const o = { all: true, limit: 0, size: false, filters: new Map(), version: '1.52' }
  const [summary] = await world.containers.backend.list(o)
  return `${summary!.Status} ${summary!.Health!.Status}`
}

test('starting, unhealthy, healthy: each change is an event', async () => {
  const probes = await probed({})
  await using world = probes.world
  assert.deepEqual(await healthOf(probes), { Status: 'starting', FailingStreak: 0, Log: [] })
  assert.equal(await statusOf(probes), 'Up Less than a second (health: starting) starting')
  await world.clock.pass(999)
  assert.equal(probes.signals.length, 0)
  await world.clock.pass(1)
  assert.equal(probes.signals.length, 1)
  await probes.answer(1)
  const ill = await healthOf(probes)
  assert.deepEqual([ill!.Status, ill!.FailingStreak], ['unhealthy', 1])
  assert.deepEqual([ill!.Log[0]!.ExitCode, ill!.Log[0]!.Output], [1, 'said'])
  await world.clock.pass(1000)
  await probes.answer(0)
  await world.clock.pass(1000)
  await probes.answer(0)
  assert.equal((await healthOf(probes))!.Status, 'healthy')
  assert.match(await statusOf(probes), /\(healthy\) healthy$/)
  assert.deepEqual(
    world.events.actions.filter((action) => action.startsWith('health')),
    ['health_status: unhealthy', 'health_status: healthy'],
  )
})

test('one probe at a time, the next one an interval after its end', async () => {
  const probes = await probed({})
  await using world = probes.world
  await world.clock.pass(60_000)
  assert.equal(probes.signals.length, 1)
  await probes.answer(0)
  await world.clock.pass(999)
  assert.equal(probes.signals.length, 1)
  await world.clock.pass(1)
  assert.equal(probes.signals.length, 2)
})

test('the end of the container ends the probe, and its late result is nothing', async () => {
  const probes = await probed({})
  await using world = probes.world
  await world.clock.pass(1000)
  world.shims.last.end(0)
  await settled()
  assert.equal(probes.signals[0]!.aborted, true)
  await probes.answer(0)
  assert.deepEqual(await healthOf(probes), { Status: 'unhealthy', FailingStreak: 0, Log: [] })
  await world.clock.pass(60_000)
  assert.equal(probes.signals.length, 1)
  await world.containers.backend.start(probes.id, {})
  assert.equal((await healthOf(probes))!.Status, 'starting')
})

test('a container without a check has no health', async () => {
  const probes = await probed({ Test: ['NONE'] })
  await using world = probes.world
  assert.equal(await healthOf(probes), undefined)
  assert.equal(world.clock.waiting, 0)
  assert.equal(await statusOf(probes), 'Up Less than a second none')
})
