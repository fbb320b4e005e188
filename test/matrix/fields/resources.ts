/** Limits, as the group of the container shows them on either version of cgroups. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type Case, type Field, host, perVersion, refused } from '../field.ts'
import type { Seen } from '../seen.ts'
import type { World } from '../world.ts'

const MIB = 1 << 20

/** A limit, the file of the group that has it, and the file's text on v1 and v2. */
function limit(o: Case & { v1: string; v2: string; texts: [v1: unknown, v2: unknown] }): Case {
  const { v1, v2, texts, ...rest } = o
  return {
    see: (x: Seen) => x.cgroup(v1, v2),
    expect: perVersion(...texts),
    unless: (world) =>
      world.hasCgroupFile(v1, v2) ? undefined : `no ${world.cgroupVersion === 1 ? v1 : v2} here`,
    ...rest,
  }
}

/** What Docker does where the kernel cannot limit: it says so and forgets the wish. */
const discarded = (
  set: Case['set'],
  shown: Case['shown'],
  warning: RegExp,
  file: readonly [v1: string, v2: string],
): Case => ({
  what: 'discarded with a warning where the kernel has no such limit',
  set,
  shown,
  warns: [warning],
  unless: (world) => (world.hasCgroupFile(...file) ? 'the kernel has it' : undefined),
})

const only =
  (version: 1 | 2) =>
  (world: World): string | undefined =>
    world.cgroupVersion === version ? undefined : `cgroup v${version} only`

const cpus = availableParallelism()
const memoryFile = ['memory/memory.limit_in_bytes', 'memory.max'] as const
const weightFile = ['blkio/blkio.weight', 'io.weight'] as const
const bfqFile = ['blkio/blkio.bfq.weight', 'io.bfq.weight'] as const
/** Docker looks for weights at the root of a v1 hierarchy, where newer kernels have none. */
const weightsRefused = (world: World): boolean =>
  world.cgroupVersion === 1 && !existsSync('/sys/fs/cgroup/blkio/blkio.weight')
const noWeight = (world: World): boolean =>
  weightsRefused(world) || !(world.hasCgroupFile(...weightFile) || world.hasCgroupFile(...bfqFile))

const memoryFields: readonly Field[] = [
  host(
    'Memory',
    [
      limit({
        set: 32 * MIB,
        v1: memoryFile[0],
        v2: memoryFile[1],
        texts: [String(32 * MIB), String(32 * MIB)],
      }),
      limit({
        what: 'unlimited',
        set: 0,
        v1: memoryFile[0],
        v2: memoryFile[1],
        texts: [/^9223372036854771712$/, 'max'],
      }),
    ],
    [
      refused(1, 'Minimum memory limit allowed is 6MB'),
      refused(6 * MIB - 1, 'Minimum memory limit allowed is 6MB'),
      refused(-1, 'Minimum memory limit allowed is 6MB'),
      refused('1g', /cannot unmarshal string into Go struct field .*Memory of type int64$/),
    ],
  ),
  host(
    'MemorySwap',
    [
      limit({
        what: 'twice the memory where nothing is said',
        set: 0,
        host: { Memory: 32 * MIB },
        shown: 64 * MIB,
        v1: 'memory/memory.memsw.limit_in_bytes',
        v2: 'memory.swap.max',
        texts: [String(64 * MIB), String(32 * MIB)],
      }),
      limit({
        set: 48 * MIB,
        host: { Memory: 32 * MIB },
        v1: 'memory/memory.memsw.limit_in_bytes',
        v2: 'memory.swap.max',
        texts: [String(48 * MIB), String(16 * MIB)],
      }),
      limit({
        set: -1,
        host: { Memory: 32 * MIB },
        v1: 'memory/memory.memsw.limit_in_bytes',
        v2: 'memory.swap.max',
        texts: ['9223372036854771712', 'max'],
      }),
    ],
    [
      refused(16 * MIB, 'Minimum memoryswap limit should be larger than memory limit, see usage', {
        host: { Memory: 32 * MIB },
      }),
      refused(
        16 * MIB,
        'You should always set the Memory limit when using Memoryswap limit, see usage',
      ),
    ],
  ),
  host(
    'MemoryReservation',
    [
      limit({
        set: 16 * MIB,
        v1: 'memory/memory.soft_limit_in_bytes',
        v2: 'memory.low',
        texts: [String(16 * MIB), String(16 * MIB)],
      }),
    ],
    [
      refused(1, 'Minimum memory reservation allowed is 6MB'),
      refused(
        64 * MIB,
        'Minimum memory limit can not be less than memory reservation limit, see usage',
        { host: { Memory: 32 * MIB } },
      ),
    ],
  ),
  host(
    'MemorySwappiness',
    [
      limit({
        set: 7,
        v1: 'memory/memory.swappiness',
        v2: 'memory.swappiness',
        texts: ['7', '7'],
      }),
      { what: '-1: not said', set: -1, shown: null },
      discarded(7, null, /does not support memory swappiness/, [
        'memory/memory.swappiness',
        'memory.swappiness',
      ]),
    ],
    [
      refused(101, 'Invalid value: 101, valid memory swappiness range is 0-100', {
        unless: only(1),
      }),
    ],
  ),
  host('OomKillDisable', [
    limit({
      set: true,
      host: { Memory: 32 * MIB },
      v1: 'memory/memory.oom_control',
      v2: 'memory.oom_control',
      texts: [/^oom_kill_disable 1$/m, /^oom_kill_disable 1$/m],
    }),
    {
      what: 'without a limit it warns',
      set: true,
      warns: [/^OOM killer is disabled for the container, but no memory limit is set/],
      unless: only(1),
      unstarted: true,
    },
    {
      what: 'discarded with a warning where the kernel has no such switch',
      set: true,
      shown: null,
      warns: ['Your kernel does not support OomKillDisable. OomKillDisable discarded.'],
      unless: only(2),
    },
    { what: 'not said', set: null, shown: perVersion(false, null) },
  ]),
]

