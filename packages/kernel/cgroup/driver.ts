import type { DeviceRule } from '../native.ts'

/** Limits of one container in kernel-neutral words; absent means untouched. */
export interface CgroupResources {
  memoryBytes?: number
  /** Memory plus swap, bytes; -1 unlimited. */
  memorySwapBytes?: number
  memoryReservationBytes?: number
  /** 0..100, v1 only. */
  memorySwappiness?: number
  oomKillDisable?: boolean
  cpuShares?: number
  cpuPeriodUs?: number
  cpuQuotaUs?: number
  cpusetCpus?: string
  cpusetMems?: string
  /** -1 unlimited. */
  pids?: number
  blkioWeight?: number
}

export interface CgroupSpec {
  /** e.g. `/tdocker/<id>`: below the hierarchy root, already validated. */
  path: string
  resources: CgroupResources
  devices: readonly DeviceRule[]
}

/** v2, or v1 with the controller-less unified hierarchy beside it. Plain files. */
export interface CgroupDriver {
  readonly version: 1 | 2
  /** Controllers that can be limited here, as `info` reports them. */
  readonly controllers: ReadonlySet<string>
  create(spec: CgroupSpec): Promise<void>
  /** `cgroup.procs` files a process joins to be in the group. */
  procsFiles(path: string): string[]
  /** The mounts of /sys/fs/cgroup inside a container, as plan mounts. */
  update(path: string, resources: CgroupResources): Promise<void>
  freeze(path: string, frozen: boolean): Promise<void>
  /** SIGKILL to every process in it, frozen or not. */
  kill(path: string): Promise<void>
  /** Pids inside, children included. */
  pids(path: string): Promise<number[]>
  /** Number of OOM kills so far. */
  oomKills(path: string): Promise<number>
  /** Called when the kernel OOM-killed in it; dispose to stop. */
  watchOom(path: string, onOom: () => void): Disposable
  /** Retries EBUSY within bounds; fine when it is not there. */
  remove(path: string): Promise<void>
}
