import { availableParallelism } from 'node:os'
import type { Resources } from '@tdocker/api'
import type { CgroupDriver, CgroupFeatures } from '@tdocker/kernel/cgroup/driver.ts'
import { invalidParameter } from '../../base/errors.ts'
import { type NumberSet, formatSet, parseList } from './cpu-list.ts'
import { throttleKeys } from './resources.ts'

const minimumMemory = 6 * 1024 * 1024

/** What limits are checked against. */
export type LimitHost = Pick<CgroupDriver, 'features' | 'cpusAvailable' | 'memsAvailable'> & {
  /** CPUs of the machine. */
  cpus: number
}

export function limitHost(ctx: { cgroups: CgroupDriver }): LimitHost {
  const { features, cpusAvailable, memsAvailable } = ctx.cgroups
  return { features, cpusAvailable, memsAvailable, cpus: availableParallelism() }
}

/** What Docker says of a new container's limits before anything else of them. */
export function validateCreateResources(resources: Resources, host: LimitHost): void {
  const quality = (what: string): void => {
    throw invalidParameter(
      `invalid option: QoS maximum ${what} configuration is not supported on linux`,
    )
  }
  if (resources.IOMaximumBandwidth) quality('bandwidth')
  if (resources.IOMaximumIOps) quality('IOPs')
  const { CpuRealtimePeriod: period = 0, CpuRealtimeRuntime: runtime = 0 } = resources
  if ((period !== 0 || runtime !== 0) && !host.features.cpuRealtime) {
    throw invalidParameter('kernel does not support CPU real-time scheduler')
  }
  if (period !== 0 && runtime !== 0 && runtime > period) {
    throw invalidParameter('cpu real-time runtime cannot be higher than cpu real-time period')
  }
  if ((resources.CpuShares ?? 0) < 0 && host.features.cpuShares) {
    throw invalidParameter(
      `invalid CPU shares (${resources.CpuShares}): value must be a positive integer`,
    )
  }
}

/**
 * Checks limits as Docker does: throws invalidParameter with its sentence, drops what this machine
 * cannot limit from `resources` and answers the warnings for it.
 */
export function validateResources(resources: Resources, host: LimitHost, update = false): string[] {
  const warnings: string[] = []
  const { features } = host
  if (resources.MemorySwappiness === -1) delete resources.MemorySwappiness
  checkMemory(resources, features, update, warnings)
  checkCpu(resources, host, warnings)
  checkCpuset(resources, host, warnings)
  checkBlkio(resources, features, warnings)
  return warnings
}

function checkMemory(
  resources: Resources,
  features: CgroupFeatures,
  update: boolean,
  warnings: string[],
): void {
  if ((resources.Memory ?? 0) !== 0 && (resources.Memory ?? 0) < minimumMemory) {
    throw invalidParameter('Minimum memory limit allowed is 6MB')
  }
  if ((resources.Memory ?? 0) > 0 && !features.memoryLimit) {
    warnings.push(
      'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
    )
    resources.Memory = 0
    resources.MemorySwap = -1
  }
  const limited = (resources.Memory ?? 0) > 0
  if (limited && resources.MemorySwap !== -1 && !features.swapLimit) {
    warnings.push(
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
    )
    resources.MemorySwap = -1
  }
  const { Memory = 0, MemorySwap = 0 } = resources
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory) {
    throw invalidParameter('Minimum memoryswap limit should be larger than memory limit, see usage')
  }
  if (Memory === 0 && MemorySwap > 0 && !update) {
    throw invalidParameter(
      'You should always set the Memory limit when using Memoryswap limit, see usage',
    )
  }
  checkSwappiness(resources, features, warnings)
  checkReservation(resources, features, warnings)
  checkOomKill(resources, features, warnings)
  if (resources.PidsLimit !== undefined && !features.pidsLimit) {
    if (resources.PidsLimit > 0) {
      warnings.push(
        'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
      )
    }
    delete resources.PidsLimit
  }
}

function checkSwappiness(resources: Resources, features: CgroupFeatures, warnings: string[]): void {
  const value = resources.MemorySwappiness
  if (value === undefined) return
  if (!features.memorySwappiness) {
    warnings.push(
      'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
    )
    delete resources.MemorySwappiness
  } else if (value < 0 || value > 100) {
    throw invalidParameter(`Invalid value: ${value}, valid memory swappiness range is 0-100`)
  }
}

function checkReservation(
  resources: Resources,
  features: CgroupFeatures,
  warnings: string[],
): void {
  const { Memory = 0, MemoryReservation = 0 } = resources
  if (MemoryReservation <= 0) return
  if (!features.memoryReservation) {
    warnings.push(
      'Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.',
    )
    resources.MemoryReservation = 0
  } else if (MemoryReservation < minimumMemory) {
    throw invalidParameter('Minimum memory reservation allowed is 6MB')
  } else if (Memory > 0 && Memory < MemoryReservation) {
    throw invalidParameter(
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    )
  }
}

