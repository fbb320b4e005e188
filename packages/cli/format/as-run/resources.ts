import type { HostConfig, ThrottleDevice } from '@tdocker/api'
import { csv, flag, listFlag, onFlag } from './flags.ts'
import type { Words } from './flags.ts'

/** Flags of limits and devices. */
export function resourceFlags(host: HostConfig): Words {
  return [...memory(host), ...cpu(host), ...blkio(host), ...devices(host), ...others(host)]
}

function memory(host: HostConfig): Words {
  const { Memory = 0, MemorySwap = 0, MemorySwappiness: swappiness } = host
  // Twice the memory is what the daemon takes by itself.
  const ownSwap = MemorySwap !== 0 && !(Memory > 0 && MemorySwap === Memory * 2)
  return [
    ...flag('--memory', Memory),
    ...(ownSwap ? ['--memory-swap', String(MemorySwap)] : []),
    ...flag('--memory-reservation', host.MemoryReservation),
    ...(swappiness === undefined || swappiness === null || swappiness === -1
      ? []
      : ['--memory-swappiness', String(swappiness)]),
    ...onFlag('--oom-kill-disable', host.OomKillDisable),
    ...flag('--oom-score-adj', host.OomScoreAdj),
  ]
}

function cpu(host: HostConfig): Words {
  return [
    ...flag('--cpus', (host.NanoCpus ?? 0) / 1e9),
    ...flag('--cpu-shares', host.CpuShares),
    ...flag('--cpu-period', host.CpuPeriod),
    ...flag('--cpu-quota', host.CpuQuota),
    ...flag('--cpu-rt-period', host.CpuRealtimePeriod),
    ...flag('--cpu-rt-runtime', host.CpuRealtimeRuntime),
    ...flag('--cpuset-cpus', host.CpusetCpus),
    ...flag('--cpuset-mems', host.CpusetMems),
  ]
}

function blkio(host: HostConfig): Words {
  const rates = (list: readonly ThrottleDevice[] | null | undefined): string[] =>
    (list ?? []).map(({ Path = '', Rate = 0 }) => `${Path}:${Rate}`)
  const weights = (host.BlkioWeightDevice ?? []).map(
    ({ Path = '', Weight = 0 }) => `${Path}:${Weight}`,
  )
  return [
    ...flag('--blkio-weight', host.BlkioWeight),
    ...listFlag('--blkio-weight-device', weights),
    ...listFlag('--device-read-bps', rates(host.BlkioDeviceReadBps)),
    ...listFlag('--device-write-bps', rates(host.BlkioDeviceWriteBps)),
    ...listFlag('--device-read-iops', rates(host.BlkioDeviceReadIOps)),
    ...listFlag('--device-write-iops', rates(host.BlkioDeviceWriteIOps)),
  ]
}

type DeviceRequest = NonNullable<HostConfig['DeviceRequests']>[number]

function devices(host: HostConfig): Words {
  const nodes = (host.Devices ?? []).map(
    ({ PathOnHost = '', PathInContainer = '', CgroupPermissions = 'rwm' }) => {
      const paths = PathInContainer === PathOnHost ? PathOnHost : `${PathOnHost}:${PathInContainer}`
      if (CgroupPermissions === 'rwm') return paths
      return `${PathOnHost}:${PathInContainer}:${CgroupPermissions}`
    },
  )
  const requests = host.DeviceRequests ?? []
  const cdi = requests.filter(({ Driver }) => Driver === 'cdi')
  const gpus = requests.filter(({ Driver }) => Driver !== 'cdi')
  return [
    ...listFlag('--device', [...nodes, ...cdi.flatMap(({ DeviceIDs }) => DeviceIDs ?? [])]),
    ...listFlag('--device-cgroup-rule', host.DeviceCgroupRules),
    ...listFlag('--gpus', gpus.map(gpuText)),
  ]
}

function gpuText({ Driver, Count, DeviceIDs, Capabilities, Options }: DeviceRequest): string {
  const capabilities = (Capabilities?.[0] ?? []).filter((name) => name !== 'gpu')
  const options = Object.entries(Options ?? {}).map(([key, value]) => `${key}=${value}`)
  return csv([
    ...(DeviceIDs?.length ? [`device=${DeviceIDs.join(',')}`] : []),
    ...(Count ? [Count === -1 ? 'all' : String(Count)] : []),
    ...(Driver ? [`driver=${Driver}`] : []),
    ...(capabilities.length > 0 ? [`capabilities=${capabilities.join(',')}`] : []),
    ...(options.length > 0 ? [`options=${csv(options)}`] : []),
  ])
}

function others(host: HostConfig): Words {
  const ulimits = (host.Ulimits ?? []).map(({ Name = '', Soft = 0, Hard = 0 }) =>
    Soft === Hard ? `${Name}=${Soft}` : `${Name}=${Soft}:${Hard}`,
  )
  return [
    ...flag('--pids-limit', host.PidsLimit),
    ...listFlag('--ulimit', ulimits),
    ...flag('--cgroup-parent', host.CgroupParent),
  ]
}
