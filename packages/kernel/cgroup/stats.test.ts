import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counter, noLimit, times } from './stats.ts'
import { readV1Stats } from './v1-stats.ts'
import { readV2Stats } from './v2-stats.ts'

const v1Files: Record<string, string> = {
  'cpuacct/cpuacct.usage': '12345678\n',
  'cpuacct/cpuacct.stat': 'user 3\nsystem 4\n',
  'cpuacct/cpuacct.usage_percpu': '10000000 2345678 \n',
  'cpu/cpu.stat': 'nr_periods 7\nnr_throttled 2\nthrottled_time 900\n',
  'memory/memory.stat':
    'cache 4096\nrss 8192\nhierarchical_memory_limit 9223372036854771712\ntotal_rss 8192\nshmem 1\n',
  'memory/memory.usage_in_bytes': '12288\n',
  'memory/memory.max_usage_in_bytes': '20480\n',
  'memory/memory.limit_in_bytes': '9223372036854771712\n',
  'memory/memory.failcnt': '3\n',
  'pids/pids.current': '5\n',
  'pids/pids.max': 'max\n',
  'blkio/blkio.throttle.io_serviced': '8:0 Read 3\n8:0 Write 1\nTotal 4\n',
  'blkio/blkio.throttle.io_service_bytes': '8:0 Read 4096\nTotal 4096\n',
}

test('v1: every file of the group becomes numbers in one unit', () => {
  const stats = readV1Stats((controller, file) => v1Files[`${controller}/${file}`])
  assert.deepEqual(stats?.cpu, {
    totalNs: 12345678,
    userNs: 30_000_000,
    kernelNs: 40_000_000,
    perCpuNs: [10000000, 2345678],
    periods: 7,
    throttledPeriods: 2,
    throttledNs: 900,
  })
  const { details, ...memory } = stats.memory!
  assert.deepEqual(memory, {
    usage: 12288,
    maxUsage: 20480,
    limit: 9223372036854771712n,
    failures: 3,
  })
  assert.equal(Object.keys(details).length, 32)
  assert.equal(details['total_rss'], 8192)
  assert.equal(details['total_cache'], 0)
  assert.equal(details['hierarchical_memory_limit'], 9223372036854771712n)
  assert.ok(!('shmem' in details))
  assert.deepEqual(stats.pids, { current: 5, limit: 0 })
  assert.deepEqual(stats.blkio, {
    bytes: [{ major: 8, minor: 0, operation: 'Read', value: 4096 }],
    operations: [
      { major: 8, minor: 0, operation: 'Read', value: 3 },
      { major: 8, minor: 0, operation: 'Write', value: 1 },
    ],
  })
})

test('v1: a controller that is not there is left out; a group that is not there is undefined', () => {
  const only = readV1Stats((controller, file) =>
    controller === 'pids' ? v1Files[`${controller}/${file}`] : undefined,
  )
  assert.deepEqual(Object.keys(only ?? {}), ['cpu', 'pids'])
  assert.equal(
    readV1Stats(() => undefined),
    undefined,
  )
})

test('v2: every file of the group becomes numbers in one unit', () => {
  const files: Record<string, string> = {
    'cpu.stat':
      'usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 1\nnr_throttled 1\nthrottled_usec 9\n',
    'memory.current': '4096\n',
    'memory.max': 'max\n',
    'memory.stat': 'anon 100\nfile 200\nzswap 7\n',
    'memory.events': 'low 0\nhigh 0\nmax 4\noom 2\noom_kill 1\n',
    'pids.current': '1\n',
    'pids.max': 'max\n',
    'io.stat': '8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n254:0 \n',
  }
  const stats = readV2Stats((file) => files[file])
  assert.deepEqual(stats?.cpu, {
    totalNs: 1_500_000,
    userNs: 1_000_000,
    kernelNs: 500_000,
    periods: 1,
    throttledPeriods: 1,
    throttledNs: 9000,
  })
  const { details, ...memory } = stats.memory!
  assert.deepEqual(memory, { usage: 4096, limit: noLimit, failures: 2 })
  assert.equal(Object.keys(details).length, 31)
  assert.deepEqual([details['anon'], details['file'], details['zswap']], [100, 200, undefined])
  assert.deepEqual(stats.pids, { current: 1, limit: noLimit })
  assert.deepEqual(stats.blkio?.bytes, [
    { major: 8, minor: 0, operation: 'read', value: 1 },
    { major: 8, minor: 0, operation: 'write', value: 2 },
    { major: 254, minor: 0, operation: 'read', value: 0 },
    { major: 254, minor: 0, operation: 'write', value: 0 },
  ])
  assert.equal(
    readV2Stats(() => undefined),
    undefined,
  )
})

test('counters are exact at any size', () => {
  assert.equal(counter('9007199254740993\n'), 9007199254740993n)
  assert.equal(counter('x'), 0)
  assert.equal(times(9007199254740991, 1000), 9007199254740991000n)
})
