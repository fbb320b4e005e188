import { availableParallelism } from 'node:os'
import type { HostConfig } from '@tdocker/api'
import type { CgroupDriver } from '@tdocker/kernel/cgroup/driver.ts'
import { invalidParameter } from '../../base/errors.ts'

const MIN_MEMORY = 6 * 1024 * 1024

type Machine = Pick<CgroupDriver, 'features' | 'cpusAvailable' | 'memsAvailable'>

/**
 * Checks limits against each other and against the machine. What the machine cannot limit is taken
 * out of `host` and becomes a warning; contradictions throw invalidParameter.
 */
export function validateResources(host: HostConfig, machine: Machine): string[] {
  const warnings: string[] = []
  checkMemory(host, machine, warnings)
  checkPids(host, machine, warnings)
  checkCpu(host, machine, warnings)
  checkCpuset(host, machine, warnings)
  checkBlkio(host, machine, warnings)
  return warnings
}

function checkMemory(host: HostConfig, { features }: Machine, warnings: string[]): void {
  if (host.MemorySwappiness === -1) delete host.MemorySwappiness
  if (host.Memory && host.Memory < MIN_MEMORY)
    throw invalidParameter('Minimum memory limit allowed is 6MB')
  if ((host.Memory ?? 0) > 0 && !features.memoryLimit) {
    warnings.push(
      'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
    )
    host.Memory = 0
    host.MemorySwap = -1
  }
  const memory = host.Memory ?? 0
  if (memory > 0 && host.MemorySwap !== -1 && !features.swapLimit) {
    warnings.push(
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
    )
    host.MemorySwap = -1
  }
  const swap = host.MemorySwap ?? 0
  if (memory > 0 && swap > 0 && swap < memory)
    throw invalidParameter(
      'Minimum memoryswap limit should be larger than memory limit, see usage',
    )
  if (memory === 0 && swap > 0)
    throw invalidParameter(
      'You should always set the Memory limit when using Memoryswap limit, see usage',
    )
  checkSwappiness(host, features.memorySwappiness, warnings)
  checkReservation(host, features.memoryReservation, warnings)
  if (host.OomKillDisable !== undefined && !features.oomKillDisable) {
    if (host.OomKillDisable)
      warnings.push(
        'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
      )
    delete host.OomKillDisable
  }
  if (host.OomKillDisable && memory === 0)
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    )
}

function checkSwappiness(host: HostConfig, supported: boolean, warnings: string[]): void {
  if (host.MemorySwappiness === undefined) return
  if (!supported) {
    warnings.push(
      'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
    )
    delete host.MemorySwappiness
    return
  }
  if (host.MemorySwappiness < 0 || host.MemorySwappiness > 100)
    throw invalidParameter(
      `Invalid value: ${host.MemorySwappiness}, valid memory swappiness range is 0-100`,
    )
}

function checkReservation(host: HostConfig, supported: boolean, warnings: string[]): void {
  if ((host.MemoryReservation ?? 0) > 0 && !supported) {
    warnings.push(
      'Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.',
    )
    host.MemoryReservation = 0
  }
  const reservation = host.MemoryReservation ?? 0
  if (reservation > 0 && reservation < MIN_MEMORY)
    throw invalidParameter('Minimum memory reservation allowed is 6MB')
  if ((host.Memory ?? 0) > 0 && reservation > 0 && host.Memory! < reservation)
    throw invalidParameter(
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    )
}

function checkPids(host: HostConfig, { features }: Machine, warnings: string[]): void {
  if (host.PidsLimit === undefined) return
  // 0 and every negative number stand for no limit.
  if (host.PidsLimit <= 0) {
    delete host.PidsLimit
    return
  }
  if (features.pidsLimit) return
  warnings.push(
    'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
  )
  delete host.PidsLimit
}

