import { RefusedLimit } from './fs.ts'
import type { BlkioThrottle, CgroupResources } from './driver.ts'

/** [file, value] pairs that give a v2 group its limits; files that are missing are left out. */
export function v2Limits(
  wish: CgroupResources,
  has: (file: string) => boolean,
): Array<readonly [string, string]> {
  const writes: Array<readonly [string, string]> = []
  const put = (file: string, value: string | undefined): void => {
    if (value !== undefined && has(file)) writes.push([file, value])
  }
  put('memory.max', limit(wish.memoryBytes))
  put('memory.swap.max', swapOnly(wish))
  put('memory.low', limit(wish.memoryReservationBytes))
  put('cpu.weight', wish.cpuShares === undefined ? undefined : String(cpuWeight(wish.cpuShares)))
  put('cpu.max', cpuMax(wish))
  put('cpuset.cpus', wish.cpusetCpus)
  put('cpuset.mems', wish.cpusetMems)
  put('pids.max', wish.pids === undefined ? undefined : wish.pids <= 0 ? 'max' : String(wish.pids))
  if (wish.blkioWeight !== undefined) {
    if (has('io.bfq.weight')) put('io.bfq.weight', String(wish.blkioWeight))
    else put('io.weight', `default ${ioWeight(wish.blkioWeight)}`)
  }
  for (const one of wish.blkioWeightDevices ?? []) {
    const device = `${one.major}:${one.minor}`
    const bfq = has('io.bfq.weight')
    const value = one.weight === 0 ? 'default' : bfq ? one.weight : ioWeight(one.weight)
    put(bfq ? 'io.bfq.weight' : 'io.weight', `${device} ${value}`)
  }
  for (const throttle of wish.blkioThrottle ?? []) {
    put(
      'io.max',
      `${throttle.major}:${throttle.minor} ${throttleKey[throttle.kind]}=${throttle.rate || 'max'}`,
    )
  }
  return writes
}

const throttleKey: Record<BlkioThrottle['kind'], string> = {
  'read-bps': 'rbps',
  'write-bps': 'wbps',
  'read-iops': 'riops',
  'write-iops': 'wiops',
}

function limit(bytes: number | undefined): string | undefined {
  if (bytes === undefined) return undefined
  return bytes < 0 ? 'max' : String(bytes)
}

/** Docker counts memory plus swap, v2 swap alone. */
function swapOnly(wish: CgroupResources): string | undefined {
  const { memoryBytes, memorySwapBytes } = wish
  if (memorySwapBytes === undefined) return memoryBytes === -1 ? 'max' : undefined
  if (memorySwapBytes < 0) return 'max'
  if (memoryBytes === undefined || memoryBytes < 0) return undefined
  // On v1 the kernel says so itself.
  if (memorySwapBytes < memoryBytes)
    throw new RefusedLimit({
      code: 'EINVAL',
      errno: 22,
      path: 'memory.swap.max',
      message: 'memory+swap limit should be >= memory limit',
    })
  return String(memorySwapBytes - memoryBytes)
}

function cpuMax(wish: CgroupResources): string | undefined {
  const { cpuQuotaUs, cpuPeriodUs } = wish
  if (cpuQuotaUs === undefined && cpuPeriodUs === undefined) return undefined
  const quota = cpuQuotaUs !== undefined && cpuQuotaUs > 0 ? String(cpuQuotaUs) : 'max'
  return cpuPeriodUs === undefined ? quota : `${quota} ${cpuPeriodUs}`
}

/**
 * Shares (2..262144, default 1024) to weight (1..10000, default 100), so that both defaults meet:
 * the curve that the OCI runtimes agreed on in 2025.
 */
export function cpuWeight(shares: number): number {
  if (shares <= 0) return 0
  if (shares <= 2) return 1
  if (shares >= 262_144) return 10_000
  const log = Math.log2(shares)
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))
}

/** 10..1000 to 1..10000, linear. */
function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990)
}
