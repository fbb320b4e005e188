import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Resources } from '@tdocker/api'
import type { CgroupFeatures } from '@tdocker/kernel/cgroup/driver.ts'
import { ALL_FEATURES } from '@tdocker/kernel/cgroup/testing/features.ts'
import { parseList, formatSet } from './cpu-list.ts'
import { applyResourceDefaults, cgroupResources } from './resources.ts'
import { validateCreateResources, validateResources } from './validate-resources.ts'

const MiB = 1024 * 1024
const none = Object.fromEntries(
  Object.keys(ALL_FEATURES).map((key) => [key, false]),
) as unknown as CgroupFeatures
const host = { features: ALL_FEATURES, cpusAvailable: '0-1', memsAvailable: '0', cpus: 2 }

test('configuration to limits', () => {
  const cases: Array<[Resources, object]> = [
    [{}, {}],
    [{ Memory: 0, MemorySwap: 0, CpuShares: 0, PidsLimit: 0 }, { pids: -1 }],
    [
      { Memory: 64 * MiB, MemorySwap: 128 * MiB },
      { memoryBytes: 64 * MiB, memorySwapBytes: 128 * MiB },
    ],
    [
      { Memory: 64 * MiB, MemorySwap: -1 },
      { memoryBytes: 64 * MiB, memorySwapBytes: -1 },
    ],
    [{ NanoCpus: 1_500_000_000 }, { cpuPeriodUs: 100_000, cpuQuotaUs: 150_000 }],
    [{ NanoCpus: 10_000_000 }, { cpuPeriodUs: 100_000, cpuQuotaUs: 1000 }],
    [
      { CpuPeriod: 50_000, CpuQuota: 25_000 },
      { cpuPeriodUs: 50_000, cpuQuotaUs: 25_000 },
    ],
    [{ CpuQuota: -1 }, { cpuQuotaUs: -1 }],
    [{ CpusetCpus: '0', CpusetMems: '' }, { cpusetCpus: '0' }],
    [{ PidsLimit: -1 }, { pids: -1 }],
    [{ PidsLimit: 100 }, { pids: 100 }],
    [{ OomKillDisable: false, MemorySwappiness: -1 }, {}],
    [
      { OomKillDisable: true, MemorySwappiness: 0 },
      { oomKillDisable: true, memorySwappiness: 0 },
    ],
    [
      { BlkioWeight: 300, CpuShares: 512 },
      { blkioWeight: 300, cpuShares: 512 },
    ],
  ]
  for (const [resources, expected] of cases) {
    assert.deepEqual(cgroupResources(resources), expected, JSON.stringify(resources))
  }
})

