import { statSync } from 'node:fs'
import type { Resources } from '@tdocker/api'
import type {
  BlkioThrottle,
  BlkioWeightDevice,
  CgroupResources,
} from '@tdocker/kernel/cgroup/driver.ts'
import { system } from '../../base/errors.ts'

const cpuPeriodUs = 100_000

/** Limits of a container, from its configuration after `validateResources`. */
export function cgroupResources(resources: Resources): CgroupResources {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, PidsLimit } = resources
  const nano = NanoCpus > 0 ? Math.trunc((NanoCpus * cpuPeriodUs) / 1e9) : undefined
  const swappiness = resources.MemorySwappiness
  return compact({
    memoryBytes: positive(resources.Memory),
    memorySwapBytes: resources.MemorySwap || undefined,
    memoryReservationBytes: positive(resources.MemoryReservation),
    memorySwappiness: swappiness === -1 ? undefined : swappiness,
    oomKillDisable: resources.OomKillDisable === true ? true : undefined,
    cpuShares: positive(resources.CpuShares),
    cpuPeriodUs: CpuPeriod || (nano === undefined ? undefined : cpuPeriodUs),
    // Less than a microsecond is no quota at all.
    cpuQuotaUs: CpuQuota || nano || undefined,
    cpuRealtimePeriodUs: resources.CpuRealtimePeriod || undefined,
    cpuRealtimeRuntimeUs: resources.CpuRealtimeRuntime || undefined,
    cpusetCpus: resources.CpusetCpus || undefined,
    cpusetMems: resources.CpusetMems || undefined,
    pids: PidsLimit === undefined ? undefined : PidsLimit <= 0 ? -1 : PidsLimit,
    blkioWeight: positive(resources.BlkioWeight),
    blkioWeightDevices: weightDevices(resources),
    blkioThrottle: throttles(resources),
  })
}

/** Docker's defaults: twice the memory, swap included. */
export function applyResourceDefaults(resources: Resources): void {
  if ((resources.Memory ?? 0) > 0 && !resources.MemorySwap) {
    resources.MemorySwap = (resources.Memory ?? 0) * 2
  }
  resources.OomKillDisable ??= false
}

/** Fields of throttled devices, with the unit and the verb of their sentences. */
export const throttleKeys = [
  ['BlkioDeviceReadBps', 'bps', 'read'],
  ['BlkioDeviceWriteBps', 'bps', 'write'],
  ['BlkioDeviceReadIOps', 'iops', 'read'],
  ['BlkioDeviceWriteIOps', 'iops', 'write'],
] as const

function weightDevices(resources: Resources): BlkioWeightDevice[] | undefined {
  const devices = (resources.BlkioWeightDevice ?? []).map(({ Path = '', Weight = 0 }) => ({
    ...blockDevice(Path),
    weight: Weight,
  }))
  return devices.length > 0 ? devices : undefined
}

function throttles(resources: Resources): BlkioThrottle[] | undefined {
  const limits = throttleKeys.flatMap(([key, unit, verb]) =>
    (resources[key] ?? []).map(({ Path = '', Rate = 0 }): BlkioThrottle => {
      const { major, minor } = blockDevice(Path)
      return { kind: `${verb}-${unit}`, major, minor, rate: Rate }
    }),
  )
  return limits.length > 0 ? limits : undefined
}

function blockDevice(path: string): { major: number; minor: number } {
  try {
    const rdev = BigInt(statSync(path).rdev)
    return {
      major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
      minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n)),
    }
  } catch (error) {
    throw system(`stat ${path}: no such file or directory`, error)
  }
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined
}

/** The fields that are there, for types in which undefined is not a value. */
function compact(fields: {
  [K in keyof CgroupResources]: CgroupResources[K] | undefined
}): CgroupResources {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as CgroupResources
}