function checkOomKill(resources: Resources, features: CgroupFeatures, warnings: string[]): void {
  if (resources.OomKillDisable === undefined) return
  if (!features.oomKillDisable) {
    if (resources.OomKillDisable) {
      warnings.push('Your kernel does not support OomKillDisable. OomKillDisable discarded.')
    }
    delete resources.OomKillDisable
  } else if (resources.OomKillDisable && (resources.Memory ?? 0) === 0) {
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    )
  }
}

function checkCpu(resources: Resources, host: LimitHost, warnings: string[]): void {
  const { features } = host
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0 } = resources
  if (NanoCpus > 0 && CpuPeriod > 0) {
    throw invalidParameter('Conflicting options: Nano CPUs and CPU Period cannot both be set')
  }
  if (NanoCpus > 0 && CpuQuota > 0) {
    throw invalidParameter('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
  }
  if (NanoCpus > 0 && !features.cpuCfs) {
    throw invalidParameter(
      'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
    )
  }
  if (NanoCpus < 0 || NanoCpus > host.cpus * 1e9) {
    throw invalidParameter(
      `range of CPUs is from 0.01 to ${host.cpus}.00, as there are only ${host.cpus} CPUs available`,
    )
  }
  if (CpuShares < 0) {
    throw invalidParameter(`invalid CPU shares (${CpuShares}): value must be a positive integer`)
  }
  if (CpuShares > 0 && !features.cpuShares) {
    warnings.push(
      'Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.',
    )
    resources.CpuShares = 0
  }
  if ((CpuPeriod !== 0 || CpuQuota !== 0) && !features.cpuCfs) {
    warnings.push('Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.')
    resources.CpuPeriod = 0
    resources.CpuQuota = 0
    return
  }
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000)) {
    throw invalidParameter(
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
    )
  }
  if (CpuQuota > 0 && CpuQuota < 1000) {
    throw invalidParameter('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  }
  if ((resources.CpuPercent ?? 0) > 0) {
    warnings.push('linux does not support CPU percent. Percent discarded.')
    resources.CpuPercent = 0
  }
}

function checkCpuset(resources: Resources, host: LimitHost, warnings: string[]): void {
  const { CpusetCpus = '', CpusetMems = '' } = resources
  if (CpusetCpus === '' && CpusetMems === '') return
  if (!host.features.cpuset) {
    warnings.push(
      'Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.',
    )
    resources.CpusetCpus = ''
    resources.CpusetMems = ''
    return
  }
  checkList(CpusetCpus, host.cpusAvailable, 'cpuset cpus', 'CPUs')
  checkList(CpusetMems, host.memsAvailable, 'cpuset mems', 'memory nodes')
}

function checkList(wanted: string, available: string, what: string, noun: string): void {
  if (wanted === '') return
  let list: NumberSet
  try {
    list = parseList(wanted)
  } catch (error) {
    throw invalidParameter(
      `Invalid value ${wanted} for ${what}: ${(error as Error).message}`,
      error,
    )
  }
  const there = parseList(available)
  if (![...list].every((number) => there.has(number))) {
    throw invalidParameter(
      `Requested ${noun} are not available - requested ${wanted}, available: ${formatSet(there)}`,
    )
  }
}

function checkBlkio(resources: Resources, features: CgroupFeatures, warnings: string[]): void {
  const weight = resources.BlkioWeight ?? 0
  if (weight > 0 && !features.blkioWeight) {
    warnings.push(
      'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
    )
    resources.BlkioWeight = 0
  } else if (weight > 0 && (weight < 10 || weight > 1000)) {
    throw invalidParameter('Range of blkio weight is from 10 to 1000')
  }
  if (resources.IOMaximumBandwidth || resources.IOMaximumIOps) {
    throw invalidParameter(
      'Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps',
    )
  }
  if ((resources.BlkioWeightDevice?.length ?? 0) > 0 && !features.blkioWeightDevice) {
    warnings.push(
      'Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.',
    )
    resources.BlkioWeightDevice = []
  }
  if (features.blkioThrottle) return
  for (const [key, unit, verb] of throttleKeys) {
    if ((resources[key]?.length ?? 0) === 0) continue
    const name = unit === 'bps' ? 'BPS Block I/O' : 'IOPS Block'
    const limit = unit === 'bps' ? 'Block I/O BPS' : 'Block I/O IOPS'
    warnings.push(
      `Your kernel does not support ${name} ${verb} limit or the cgroup is not mounted. ${limit} ${verb} limit discarded.`,
    )
    resources[key] = []
  }
}
