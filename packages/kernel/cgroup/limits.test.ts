import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceRule } from '../native.ts'
import type { CgroupResources } from './driver.ts'
import { v1DeviceCommands, v1Limits } from './v1-limits.ts'
import { cpuWeight, v2Limits } from './v2-limits.ts'

const everything: CgroupResources = {
  memoryBytes: 100,
  memorySwapBytes: 300,
  memoryReservationBytes: 50,
  memorySwappiness: 10,
  oomKillDisable: true,
  cpuShares: 1024,
  cpuPeriodUs: 100_000,
  cpuQuotaUs: 50_000,
  cpusetCpus: '0-1',
  cpusetMems: '0',
  pids: 7,
  blkioWeight: 500,
  blkioWeightDevices: [{ major: 8, minor: 0, weight: 500 }],
  blkioThrottle: [
    { kind: 'read-bps', major: 8, minor: 0, rate: 1000 },
    { kind: 'write-iops', major: 8, minor: 16, rate: 20 },
  ],
}

function v1(wish: CgroupResources, missing: string[] = [], memswBytes?: number): string[] {
  const state = { has: (_: string, file: string) => !missing.includes(file) }
  const writes = v1Limits(wish, memswBytes === undefined ? state : { ...state, memswBytes })
  return writes.map((write) => `${write.file} ${write.value}`)
}

const v2 = (wish: CgroupResources, missing: string[] = []): string[] =>
  v2Limits(wish, (file) => !missing.includes(file)).map((pair) => pair.join(' '))

test('v1: every limit', () => {
  assert.deepEqual(v1(everything), [
    'memory.limit_in_bytes 100',
    'memory.memsw.limit_in_bytes 300',
    'memory.soft_limit_in_bytes 50',
    'memory.swappiness 10',
    'memory.oom_control 1',
    'cpu.shares 1024',
    'cpu.cfs_period_us 100000',
    'cpu.cfs_quota_us 50000',
    'cpuset.cpus 0-1',
    'cpuset.mems 0',
    'pids.max 7',
    'blkio.weight 500',
    'blkio.weight_device 8:0 500',
    'blkio.throttle.read_bps_device 8:0 1000',
    'blkio.throttle.write_iops_device 8:16 20',
  ])
})

test('v1: nothing wished, nothing written; what is missing is skipped', () => {
  assert.deepEqual(v1({}), [])
  assert.deepEqual(v1({ memoryBytes: 1, memorySwapBytes: 2 }, ['memory.memsw.limit_in_bytes']), [
    'memory.limit_in_bytes 1',
  ])
  assert.deepEqual(v1({ blkioWeight: 10 }, ['blkio.weight']), ['blkio.bfq.weight 10'])
  assert.deepEqual(v1({ pids: -1 }), ['pids.max max'])
})

test('v1: memory never exceeds memory plus swap on the way', () => {
  const first = (wish: CgroupResources, now: number): string => v1(wish, [], now)[0] ?? ''
  assert.match(first({ memoryBytes: 200, memorySwapBytes: 200 }, 100), /memsw/)
  assert.match(first({ memoryBytes: 50, memorySwapBytes: 50 }, 100), /^memory.limit/)
  assert.match(first({ memoryBytes: 50, memorySwapBytes: -1 }, 100), /memsw/)
  assert.deepEqual(v1({ memoryBytes: -1 }, [], 100), [
    'memory.memsw.limit_in_bytes -1',
    'memory.limit_in_bytes -1',
  ])
})

test('v2: every limit', () => {
  assert.deepEqual(v2(everything), [
    'memory.max 100',
    'memory.swap.max 200',
    'memory.low 50',
    'cpu.weight 100',
    'cpu.max 50000 100000',
    'cpuset.cpus 0-1',
    'cpuset.mems 0',
    'pids.max 7',
    'io.bfq.weight 500',
    'io.bfq.weight 8:0 500',
    'io.max 8:0 rbps=1000',
    'io.max 8:16 wiops=20',
  ])
})