const cpuFields: readonly Field[] = [
  host(
    'CpuShares',
    [
      limit({ set: 512, v1: 'cpu/cpu.shares', v2: 'cpu.weight', texts: ['512', '59'] }),
      limit({ set: 1024, v1: 'cpu/cpu.shares', v2: 'cpu.weight', texts: ['1024', '100'] }),
    ],
    [refused(-1, 'invalid CPU shares (-1): value must be a positive integer')],
  ),
  host(
    'NanoCpus',
    [
      limit({
        set: 500_000_000,
        v1: 'cpu/cpu.cfs_quota_us',
        v2: 'cpu.max',
        texts: ['50000', '50000 100000'],
      }),
    ],
    [
      refused(
        -1,
        `range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`,
      ),
      refused(
        (cpus + 1) * 1e9,
        `range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`,
      ),
      refused(1e9, 'Conflicting options: Nano CPUs and CPU Period cannot both be set', {
        host: { CpuPeriod: 10000 },
      }),
      refused(1e9, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set', {
        host: { CpuQuota: 10000 },
      }),
    ],
  ),
  host(
    'CpuPeriod',
    [
      limit({
        set: 50000,
        v1: 'cpu/cpu.cfs_period_us',
        v2: 'cpu.max',
        texts: ['50000', 'max 50000'],
      }),
    ],
    [
      refused(
        999,
        'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
      ),
      refused(
        1_000_001,
        'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
      ),
    ],
  ),
  host(
    'CpuQuota',
    [
      limit({
        set: 20000,
        v1: 'cpu/cpu.cfs_quota_us',
        v2: 'cpu.max',
        texts: ['20000', '20000 100000'],
      }),
    ],
    [refused(999, 'CPU cfs quota can not be less than 1ms (i.e. 1000)')],
  ),
  ...realtime(),
  host(
    'CpusetCpus',
    [limit({ set: '0', v1: 'cpuset/cpuset.cpus', v2: 'cpuset.cpus', texts: ['0', '0'] })],
    [
      refused('4096', /^Requested CPUs are not available - requested 4096, available: /),
      refused('x', /^Invalid value x for cpuset cpus/),
    ],
  ),
  host(
    'CpusetMems',
    [limit({ set: '0', v1: 'cpuset/cpuset.mems', v2: 'cpuset.mems', texts: ['0', '0'] })],
    [
      refused('512', /^Requested memory nodes are not available - requested 512, available: /),
      refused('x', /^Invalid value x for cpuset mems/),
    ],
  ),
  host('CpuCount', [{ what: 'kept, of Windows only', set: 1 }]),
  host('CpuPercent', [
    {
      set: 10,
      shown: 0,
      warns: ['linux does not support CPU percent. Percent discarded.'],
    },
  ]),
  host(
    'IOMaximumIOps',
    [{ set: 0 }],
    [refused(5, 'invalid option: QoS maximum IOPs configuration is not supported on linux')],
  ),
  host(
    'IOMaximumBandwidth',
    [{ set: 0 }],
    [refused(5, 'invalid option: QoS maximum bandwidth configuration is not supported on linux')],
  ),
]

