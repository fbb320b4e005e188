import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerStatsResponse } from '@tdocker/api'
import { failureOf, makeWorld, settled, type World } from '../testing/fakes.ts'

const never = new AbortController().signal

/** Everything a stream yields, as it comes. */
async function follow(
  world: World,
  o: { stream?: boolean; oneShot?: boolean; signal?: AbortSignal } = {},
): Promise<{ samples: ContainerStatsResponse[]; ended: () => boolean }> {
  const samples: ContainerStatsResponse[] = []
  let ended = false
  const found = await world.containers.backend.stats('web', {
    stream: o.stream ?? true,
    oneShot: o.oneShot ?? false,
    signal: o.signal ?? never,
  })
  void (async () => {
    for await (const sample of found) samples.push(sample)
    ended = true
  })()
  await settled()
  return { samples, ended: () => ended }
}

async function running(world: World): Promise<string> {
  const id = await world.create({}, 'web')
  await world.containers.backend.start('web', {})
  return id
}

test('a container that does not run: one sample of zeros; nobody: not found', async () => {
  await using world = makeWorld()
  const id = await world.create({}, 'web')
  const { samples, ended } = await follow(world, { stream: false })
  assert.ok(ended())
  assert.equal(
    JSON.stringify(samples[0]),
    `{"id":"${id}","name":"/web","os_type":"linux","read":"0001-01-01T00:00:00Z",` +
      '"cpu_stats":{"cpu_usage":{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0},' +
      '"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},' +
      '"memory_stats":{},"pids_stats":{},"blkio_stats":{"io_service_bytes_recursive":null,' +
      '"io_serviced_recursive":null,"io_queue_recursive":null,"io_service_time_recursive":null,' +
      '"io_wait_time_recursive":null,"io_merged_recursive":null,"io_time_recursive":null,' +
      '"sectors_recursive":null},"num_procs":0,"storage_stats":{},' +
      '"preread":"0001-01-01T00:00:00Z","precpu_stats":{"cpu_usage":{"total_usage":0,' +
      '"usage_in_kernelmode":0,"usage_in_usermode":0},' +
      '"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}}}',
  )
  const nobody = world.containers.backend.stats('nobody', {
    stream: true,
    oneShot: false,
    signal: never,
  })
  assert.equal(await failureOf(nobody), 'notFound: No such container: nobody')
})

test('numbers beyond a double go out exact, and no limit is the machine', async () => {
  await using world = makeWorld()
  await running(world)
  world.cgroups.used = {
    cpu: { ...world.cgroups.used.cpu, totalNs: 9007199254740993n, perCpuNs: [1, 2] },
    memory: {
      usage: 4096,
      limit: 9223372036854771712n,
      failures: 0,
      details: { hierarchical_memory_limit: 9223372036854771712n },
    },
    pids: { current: 1, limit: 2n ** 64n - 1n },
    blkio: { bytes: [{ major: 8, minor: 1, operation: 'Read', value: 7 }], operations: [] },
  }
  const { samples } = await follow(world, { stream: false, oneShot: true })
  const text = JSON.stringify(samples[0])
  assert.match(text, /"total_usage":9007199254740993,"percpu_usage":\[1,2\]/)
  assert.match(text, /"pids_stats":\{"current":1,"limit":18446744073709551615\}/)
  assert.match(
    text,
    /"memory_stats":\{"usage":4096,"stats":\{"hierarchical_memory_limit":9223372036854771712\},"limit":1000000\}/,
  )
  assert.match(
    text,
    /"io_service_bytes_recursive":\[\{"major":8,"minor":1,"op":"Read","value":7\}\]/,
  )
  assert.match(text, /"system_cpu_usage":5000,"online_cpus":2/)
  assert.match(text, /"networks":\{"eth0":\{"rx_bytes":11,/)
  assert.ok(!text.includes('"lo"') && !text.includes('tunl0'))
})

test('a stream: one sample at once, then one a second with the one before', async () => {
  await using world = makeWorld()
  await running(world)
  const { samples } = await follow(world)
  assert.equal(samples.length, 1)
  assert.equal(samples[0]!.preread, '0001-01-01T00:00:00Z')
  world.cgroups.used = { cpu: { ...world.cgroups.used.cpu, totalNs: 500 } }
  await world.clock.pass(1050)
  assert.equal(samples.length, 2)
  assert.equal(samples[1]!.preread, samples[0]!.read)
  assert.equal(samples[1]!.precpu_stats.cpu_usage.total_usage, 0)
  assert.equal(samples[1]!.cpu_stats.cpu_usage.total_usage, 500)
  // Late by 700 ms: the one after it is not late.
  await world.clock.pass(1700)
  await world.clock.pass(300)
  assert.equal(samples.length, 4)
})

test('many listeners, one reading a second; it ends with the last of them', async () => {
  await using world = makeWorld()
  await running(world)
  let readings = 0
  const { stats } = world.cgroups
  world.cgroups.stats = (path) => {
    readings++
    return stats.call(world.cgroups, path)
  }
  const stop = new AbortController()
  const followers = await Promise.all(
    Array.from({ length: 20 }, () => follow(world, { signal: stop.signal })),
  )
  await world.clock.pass(1050)
  assert.equal(readings, 2)
  for (const { samples } of followers) assert.equal(samples.length, 2)
  stop.abort()
  await settled()
  for (const { ended } of followers) assert.ok(ended())
  assert.equal(world.clock.waiting, 0)
  await world.clock.pass(5000)
  assert.equal(readings, 2)
})

test('two readings and one answer', async () => {
  await using world = makeWorld()
  await running(world)
  const { samples, ended } = await follow(world, { stream: false })
  assert.equal(samples.length, 0)
  await world.clock.pass(1050)
  assert.equal(samples.length, 1)
  assert.ok(ended())
  assert.notEqual(samples[0]!.preread, '0001-01-01T00:00:00Z')
  assert.equal(world.clock.waiting, 0)
})

test('zeros while it is stopped, numbers when it runs again, the end when it is removed', async () => {
  await using world = makeWorld()
  await running(world)
  const { samples, ended } = await follow(world)
  world.shims.last.end(0)
  await settled()
  await world.clock.pass(1050)
  assert.equal(samples.at(-1)!.read, '0001-01-01T00:00:00Z')
  await world.containers.backend.start('web', {})
  await world.clock.pass(1000)
  assert.notEqual(samples.at(-1)!.read, '0001-01-01T00:00:00Z')
  world.shims.last.end(0)
  await settled()
  assert.ok(!ended())
  await world.containers.backend.remove('web', { force: false, volumes: false, link: false })
  await settled()
  assert.ok(ended())
  assert.equal(world.clock.waiting, 0)
})

test('a reading that fails is told as zeros and does not end the stream', async () => {
  await using world = makeWorld()
  await running(world)
  const { samples } = await follow(world)
  const { stats } = world.cgroups
  world.cgroups.stats = () => {
    throw new Error('EIO')
  }
  await world.clock.pass(1050)
  assert.equal(samples.at(-1)!.read, '0001-01-01T00:00:00Z')
  world.cgroups.stats = stats
  await world.clock.pass(1000)
  assert.equal(samples.length, 3)
  assert.deepEqual(world.errors, ['stats not read'])
})
