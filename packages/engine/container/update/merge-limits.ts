import type { ContainerUpdateRequest, HostConfig, Resources } from '@tdocker/api'
import { conflict } from '../../base/errors.ts'

/** Fields that a zero or an empty string leaves as they are. */
const plain = [
  'BlkioWeight',
  'CpuShares',
  'NanoCpus',
  'CpuPeriod',
  'CpuQuota',
  'CpusetCpus',
  'CpusetMems',
  'Memory',
  'MemorySwap',
  'MemoryReservation',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
] as const

/** Fields that are taken over when they are given at all: an empty list takes limits away. */
const whole = [
  'BlkioWeightDevice',
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
  'PidsLimit',
] as const

export type Changes = Partial<HostConfig>

/** The fields of `current` that an update changes. Throws conflict with Docker's sentences. */
export function changesOf(current: HostConfig, update: ContainerUpdateRequest): Changes {
  refuseCpuConflict(current, update)
  refuseMemoryConflict(current, update)
  const changes: Changes = {}
  for (const key of plain) if (update[key]) Object.assign(changes, { [key]: update[key] })
  for (const key of whole)
    if (update[key] !== undefined) Object.assign(changes, { [key]: update[key] })
  const { RestartPolicy: policy } = update
  if (policy?.Name) {
    if (current.AutoRemove && policy.Name !== 'no')
      throw conflict(
        'Restart policy cannot be updated because AutoRemove is enabled for the container',
      )
    changes.RestartPolicy = policy
  }
  return changes
}

function refuseCpuConflict(current: Resources, update: Resources): void {
  const both = (a: number | undefined, b: number | undefined): boolean =>
    (a ?? 0) > 0 && (b ?? 0) > 0
  const refuse = (wish: string, there: string): never => {
    throw conflict(
      `Conflicting options: ${wish} cannot be updated as ${there} has already been set`,
    )
  }
  if (both(update.NanoCpus, current.CpuPeriod)) refuse('Nano CPUs', 'CPU Period')
  if (both(update.NanoCpus, current.CpuQuota)) refuse('Nano CPUs', 'CPU Quota')
  if (both(update.CpuPeriod, current.NanoCpus)) refuse('CPU Period', 'NanoCPUs')
  if (both(update.CpuQuota, current.NanoCpus)) refuse('CPU Quota', 'NanoCPUs')
}

function refuseMemoryConflict(current: Resources, update: Resources): void {
  const { Memory = 0, MemorySwap = 0 } = update
  if (Memory !== 0 && Memory > (current.MemorySwap ?? 0) && MemorySwap === 0)
    throw conflict(
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    )
}

/** Values that the kernel takes, or computes, together. */
const groups = [
  ['Memory', 'MemorySwap'],
  ['NanoCpus', 'CpuPeriod', 'CpuQuota'],
] as const

/**
 * What the kernel has to be told: the changes, with the rest of their group. Devices that are no
 * longer limited get 0, which takes their limit away.
 */
export function liveResources(current: HostConfig, changes: Changes): Resources {
  const live = { ...changes }
  // As in Docker, realtime limits wait for the next start.
  for (const key of ['RestartPolicy', 'CpuRealtimePeriod', 'CpuRealtimeRuntime'] as const)
    delete live[key]
  for (const keys of groups)
    if (keys.some((key) => changes[key] !== undefined))
      for (const key of keys) Object.assign(live, { [key]: changes[key] ?? current[key] })
  for (const key of whole) {
    if (key === 'PidsLimit' || changes[key] === undefined) continue
    const kept = new Set(changes[key].map(({ Path }) => Path))
    const gone = (current[key] ?? []).filter(({ Path }) => !kept.has(Path))
    const none = gone.map(({ Path }) => ({ Path, Rate: 0, Weight: 0 }))
    Object.assign(live, { [key]: [...none, ...changes[key]] })
  }
  return live
}