function checkCpu(host: HostConfig, { features }: Machine, warnings: string[]): void {
  const nano = host.NanoCpus ?? 0
  if (nano > 0 && (host.CpuPeriod ?? 0) > 0)
    throw invalidParameter('Conflicting options: Nano CPUs and CPU Period cannot both be set')
  if (nano > 0 && (host.CpuQuota ?? 0) > 0)
    throw invalidParameter('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
  if (nano > 0 && !features.cpuCfs)
    throw invalidParameter(
      'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
    )
  const cpus = availableParallelism()
  if (nano < 0 || nano > cpus * 1e9)
    throw invalidParameter(
      `range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`,
    )
  checkCfs(host, features.cpuCfs, warnings)
  if ((host.CpuShares ?? 0) < 0)
    throw invalidParameter(
      `invalid CPU shares (${host.CpuShares}): value must be a positive integer`,
    )
  if ((host.CpuShares ?? 0) > 0 && !features.cpuShares) {
    warnings.push(
      'Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.',
    )
    host.CpuShares = 0
  }
  if (host.CpuRealtimePeriod || host.CpuRealtimeRuntime)
    throw invalidParameter('kernel does not support CPU real-time scheduler')
  if ((host.CpuPercent ?? 0) > 0) {
    warnings.push('linux does not support CPU percent. Percent discarded.')
    host.CpuPercent = 0
  }
}

function checkCfs(host: HostConfig, supported: boolean, warnings: string[]): void {
  if ((host.CpuPeriod || host.CpuQuota) && !supported) {
    warnings.push(
      'Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.',
    )
    host.CpuPeriod = 0
    host.CpuQuota = 0
  }
  const period = host.CpuPeriod ?? 0
  if (period !== 0 && (period < 1000 || period > 1_000_000))
    throw invalidParameter(
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
    )
  const quota = host.CpuQuota ?? 0
  if (quota > 0 && quota < 1000)
    throw invalidParameter('CPU cfs quota can not be less than 1ms (i.e. 1000)')
}

function checkCpuset(host: HostConfig, machine: Machine, warnings: string[]): void {
  const cpus = host.CpusetCpus ?? ''
  const mems = host.CpusetMems ?? ''
  if (cpus === '' && mems === '') return
  if (!machine.features.cpuset) {
    warnings.push(
      'Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.',
    )
    host.CpusetCpus = ''
    host.CpusetMems = ''
    return
  }
  if (!isSubset(cpus, machine.cpusAvailable, 'cpuset cpus'))
    throw invalidParameter(
      `Requested CPUs are not available - requested ${cpus}, available: ${machine.cpusAvailable}`,
    )
  if (!isSubset(mems, machine.memsAvailable, 'cpuset mems'))
    throw invalidParameter(
      `Requested memory nodes are not available - requested ${mems}, available: ${machine.memsAvailable}`,
    )
}

function isSubset(wanted: string, available: string, what: string): boolean {
  const numbers = parseCpuset(wanted)
  if (!numbers) throw invalidParameter(`Invalid value ${wanted} for ${what}`)
  const have = new Set(parseCpuset(available) ?? [])
  return numbers.every((number) => have.has(number))
}

/** `0-2,7` → [0, 1, 2, 7]; undefined when it is not a list (cpuset(7), List format). */
export function parseCpuset(text: string): number[] | undefined {
  const numbers: number[] = []
  if (text.trim() === '') return numbers
  for (const part of text.trim().split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim())
    if (!match) return undefined
    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])
    if (last < first || last > 8192) return undefined
    for (let n = first; n <= last; n++) numbers.push(n)
  }
  return numbers
}

function checkBlkio(host: HostConfig, { features }: Machine, warnings: string[]): void {
  if ((host.BlkioWeight ?? 0) > 0 && !features.blkioWeight) {
    warnings.push(
      'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
    )
    host.BlkioWeight = 0
  }
  const weight = host.BlkioWeight ?? 0
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw invalidParameter('Range of blkio weight is from 10 to 1000')
  if (host.IOMaximumBandwidth)
    throw invalidParameter(
      'invalid option: QoS maximum bandwidth configuration is not supported on linux',
    )
  if (host.IOMaximumIOps)
    throw invalidParameter(
      'invalid option: QoS maximum IOPs configuration is not supported on linux',
    )
  const throttles = [
    ['BlkioDeviceReadBps', 'BPS Block I/O read limit', 'Block I/O BPS read limit'],
    ['BlkioDeviceWriteBps', 'BPS Block I/O write limit', 'Block I/O BPS write limit'],
    ['BlkioDeviceReadIOps', 'IOPS Block read limit', 'Block I/O IOPS read limit'],
    ['BlkioDeviceWriteIOps', 'IOPS Block write limit', 'Block I/O IOPS write limit'],
  ] as const
  for (const [key, ability, limit] of throttles) {
    if (!host[key]?.length || features.blkioThrottle) continue
    warnings.push(
      `Your kernel does not support ${ability} or the cgroup is not mounted. ${limit} discarded.`,
    )
    host[key] = []
  }
}