test('v2: special values', () => {
  assert.deepEqual(v2({}), [])
  assert.deepEqual(v2({ memoryBytes: -1 }), ['memory.max max', 'memory.swap.max max'])
  assert.deepEqual(v2({ memoryBytes: 5, memorySwapBytes: -1 }), [
    'memory.max 5',
    'memory.swap.max max',
  ])
  assert.deepEqual(v2({ memoryBytes: 5, memorySwapBytes: 5 }).at(-1), 'memory.swap.max 0')
  assert.deepEqual(v2({ cpuQuotaUs: -1 }), ['cpu.max max'])
  assert.deepEqual(v2({ cpuPeriodUs: 5000 }), ['cpu.max max 5000'])
  assert.deepEqual(v2({ pids: -1 }), ['pids.max max'])
  assert.deepEqual(v2({ blkioWeight: 10 }, ['io.bfq.weight']), ['io.weight default 1'])
  assert.deepEqual(v2({ blkioWeight: 1000 }, ['io.bfq.weight']), ['io.weight default 10000'])
})

test('realtime is v1’s; a device’s limit can be taken away; v2 refuses less than memory, as v1', () => {
  const realtime = { cpuRealtimePeriodUs: 1000, cpuRealtimeRuntimeUs: 500 }
  assert.deepEqual(v1(realtime), ['cpu.rt_period_us 1000', 'cpu.rt_runtime_us 500'])
  assert.deepEqual(v2(realtime), [])
  const weight: CgroupResources = { blkioWeightDevices: [{ major: 8, minor: 0, weight: 0 }] }
  assert.deepEqual(v1(weight, ['blkio.weight']), ['blkio.bfq.weight_device 8:0 0'])
  assert.deepEqual(v2(weight, ['io.bfq.weight']), ['io.weight 8:0 default'])
  const none: CgroupResources = {
    blkioThrottle: [{ kind: 'write-bps', major: 8, minor: 0, rate: 0 }],
  }
  assert.deepEqual(v1(none), ['blkio.throttle.write_bps_device 8:0 0'])
  assert.deepEqual(v2(none), ['io.max 8:0 wbps=max'])
  assert.throws(() => v2({ memoryBytes: 10, memorySwapBytes: 5 }), { code: 'EINVAL' })
})

test('v2: shares to weight keeps the ends and the default', () => {
  assert.deepEqual([2, 1024, 262_144, 1_000_000].map(cpuWeight), [1, 100, 10_000, 10_000])
  let last = 0
  for (let shares = 2; shares < 262_144; shares *= 2) {
    assert.ok(cpuWeight(shares) >= last)
    last = cpuWeight(shares)
  }
})

const rule = (allow: boolean, type: DeviceRule['type'], major = -1, minor = -1): DeviceRule => ({
  allow,
  type,
  major,
  minor,
  access: 'rwm',
})

test('v1: device commands in batches', () => {
  assert.deepEqual(
    v1DeviceCommands([
      rule(false, 'a'),
      rule(true, 'c', 1, 3),
      rule(true, 'b', 8),
      rule(false, 'c', 1),
    ]),
    [
      { file: 'devices.deny', values: ['a'] },
      { file: 'devices.allow', values: ['c 1:3 rwm', 'b 8:* rwm'] },
      { file: 'devices.deny', values: ['c 1:* rwm'] },
    ],
  )
})

test('v1: a rule for everything makes earlier ones void; all allowed needs no write', () => {
  assert.deepEqual(v1DeviceCommands([rule(true, 'c', 1, 3), rule(false, 'a')]), [
    { file: 'devices.deny', values: ['a'] },
  ])
  assert.deepEqual(v1DeviceCommands([rule(true, 'a')]), [])
  assert.deepEqual(v1DeviceCommands([]), [])
})
