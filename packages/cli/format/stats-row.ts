import type { ContainerStatsResponse } from '@tdocker/api'
import { shortId } from './row.ts'
import type { Row } from './row.ts'
import { binarySize, humanSize } from './units.ts'

export const statsHeaders: Readonly<Record<string, string>> = {
  Container: 'CONTAINER',
  Name: 'NAME',
  ID: 'CONTAINER ID',
  CPUPerc: 'CPU %',
  MemUsage: 'MEM USAGE / LIMIT',
  MemPerc: 'MEM %',
  NetIO: 'NET I/O',
  BlockIO: 'BLOCK I/O',
  PIDs: 'PIDS',
}

export const statsTable =
  'table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}'

/** One container's line: its name as asked for, and the last sample there is. */
export interface StatsEntry {
  readonly container: string
  sample?: ContainerStatsResponse
  /** The last sample failed or is overdue: no numbers are shown. */
  invalid: boolean
}

export function statsRow({ container, sample, invalid }: StatsEntry, truncate: boolean): Row {
  const memory = sample ? usedMemory(sample) : 0
  const limit = sample?.memory_stats?.limit ?? 0
  const shown = (text: () => string, hidden = '--'): (() => string) => {
    return () => (invalid ? hidden : text())
  }
  return {
    Container: () => container,
    Name: () => ((sample?.name ?? '').length > 1 ? (sample?.name ?? '').slice(1) : '--'),
    ID: () => (truncate ? shortId(sample?.id ?? '') : (sample?.id ?? '')),
    CPUPerc: shown(() => percent(sample ? cpuPercent(sample) : 0)),
    MemUsage: shown(() => `${binarySize(memory)} / ${binarySize(limit)}`, '-- / --'),
    MemPerc: shown(() => percent(limit === 0 ? 0 : (memory / limit) * 100)),
    NetIO: shown(() => both(networkBytes(sample))),
    BlockIO: shown(() => both(blockBytes(sample))),
    PIDs: shown(() => String(sample?.pids_stats?.current ?? 0)),
  }
}

function percent(value: number): string {
  return `${value.toFixed(2)}%`
}

function both([one, other]: readonly [number, number]): string {
  return `${humanSize(one, 3)} / ${humanSize(other, 3)}`
}

/** Share of one CPU: the container's CPU time by the host's in between the two readings. */
export function cpuPercent({ cpu_stats, precpu_stats }: ContainerStatsResponse): number {
  const used = total(cpu_stats) - total(precpu_stats)
  const passed = (cpu_stats?.system_cpu_usage ?? 0) - (precpu_stats?.system_cpu_usage ?? 0)
  const cpus = cpu_stats?.online_cpus || (cpu_stats?.cpu_usage?.percpu_usage ?? []).length
  return passed > 0 && used > 0 ? (used / passed) * cpus * 100 : 0
}

function total(stats: ContainerStatsResponse['cpu_stats']): number {
  return stats?.cpu_usage?.total_usage ?? 0
}

/** Without the page cache that could be given back: v1 and v2 name it differently. */
export function usedMemory({ memory_stats }: ContainerStatsResponse): number {
  const usage = memory_stats?.usage ?? 0
  const stats: Readonly<Record<string, number>> = memory_stats?.stats ?? {}
  for (const key of ['total_inactive_file', 'inactive_file']) {
    const cache = stats[key]
    if (cache !== undefined && cache < usage) return usage - cache
  }
  return usage
}

function networkBytes(sample: ContainerStatsResponse | undefined): readonly [number, number] {
  const networks = Object.values(sample?.networks ?? {})
  const sum = (key: 'rx_bytes' | 'tx_bytes'): number =>
    networks.reduce((all, network) => all + (network[key] ?? 0), 0)
  return [sum('rx_bytes'), sum('tx_bytes')]
}

function blockBytes(sample: ContainerStatsResponse | undefined): readonly [number, number] {
  const entries = sample?.blkio_stats?.io_service_bytes_recursive ?? []
  const sum = (letter: string): number =>
    entries
      .filter(({ op = '' }) => op[0]?.toLowerCase() === letter)
      .reduce((all, { value = 0 }) => all + value, 0)
  return [sum('r'), sum('w')]
}
