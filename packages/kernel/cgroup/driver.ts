import type { DeviceRule } from '../native.ts'
import type { CgroupStats } from './stats.ts'

/** Limits of one container in kernel-neutral words; absent means untouched. */
export interface CgroupResources {
  memoryBytes?: number
  /** Memory plus swap, bytes; -1 unlimited. */
  memorySwapBytes?: number
  memoryReservationBytes?: number
  /** 0..100, v1 only. */
  memorySwappiness?: number
  /** v1 only. */
  oomKillDisable?: boolean
  cpuShares?: number
  cpuPeriodUs?: number
  cpuQuotaUs?: number
  /** v1 only. */
  cpuRealtimePeriodUs?: number
  /** v1 only. */
  cpuRealtimeRuntimeUs?: number
  cpusetCpus?: string
  cpusetMems?: string
  /** -1 unlimited. */
  pids?: number
  /** 10..1000. */
  blkioWeight?: number
  blkioWeightDevices?: readonly BlkioWeightDevice[]
  blkioThrottle?: readonly BlkioThrottle[]
}

export interface BlkioWeightDevice {
  major: number
  minor: number
  /** 10..1000; 0 takes a device's own weight back. */
  weight: number
}

export interface BlkioThrottle {
  kind: 'read-bps' | 'write-bps' | 'read-iops' | 'write-iops'
  major: number
  minor: number
  /** Bytes or operations per second; 0 for no limit. */
  rate: number
}

/** What this machine can limit; a wish beyond it becomes a warning, not an error. */
export interface CgroupFeatures {
  memoryLimit: boolean
  swapLimit: boolean
  memoryReservation: boolean
  memorySwappiness: boolean
  oomKillDisable: boolean
  cpuShares: boolean
  cpuCfs: boolean
  cpuRealtime: boolean
  cpuset: boolean
  pidsLimit: boolean
  blkioWeight: boolean
  blkioWeightDevice: boolean
  blkioThrottle: boolean
}

export interface CgroupSpec {
  /** e.g. `/tdocker/<id>`: below the hierarchy root, already validated. */
  path: string
  resources: CgroupResources
  devices: readonly DeviceRule[]
}

export interface CgroupMountPoint {
  /** As in mount data: 'cpu,cpuacct', 'memory', 'name=systemd'; '' on v2. */
  controllers: string
  /** Directory below /sys/fs/cgroup, e.g. 'cpu,cpuacct' or 'systemd'; '' on v2. */
  name: string
  /** Host directory of the group in this hierarchy. */
  source: string
}

/** v2, or v1 with the controller-less unified hierarchy beside it. Plain files. */
export interface CgroupDriver {
  readonly version: 1 | 2
  /** Controllers that can be limited here, as `info` reports them. */
  readonly controllers: ReadonlySet<string>
  readonly features: CgroupFeatures
  /** CPUs and memory nodes of the machine, as in cpuset files: '0-1'. */
  readonly cpusAvailable: string
  readonly memsAvailable: string
  /** Makes the group, sets limits and device rules; nothing is left when it throws. */
  create(spec: CgroupSpec): Promise<void>
  /** `cgroup.procs` files a process joins to be in the group. */
  procsFiles(path: string): string[]
  /**
   * What a container sees below /sys/fs/cgroup: on v1 each hierarchy and this group's directory in
   * it, on v2 one entry.
   */
  mountPoints(path: string): CgroupMountPoint[]
  /**
   * `cgroup.procs` files a shim joins so that limits set on the daemon are not its own: only the
   * hierarchies in which the daemon is not at the root. Made at first use, below the parent.
   */
  shimProcsFiles(): string[]
  /**
   * Changes limits of a group in use; answers what takes the change back. When the kernel refuses one
   * of them, all are as they were.
   */
  update(path: string, resources: CgroupResources): Promise<() => Promise<void>>
  /** Resolves when the kernel says that all are frozen (or thawed). */
  freeze(path: string, frozen: boolean): Promise<void>
  /** Whether it was frozen (by whomever) and not thawed since; false where it is not there. */
  isFrozen(path: string): Promise<boolean>
  /** SIGKILL to every process in it, frozen or not. */
  kill(path: string): Promise<void>
  /** Pids inside, children included. */
  pids(path: string): Promise<number[]>
  /** What the group and those below it use; undefined when it is gone. Some 0.2 ms. */
  stats(path: string): CgroupStats | undefined
  /** Number of OOM kills so far. */
  oomKills(path: string): Promise<number>
  /**
   * Calls with the number of OOM kills whenever it grew beyond `told` or the last call's; soon after
   * this call where it is beyond `told` already. Also when memory ran out and the OOM killer is off.
   * Dispose to stop.
   */
  watchOom(path: string, told: number, onOom: (kills: number) => void): Disposable
  /** Retries EBUSY within bounds; fine when it is not there. */
  remove(path: string): Promise<void>
  /** Says that a process will probably join a group soon: the kernel's first join is slow. */
  anticipateJoin(): void
  /** Removes the parent groups this driver made, where nothing is in them any more. */
  close(): void
}