/** Scheduling in real time is a thing of v1, and of kernels that were built with it. */
function realtime(): Field[] {
  const unsupported = 'kernel does not support CPU real-time scheduler'
  const hasRealtime = (world: World): boolean =>
    world.hasCgroupFile('cpu/cpu.rt_runtime_us', 'cpu.rt_runtime_us')
  const without = (world: World): string | undefined =>
    hasRealtime(world) ? 'the kernel has it' : undefined
  const having = (world: World): string | undefined =>
    hasRealtime(world) ? undefined : 'no real-time scheduling here'
  return [
    host(
      'CpuRealtimePeriod',
      [
        { set: 0 },
        limit({
          set: 500_000,
          v1: 'cpu/cpu.rt_period_us',
          v2: 'cpu.rt_period_us',
          texts: ['500000', ''],
        }),
      ],
      [refused(1000, unsupported, { unless: without })],
    ),
    host(
      'CpuRealtimeRuntime',
      [{ set: 0 }],
      [
        refused(1000, unsupported, { unless: without }),
        refused(2000, 'cpu real-time runtime cannot be higher than cpu real-time period', {
          host: { CpuRealtimePeriod: 1000 },
          unless: having,
        }),
      ],
    ),
  ]
}

const throttle = (field: string, file: string, key: string): Field =>
  host(
    field,
    [
      limit({
        set: (world: World) => [{ Path: world.disk?.path ?? '', Rate: 1048576 }],
        v1: `blkio/blkio.throttle.${file}_device`,
        v2: 'io.max',
        texts: [(world: World) => `${world.disk?.number} 1048576`, new RegExp(`${key}=1048576`)],
        unless: (world) =>
          world.disk && world.hasCgroupFile(`blkio/blkio.throttle.${file}_device`, 'io.max')
            ? undefined
            : 'no block device, or no such limit here',
      }),
      { what: 'none', set: [] },
    ],
    [
      {
        what: 'a device that is not there',
        set: [{ Path: '/dev/no-such', Rate: 1 }],
        at: 'start',
        status: 500,
        says: /no such file or directory/,
        unless: (world) =>
          world.hasCgroupFile(`blkio/blkio.throttle.${file}_device`, 'io.max')
            ? undefined
            : 'no such limit here',
      },
    ],
  )

const ioFields: readonly Field[] = [
  host(
    'BlkioWeight',
    [
      {
        set: 500,
        see: (x) =>
          x.cgroupFileExists(...bfqFile) ? x.cgroup(...bfqFile) : x.cgroup(...weightFile),
        expect: perVersion(/500/, /default (500|4950)/),
        unless: (world) => (noWeight(world) ? 'no weights here' : undefined),
      },
      {
        what: 'discarded with a warning where the kernel has no weights',
        set: 500,
        shown: 0,
        warns: [/^Your kernel does not support Block I\/O weight or the cgroup is not mounted/],
        unless: (world) => (weightsRefused(world) ? undefined : 'taken here'),
      },
    ],
    [
      refused(5, 'Range of blkio weight is from 10 to 1000', {
        unless: (world) => (noWeight(world) ? 'no weights here' : undefined),
      }),
      refused(70000, /cannot unmarshal number 70000 into Go struct field .* of type uint16$/),
    ],
  ),
  host('BlkioWeightDevice', [
    { what: 'none', set: [] },
    {
      what: 'discarded with a warning where the kernel has no weights',
      set: (world: World) => [{ Path: world.disk?.path ?? '/dev/null', Weight: 500 }],
      shown: [],
      warns: [/^Your kernel does not support Block I\/O weight_device/],
      unless: (world) => (weightsRefused(world) ? undefined : 'taken here'),
    },
  ]),
  throttle('BlkioDeviceReadBps', 'read_bps', 'rbps'),
  throttle('BlkioDeviceWriteBps', 'write_bps', 'wbps'),
  throttle('BlkioDeviceReadIOps', 'read_iops', 'riops'),
  throttle('BlkioDeviceWriteIOps', 'write_iops', 'wiops'),
]

