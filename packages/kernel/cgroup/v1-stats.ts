import {
  type BlkioEntry,
  type CgroupBlkioStats,
  type CgroupCpuStats,
  type CgroupMemoryStats,
  type CgroupStats,
  type Counter,
  counter,
  parseKeyed,
  pickKeys,
  times,
} from './stats.ts'

/** Text of a file of the group in a controller's hierarchy; undefined when it is not there. */
export type ReadFile = (controller: string, file: string) => string | undefined

/** USER_HZ, a constant of the kernel's ABI: 100 ticks of 10 ms. */
const nsPerTick = 10_000_000

/**
 * One sample of a v1 group (13 files); undefined when the group is gone. Docs:
 * Documentation/admin-guide/cgroup-v1/{cpuacct,memory,blkio-controller,pids}.rst
 */
export function readV1Stats(read: ReadFile): CgroupStats | undefined {
  const cpu = readCpu(read)
  const memory = readMemory(read)
  const pids = readPids(read)
  if (!cpu && !memory && !pids) return undefined
  const blkio = readBlkio(read)
  return {
    cpu: cpu ?? noCpu,
    ...(memory && { memory }),
    ...(pids && { pids }),
    ...(blkio && { blkio }),
  }
}

const noCpu: CgroupCpuStats = {
  totalNs: 0,
  userNs: 0,
  kernelNs: 0,
  periods: 0,
  throttledPeriods: 0,
  throttledNs: 0,
}

function readCpu(read: ReadFile): CgroupCpuStats | undefined {
  const total = read('cpuacct', 'cpuacct.usage')
  const throttling = parseKeyed(read('cpu', 'cpu.stat') ?? '')
  if (total === undefined && throttling.size === 0) return undefined
  const split = parseKeyed(read('cpuacct', 'cpuacct.stat') ?? '')
  const perCpu = read('cpuacct', 'cpuacct.usage_percpu') ?? ''
  return {
    totalNs: counter(total),
    userNs: times(split.get('user') ?? 0, nsPerTick),
    kernelNs: times(split.get('system') ?? 0, nsPerTick),
    perCpuNs: perCpu
      .split(' ')
      .filter((word) => word.trim() !== '')
      .map(counter),
    periods: throttling.get('nr_periods') ?? 0,
    throttledPeriods: throttling.get('nr_throttled') ?? 0,
    throttledNs: throttling.get('throttled_time') ?? 0,
  }
}

function readMemory(read: ReadFile): CgroupMemoryStats | undefined {
  const stat = read('memory', 'memory.stat')
  if (stat === undefined) return undefined
  const value = (name: string): Counter => counter(read('memory', `memory.${name}`))
  const values = parseKeyed(stat)
  return {
    usage: value('usage_in_bytes'),
    maxUsage: value('max_usage_in_bytes'),
    limit: value('limit_in_bytes'),
    failures: value('failcnt'),
    details: pickKeys(values, allKeys),
  }
}

/** Of the group itself, and with `total_` in front with those below. */
const keys = [
  'active_anon',
  'active_file',
  'cache',
  'dirty',
  'inactive_anon',
  'inactive_file',
  'mapped_file',
  'pgfault',
  'pgmajfault',
  'pgpgin',
  'pgpgout',
  'rss',
  'rss_huge',
  'unevictable',
  'writeback',
]
const allKeys = [
  ...keys,
  ...keys.map((key) => `total_${key}`),
  'hierarchical_memory_limit',
  'hierarchical_memsw_limit',
].toSorted()

/** Docker says 0 for no limit on v1. */
function readPids(read: ReadFile): CgroupStats['pids'] {
  const current = read('pids', 'pids.current')
  if (current === undefined) return undefined
  const limit = read('pids', 'pids.max')?.trim() ?? 'max'
  return { current: counter(current), limit: limit === 'max' ? 0 : counter(limit) }
}

function readBlkio(read: ReadFile): CgroupBlkioStats | undefined {
  const operations = read('blkio', 'blkio.throttle.io_serviced')
  const bytes = read('blkio', 'blkio.throttle.io_service_bytes')
  if (operations === undefined || bytes === undefined) return undefined
  return { bytes: parseEntries(bytes), operations: parseEntries(operations) }
}

/** `8:0 Read 4096` lines; the last, `Total 4096`, is of no device. */
function parseEntries(text: string): BlkioEntry[] {
  return [...text.matchAll(/^(\d+):(\d+) (\S+) (\d+)$/gm)].map(
    ([, major = '', minor = '', operation = '', value = '']) => ({
      major: Number(major),
      minor: Number(minor),
      operation,
      value: counter(value),
    }),
  )
}
