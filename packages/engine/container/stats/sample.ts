import type {
  ContainerBlkioStatEntry,
  ContainerBlkioStats,
  ContainerCPUStats,
  ContainerMemoryStats,
  ContainerNetworkStats,
  ContainerStatsResponse,
} from '@tdocker/api'

import type { BlkioEntry, CgroupStats, Counter } from '@tdocker/kernel/cgroup/stats.ts'
import { formatTime, ZERO_TIME } from '../clock.ts'
import { type Container, joinedContainer } from '../container.ts'
import type { Context } from '../context.ts'
import type { HostCpu, InterfaceCounters } from './host-usage.ts'

/**
 * One sample with an empty `precpu_stats`; zeros for a container without a process. `cpu` is the
 * machine's, read at about the same time.
 */
export function takeSample(ctx: Context, c: Container, cpu?: HostCpu): ContainerStatsResponse {
  const { live } = c
  const used = live && ctx.cgroups.stats(live.cgroup)
  if (!used) return emptySample(c)
  return {
    ...emptySample(c),
    read: formatTime(ctx.clock.nowNs()),
    cpu_stats: cpuStats(used, cpu ?? ctx.hostUsage.cpu()),
    memory_stats: memoryStats(used, ctx.hostUsage.memoryBytes),
    ...networkStats(ctx, c, live.shim.pid),
    pids_stats: shown({ current: used.pids?.current, limit: used.pids?.limit }) as never,
    blkio_stats: blkioStats(used, ctx.cgroups.version),
  }
}

/** The fields in Docker's order; those that Go leaves out when they are zero are not there. */
export function emptySample(c: Container): ContainerStatsResponse {
  return {
    id: c.id,
    name: `/${c.name}`,
    os_type: 'linux',
    read: ZERO_TIME,
    cpu_stats: zeroCpu,
    memory_stats: {},
    networks: undefined,
    pids_stats: {},
    blkio_stats: noBlkio,
    num_procs: 0,
    storage_stats: {},
    preread: ZERO_TIME,
    precpu_stats: zeroCpu,
  } as unknown as ContainerStatsResponse
}

/** The sample with what came before it, for clients that compute differences. */
export function withPrevious(
  sample: ContainerStatsResponse,
  previous: ContainerStatsResponse | undefined,
): ContainerStatsResponse {
  if (!previous) return sample
  return { ...sample, preread: previous.read, precpu_stats: previous.cpu_stats }
}

const zeroCpu = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
} as ContainerCPUStats

function cpuStats({ cpu }: CgroupStats, host: HostCpu): ContainerCPUStats {
  const perCpu = cpu.perCpuNs ?? []
  return {
    cpu_usage: {
      total_usage: wire(cpu.totalNs),
      ...(perCpu.length > 0 && { percpu_usage: perCpu.map(wire) }),
      usage_in_kernelmode: wire(cpu.kernelNs),
      usage_in_usermode: wire(cpu.userNs),
    },
    ...shown({ system_cpu_usage: host.usageNs, online_cpus: host.online }),
    throttling_data: {
      periods: wire(cpu.periods),
      throttled_periods: wire(cpu.throttledPeriods),
      throttled_time: wire(cpu.throttledNs),
    },
  } as ContainerCPUStats
}

function memoryStats({ memory }: CgroupStats, machine: number): ContainerMemoryStats {
  if (!memory) return {} as ContainerMemoryStats
  const stats = Object.fromEntries(
    Object.entries(memory.details).map(([key, value]) => [key, wire(value)]),
  )
  const limit = memory.limit > machine ? machine : memory.limit
  return {
    ...shown({ usage: memory.usage, max_usage: memory.maxUsage }),
    stats,
    ...shown({ failcnt: memory.failures, limit }),
  } as ContainerMemoryStats
}

const noBlkio: ContainerBlkioStats = {
  io_service_bytes_recursive: null as unknown as ContainerBlkioStatEntry[],
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
}

/** v1 answers lists where v2 answers null, as Docker's two readers do. */
function blkioStats({ blkio }: CgroupStats, version: 1 | 2): ContainerBlkioStats {
  if (!blkio) return noBlkio
  const bytes = blkio.bytes.map(blkioEntry)
  if (version === 2) {
    return bytes.length === 0 ? noBlkio : { ...noBlkio, io_service_bytes_recursive: bytes }
  }
  return {
    io_service_bytes_recursive: bytes,
    io_serviced_recursive: (blkio.operations ?? []).map(blkioEntry),
    io_queue_recursive: [],
    io_service_time_recursive: [],
    io_wait_time_recursive: [],
    io_merged_recursive: [],
    io_time_recursive: [],
    sectors_recursive: [],
  }
}

function blkioEntry({ major, minor, operation, value }: BlkioEntry): ContainerBlkioStatEntry {
  return { major, minor, op: operation, value: wire(value) }
}

/** Of the interfaces that networks gave it; none for `none`, `host` and what joins one of them. */
function networkStats(
  ctx: Context,
  c: Container,
  pid: number,
): { networks?: Record<string, ContainerNetworkStats> } {
  if (c.config.NetworkDisabled || !hasEndpoint(ctx, c)) return {}
  const seen = [...(ctx.hostUsage.interfaces(pid) ?? [])].filter(([name]) => /^eth\d+$/.test(name))
  if (seen.length === 0) return {}
  return { networks: Object.fromEntries(seen.map(([name, counts]) => [name, traffic(counts)])) }
}

function hasEndpoint(ctx: Context, c: Container): boolean {
  let owner: Container | undefined = c
  // A chain of joined namespaces cannot be longer than there are containers.
  for (let hops = ctx.registry.size; hops > 0 && owner; hops--) {
    const joined = joinedContainer(owner.hostConfig.NetworkMode)
    if (joined === undefined) break
    owner = ctx.registry.find(joined)
  }
  if (owner?.hostConfig.NetworkMode === 'host') return false
  return Object.values(owner?.detail.endpoints ?? {}).some((endpoint) => endpoint.EndpointID)
}

function traffic(counts: InterfaceCounters): ContainerNetworkStats {
  return {
    rx_bytes: wire(counts.rxBytes),
    rx_packets: wire(counts.rxPackets),
    rx_errors: wire(counts.rxErrors),
    rx_dropped: wire(counts.rxDropped),
    tx_bytes: wire(counts.txBytes),
    tx_packets: wire(counts.txPackets),
    tx_errors: wire(counts.txErrors),
    tx_dropped: wire(counts.txDropped),
  } as ContainerNetworkStats
}

/** Without zeros, as Go's omitempty. */
function shown(fields: Record<string, Counter | undefined>): Record<string, number> {
  const entries = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined || Number(value) === 0 ? [] : [[key, wire(value)] as const],
  )
  return Object.fromEntries(entries)
}

/** Exact on the wire: JSON numbers have no size, doubles have. */
function wire(value: Counter): number {
  return typeof value === 'number' ? value : (json.rawJSON(String(value)) as number)
}

/** Not yet in TypeScript's library (ECMAScript 2026). */
const json = JSON as unknown as { rawJSON(text: string): unknown }
