import {
  type BlkioEntry,
  type CgroupMemoryStats,
  type CgroupStats,
  counter,
  parseKeyed,
  pickKeys,
  times,
} from './stats.ts'

/**
 * One sample of a v2 group (8 files); undefined when the group is gone. `read` answers a file's
 * text, undefined where it is not there. Documentation/admin-guide/cgroup-v2.rst
 */
export function readV2Stats(read: (file: string) => string | undefined): CgroupStats | undefined {
  const text = read('cpu.stat')
  if (text === undefined) return undefined
  const cpu = parseKeyed(text)
  const usec = (key: string) => times(cpu.get(key) ?? 0, 1000)
  const io = read('io.stat')
  return {
    cpu: {
      totalNs: usec('usage_usec'),
      userNs: usec('user_usec'),
      kernelNs: usec('system_usec'),
      periods: cpu.get('nr_periods') ?? 0,
      throttledPeriods: cpu.get('nr_throttled') ?? 0,
      throttledNs: usec('throttled_usec'),
    },
    memory: readMemory(read),
    pids: { current: counter(read('pids.current')), limit: counter(read('pids.max')) },
    ...(io === undefined ? {} : { blkio: { bytes: parseIo(io) } }),
  }
}

function readMemory(read: (file: string) => string | undefined): CgroupMemoryStats {
  const events = parseKeyed(read('memory.events') ?? '')
  return {
    usage: counter(read('memory.current')),
    limit: counter(read('memory.max')),
    failures: events.get('oom') ?? 0,
    details: pickKeys(parseKeyed(read('memory.stat') ?? ''), keys),
  }
}

const keys = [
  'active_anon',
  'active_file',
  'anon',
  'anon_thp',
  'file',
  'file_dirty',
  'file_mapped',
  'file_writeback',
  'inactive_anon',
  'inactive_file',
  'kernel_stack',
  'pgactivate',
  'pgdeactivate',
  'pgfault',
  'pglazyfree',
  'pglazyfreed',
  'pgmajfault',
  'pgrefill',
  'pgscan',
  'pgsteal',
  'shmem',
  'slab',
  'slab_reclaimable',
  'slab_unreclaimable',
  'sock',
  'thp_collapse_alloc',
  'thp_fault_alloc',
  'unevictable',
  'workingset_activate',
  'workingset_nodereclaim',
  'workingset_refault',
]

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0` lines. */
function parseIo(text: string): BlkioEntry[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...pairs] = line.split(' ')
    const [, major, minor] = /^(\d+):(\d+)$/.exec(device) ?? []
    if (major === undefined || pairs.length === 0) return []
    const values = new Map(pairs.map((pair) => pair.split('=') as [string, string]))
    return (['read', 'write'] as const).map((operation) => ({
      major: Number(major),
      minor: Number(minor),
      operation,
      value: counter(values.get(operation === 'read' ? 'rbytes' : 'wbytes')),
    }))
  })
}