test('what a new container is refused before anything else', () => {
  const wrong: Array<[Resources, string]> = [
    [
      { IOMaximumBandwidth: 1 },
      'invalid option: QoS maximum bandwidth configuration is not supported on linux',
    ],
    [
      { IOMaximumIOps: 1 },
      'invalid option: QoS maximum IOPs configuration is not supported on linux',
    ],
    [
      { CpuRealtimePeriod: 5, CpuRealtimeRuntime: 6 },
      'cpu real-time runtime cannot be higher than cpu real-time period',
    ],
    [{ CpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
  ]
  for (const [resources, message] of wrong)
    assert.throws(() => validateCreateResources(resources, host), {
      kind: 'invalidParameter',
      message,
    })
  assert.throws(
    () => validateCreateResources({ CpuRealtimeRuntime: 5 }, { ...host, features: none }),
    { message: 'kernel does not support CPU real-time scheduler' },
  )
  validateCreateResources({ CpuRealtimePeriod: 6, CpuRealtimeRuntime: 5 }, host)
})

test('weights and throttled devices are looked up; one that is missing is an error', () => {
  const [limit] =
    cgroupResources({ BlkioDeviceReadBps: [{ Path: '/dev/null', Rate: 5 }] }).blkioThrottle ?? []
  assert.deepEqual(limit, { kind: 'read-bps', major: 1, minor: 3, rate: 5 })
  const [weight] =
    cgroupResources({ BlkioWeightDevice: [{ Path: '/dev/zero', Weight: 10 }] })
      .blkioWeightDevices ?? []
  assert.deepEqual(weight, { major: 1, minor: 5, weight: 10 })
  assert.throws(() => cgroupResources({ BlkioDeviceWriteIOps: [{ Path: '/no', Rate: 5 }] }), {
    kind: 'system',
  })
})

test('defaults', () => {
  const resources: Resources = { Memory: 10 * MiB }
  applyResourceDefaults(resources)
  assert.deepEqual(resources, { Memory: 10 * MiB, MemorySwap: 20 * MiB, OomKillDisable: false })
  const unlimited: Resources = { Memory: 10 * MiB, MemorySwap: -1, OomKillDisable: true }
  applyResourceDefaults(unlimited)
  assert.equal(unlimited.MemorySwap, -1)
})

test('Docker’s sentences', () => {
  const wrong: Array<[Resources, string]> = [
    [{ Memory: 6 * MiB - 1 }, 'Minimum memory limit allowed is 6MB'],
    [{ Memory: -5 }, 'Minimum memory limit allowed is 6MB'],
    [
      { Memory: 20 * MiB, MemorySwap: 10 * MiB },
      'Minimum memoryswap limit should be larger than memory limit, see usage',
    ],
    [
      { MemorySwap: 10 * MiB },
      'You should always set the Memory limit when using Memoryswap limit, see usage',
    ],
    [{ MemorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
    [{ MemorySwappiness: -2 }, 'Invalid value: -2, valid memory swappiness range is 0-100'],
    [{ MemoryReservation: 1 }, 'Minimum memory reservation allowed is 6MB'],
    [
      { Memory: 10 * MiB, MemoryReservation: 11 * MiB },
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    ],
    [
      { NanoCpus: 1e9, CpuPeriod: 1000 },
      'Conflicting options: Nano CPUs and CPU Period cannot both be set',
    ],
    [
      { NanoCpus: 1e9, CpuQuota: 1000 },
      'Conflicting options: Nano CPUs and CPU Quota cannot both be set',
    ],
    [{ NanoCpus: 3e9 }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
    [{ NanoCpus: -1 }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
    [{ CpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
    [
      { CpuPeriod: 999 },
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
    ],
    [
      { CpuPeriod: 1000001 },
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
    ],
    [{ CpuQuota: 999 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
    [{ CpusetCpus: '9' }, 'Requested CPUs are not available - requested 9, available: 0-1'],
    [{ CpusetCpus: '0-2' }, 'Requested CPUs are not available - requested 0-2, available: 0-1'],
    [{ CpusetMems: '1' }, 'Requested memory nodes are not available - requested 1, available: 0'],
    [{ CpusetCpus: 'a' }, 'Invalid value a for cpuset cpus: invalid format: a'],
    [{ CpusetCpus: '2-1' }, 'Invalid value 2-1 for cpuset cpus: invalid format: 2-1'],
    [
      { CpusetCpus: '1-9223372036854775807' },
      'Invalid value 1-9223372036854775807 for cpuset cpus: value of out range, maximum is 8192',
    ],
    [{ BlkioWeight: 9 }, 'Range of blkio weight is from 10 to 1000'],
    [{ BlkioWeight: 1001 }, 'Range of blkio weight is from 10 to 1000'],
    [
      { IOMaximumIOps: 1 },
      'Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps',
    ],
  ]
  for (const [resources, message] of wrong) {
    const check = (): unknown => validateResources({ ...resources }, host)
    assert.throws(check, { kind: 'invalidParameter', message }, JSON.stringify(resources))
  }
})

test('what is right passes without a warning', () => {
  const right: Resources = {
    Memory: 6 * MiB,
    MemorySwap: 6 * MiB,
    MemoryReservation: 6 * MiB,
    MemorySwappiness: 60,
    NanoCpus: 2e9,
    CpuShares: 2,
    CpusetCpus: '0,1',
    CpusetMems: '0',
    PidsLimit: 5,
    BlkioWeight: 10,
    OomKillDisable: false,
  }
  assert.deepEqual(validateResources(right, host), [])
  assert.deepEqual(validateResources({ MemorySwap: 10 * MiB }, host, true), [], 'in an update')
})

test('what the machine cannot limit is dropped with a warning', () => {
  const resources: Resources = {
    Memory: 10 * MiB,
    MemorySwap: 20 * MiB,
    MemorySwappiness: 5,
    MemoryReservation: 7 * MiB,
    OomKillDisable: true,
    PidsLimit: 5,
    CpuShares: 5,
    CpuQuota: 5000,
    CpusetCpus: '0',
    BlkioWeight: 5,
    BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1 }],
  }
  const warnings = validateResources(resources, { ...host, features: none })
  assert.equal(warnings.length, 10)
  for (const warning of warnings) assert.match(warning, /^Your kernel does not support/)
  assert.deepEqual(cgroupResources(resources), { memorySwapBytes: -1 })
})

test('no swap accounting: memory alone', () => {
  const resources: Resources = { Memory: 10 * MiB, MemorySwap: 20 * MiB }
  const features = { ...ALL_FEATURES, swapLimit: false }
  assert.match(validateResources(resources, { ...host, features })[0] ?? '', /without swap/)
  assert.equal(resources.MemorySwap, -1)
})

test('an OOM killer switched off without a limit is warned of', () => {
  assert.match(validateResources({ OomKillDisable: true }, host)[0] ?? '', /OOM killer is disabled/)
})

test('lists of numbers', () => {
  assert.deepEqual([...parseList('0-2,7,03')], [0, 1, 2, 7, 3])
  assert.equal(formatSet(parseList('7,0-2,1,3')), '0-3,7')
  assert.equal(formatSet(parseList('')), '')
  for (const text of ['-', '1-', '-1', '1--2', ',', '1 ', 'x', '1-2-3']) {
    assert.throws(() => parseList(text), /invalid format/, text)
  }
})
