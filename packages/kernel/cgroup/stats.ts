/**
 * What a group uses, in the words both cgroup versions share. Memory details keep the kernel's own
 * names: they differ by version, and clients tell the versions apart by them.
 */

/** A counter of the kernel's, exact: bigint where a double would round it. */
export type Counter = number | bigint

export interface CgroupStats {
  cpu: CgroupCpuStats
  /** Absent where the controller is. */
  memory?: CgroupMemoryStats
  pids?: { current: Counter; limit: Counter }
  blkio?: CgroupBlkioStats
}

export interface CgroupCpuStats {
  totalNs: Counter
  userNs: Counter
  kernelNs: Counter
  /** v1 only. */
  perCpuNs?: Counter[]
  periods: Counter
  throttledPeriods: Counter
  throttledNs: Counter
}

export interface CgroupMemoryStats {
  usage: Counter
  /** v1 only. */
  maxUsage?: Counter
  /** 2^64-1 stands for none on v2; v1 has a large number of its own. */
  limit: Counter
  /** How often the limit was hit; on v2 how often memory ran out. */
  failures: Counter
  details: Record<string, Counter>
}

export interface BlkioEntry {
  major: number
  minor: number
  /** As the kernel writes it: `Read` on v1; `read` and `write` on v2. */
  operation: string
  value: Counter
}

export interface CgroupBlkioStats {
  bytes: BlkioEntry[]
  /** v1 only. */
  operations?: BlkioEntry[]
}

/** 2^64-1: what Docker says where the kernel writes `max`. */
export const noLimit: bigint = 2n ** 64n - 1n

/** A decimal number or `max`; 0 for anything else. */
export function counter(text: string | undefined): Counter {
  if (text === undefined) return 0
  const trimmed = text.trim()
  if (trimmed === 'max') return noLimit
  const number = Number(trimmed)
  if (Number.isSafeInteger(number)) return number
  return /^\d+$/.test(trimmed) ? BigInt(trimmed) : 0
}

/** Exact multiplication, for units. */
export function times(value: Counter, factor: number): Counter {
  const product = Number(value) * factor
  return Number.isSafeInteger(product) ? product : BigInt(value) * BigInt(factor)
}

/** `key value` lines: flat keyed files such as memory.stat. */
export function parseKeyed(text: string): Map<string, Counter> {
  const values = new Map<string, Counter>()
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ')
    if (space > 0) values.set(line.slice(0, space), counter(line.slice(space + 1)))
  }
  return values
}

/** The named keys, 0 where the kernel does not have one. */
export function pickKeys(
  values: ReadonlyMap<string, Counter>,
  keys: readonly string[],
): Record<string, Counter> {
  return Object.fromEntries(keys.map((key) => [key, values.get(key) ?? 0]))
}
