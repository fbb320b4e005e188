import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerUpdateRequest, HostConfig } from '@tdocker/api'
import type { CgroupResources } from '@tdocker/kernel/cgroup/driver.ts'
import { failureOf, makeWorld, type World } from '../testing/fakes.ts'
import { changesOf, liveResources } from './merge-limits.ts'

const MiB = 1024 * 1024
const inspect = { size: false, version: '1.51' }

/** Limits the kernel was told, and those taken back. */
function watchUpdates(world: World): { told: CgroupResources[]; undone: () => number } {
  const told: CgroupResources[] = []
  let undone = 0
  world.cgroups.update = (_path, resources) => {
    told.push(resources)
    return Promise.resolve(() => Promise.resolve(void undone++))
  }
  return { told, undone: () => undone }
}

const hostConfigOf = async (world: World): Promise<HostConfig> =>
  (await world.containers.backend.inspect('web', inspect)).HostConfig

const update = (
  world: World,
  body: ContainerUpdateRequest,
): ReturnType<World['containers']['backend']['update']> =>
  world.containers.backend.update('web', body)

test('a stopped container keeps new limits for its next start', async () => {
  await using world = makeWorld()
  const { told } = watchUpdates(world)
  await world.create({}, 'web')
  const answer = await update(world, {
    CpuShares: 512,
    PidsLimit: 9,
    RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
  })
  assert.deepEqual(answer, { Warnings: null })
  assert.deepEqual(told, [])
  const { CpuShares, PidsLimit, RestartPolicy } = await hostConfigOf(world)
  assert.deepEqual([CpuShares, PidsLimit], [512, 9])
  assert.deepEqual(RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 })
  assert.equal(world.events.actions.at(-1), 'update')
  const row = world.events.statements.at(-1)!
  assert.match(String(row.parameters[0]), /"PidsLimit":9/)
})

test('a running one gets them at once, with what belongs to them', async () => {
  await using world = makeWorld()
  const { told } = watchUpdates(world)
  await world.create({ HostConfig: { Memory: 64 * MiB, CpuPeriod: 50_000 } }, 'web')
  await world.containers.backend.start('web', {})
  await update(world, { MemorySwap: 256 * MiB, CpuQuota: 25_000 })
  assert.deepEqual(told, [
    {
      memoryBytes: 64 * MiB,
      memorySwapBytes: 256 * MiB,
      cpuPeriodUs: 50_000,
      cpuQuotaUs: 25_000,
    },
  ])
})

test('what cannot be committed is taken back in the kernel', async () => {
  await using world = makeWorld()
  const { undone } = watchUpdates(world)
  const id = await world.create({}, 'web')
  await world.containers.backend.start('web', {})
  world.events.failure = new Error('disk full')
  assert.equal(
    await failureOf(update(world, { CpuShares: 5 })),
    `system: Cannot update container ${id}: disk full`,
  )
  assert.equal(undone(), 1)
  assert.equal((await hostConfigOf(world)).CpuShares, 0)
})

test('what the kernel refuses is not recorded', async () => {
  await using world = makeWorld()
  const id = await world.create({}, 'web')
  await world.containers.backend.start('web', {})
  world.cgroups.update = () => Promise.reject(new Error('EINVAL'))
  assert.equal(
    await failureOf(update(world, { CpuShares: 5 })),
    `system: Cannot update container ${id}: EINVAL`,
  )
  assert.equal((await hostConfigOf(world)).CpuShares, 0)
  assert.ok(!world.events.actions.includes('update'))
})

test('wrong values are told before an unknown name, conflicts after it', async () => {
  await using world = makeWorld()
  const id = await world.create({ HostConfig: { AutoRemove: true, NanoCpus: 1e9 } }, 'web')
  const nobody = world.containers.backend.update('nobody', { Memory: 5 })
  assert.equal(await failureOf(nobody), 'invalidParameter: Minimum memory limit allowed is 6MB')
  assert.equal(
    await failureOf(world.containers.backend.update('nobody', { CpuShares: 5 })),
    'notFound: No such container: nobody',
  )
  assert.equal(
    await failureOf(update(world, { RestartPolicy: { Name: 'sometimes' } })),
    "invalidParameter: invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  )
  const conflicts: Array<[ContainerUpdateRequest, string]> = [
    [
      { RestartPolicy: { Name: 'always' } },
      'Restart policy cannot be updated because AutoRemove is enabled for the container',
    ],
    [
      { CpuPeriod: 5000 },
      'Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set',
    ],
    [
      { CpuQuota: 5000 },
      'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set',
    ],
    [
      { Memory: 64 * MiB },
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    ],
  ]
  for (const [body, sentence] of conflicts)
    assert.equal(
      await failureOf(update(world, body)),
      `conflict: Cannot update container ${id}: ${sentence}`,
    )
  await update(world, { RestartPolicy: { Name: 'no' } })
})

test('a machine that cannot limit says so and leaves the value out', async () => {
  await using world = makeWorld()
  Object.assign(world.cgroups, { features: { ...world.cgroups.features, pidsLimit: false } })
  await world.create({}, 'web')
  assert.deepEqual(await update(world, { PidsLimit: 5 }), {
    Warnings: [
      'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
    ],
  })
  assert.equal((await hostConfigOf(world)).PidsLimit, null)
})

test('zeros change nothing, empty lists take limits away', () => {
  assert.deepEqual(changesOf({}, { Memory: 0, CpuShares: 0, CpusetCpus: '' }), {})
  const current: HostConfig = {
    BlkioDeviceReadBps: [
      { Path: '/dev/null', Rate: 5 },
      { Path: '/dev/zero', Rate: 6 },
    ],
  }
  const changes = changesOf(current, { BlkioDeviceReadBps: [{ Path: '/dev/zero', Rate: 7 }] })
  assert.deepEqual(liveResources(current, changes).BlkioDeviceReadBps, [
    { Path: '/dev/null', Rate: 0, Weight: 0 },
    { Path: '/dev/zero', Rate: 7 },
  ])
})