const groupFields: readonly Field[] = [
  host('PidsLimit', [
    limit({ set: 20, v1: 'pids/pids.max', v2: 'pids.max', texts: ['20', '20'] }),
    limit({
      what: '0 and below: none',
      set: -1,
      shown: null,
      v1: 'pids/pids.max',
      v2: 'pids.max',
      texts: ['max', 'max'],
    }),
  ]),
  host('CgroupParent', [
    {
      set: (world: World) => `/${world.daemon.id}/nested`,
      see: (x) => x.cgroupPath('memory') === `/${x.daemon.id}/nested/${x.inspect.Id}`,
      expect: true,
    },
    {
      what: 'not said: the daemon’s',
      set: '',
      see: (x) => x.cgroupPath('memory') === `/${x.daemon.id}/${x.inspect.Id}`,
      expect: true,
    },
  ]),
]

/** A node's number as `stat` of busybox prints it. */
const deviceOf = (path: string): string => `stat -c '%t:%T %F' ${path}`

const deviceFields: readonly Field[] = [
  host(
    'Devices',
    [
      {
        set: [
          { PathOnHost: '/dev/loop-control', PathInContainer: '/dev/x', CgroupPermissions: 'r' },
        ],
        script: `${deviceOf('/dev/x')}; (: < /dev/x) && echo read; (: <> /dev/x) 2>/dev/null || echo no-write`,
        expect: 'a:ed character special file\nread\nno-write',
      },
      {
        what: 'with all rights where none are named',
        set: [
          { PathOnHost: '/dev/loop-control', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' },
        ],
        script: '(: <> /dev/x) && echo both',
        expect: 'both',
      },
    ],
    [
      failsOn(
        [{ PathOnHost: '/dev/nope', PathInContainer: '/dev/a', CgroupPermissions: 'r' }],
        'error gathering device information while adding custom device "/dev/nope": no such file or directory',
      ),
    ],
  ),
  host(
    'DeviceCgroupRules',
    [
      {
        set: ['c 10:237 rw'],
        script: 'mknod /tmp/x c 10 237; (: <> /tmp/x) && echo both',
        expect: 'both',
      },
      {
        what: 'none: the node can be made and not used',
        set: [],
        script: 'mknod /tmp/x c 10 237; (: <> /tmp/x) 2>/dev/null || echo refused',
        expect: 'refused',
      },
    ],
    [failsOn(['d 1:2 r'], "invalid device cgroup rule format: 'd 1:2 r'")],
  ),
  host(
    'DeviceRequests',
    [{ what: 'none', set: [] }],
    [
      {
        set: [{ Driver: '', Count: -1, Capabilities: [['gpu']] }],
        at: 'start',
        status: 500,
        says: 'failed to discover GPU vendor from CDI: no known GPU vendor found',
      },
      {
        set: [{ Driver: '', Count: -1, Capabilities: [['tpu']] }],
        at: 'start',
        status: 500,
        says: 'could not select device driver "" with capabilities: [[tpu]]',
      },
    ],
  ),
]

function failsOn(
  set: unknown,
  says: string,
): { set: unknown; at: 'start'; status: 500; says: string } {
  return { set, at: 'start', status: 500, says }
}

export const resourceFields: readonly Field[] = [
  ...memoryFields,
  ...cpuFields,
  ...ioFields,
  ...groupFields,
  ...deviceFields,
]
