import type { Readable } from 'node:stream'
import type { CgroupDriver } from '@tdocker/kernel/cgroup/driver.ts'
import type { Native } from '@tdocker/kernel/native.ts'
import type { ShimLauncher } from '@tdocker/kernel/shim/shim.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import { RollbackScope } from '../base/scope.ts'
import type { Semaphore } from '../content/semaphore.ts'
import type { EventLog } from '../event/event-log.ts'
import type { RunProbe } from '../health/probe.ts'
import type { LogService } from '../log/log-service.ts'
import type { ReadLogOptions } from '../log/read-log.ts'
import type { Store } from '../store/store.ts'
import type { TreeWriters } from './archive/tree-writers.ts'
import type { Clock } from './clock.ts'
import type { ContainersConfig } from './containers-config.ts'
import type {
  DirectorySizes,
  ImageCommits,
  ImageSource,
  NetworkSandboxes,
  Volumes,
} from './needs.ts'
import type { AppArmor } from './plan/apparmor.ts'
import type { HostFacts } from './plan/plan-input.ts'
import type { SeccompFilters } from './plan/seccomp-cache.ts'
import type { HostUsage } from './stats/host-usage.ts'
import type { Registry } from './registry.ts'
import type { ExecRegistry } from '../exec/exec-registry.ts'

/** What containers are made with; all of it comes from outside. */
export interface ContainerDeps {
  native: ContainerNative
  shims: ShimLauncher
  cgroups: CgroupDriver
  store: Store
  events: EventLog
  images: ImageSource
  commits: ImageCommits
  networks: NetworkSandboxes
  volumes: Volumes
  sizes: DirectorySizes
  /** Facts of the machine that plans are made with. */
  host: HostFacts
  seccomp: Pick<SeccompFilters, 'forContainer'>
  appArmor: Pick<AppArmor, 'forContainer' | 'profileOf'>
  readLog: ReadLog
  hostUsage: HostUsage
  runProbe: RunProbe
  config: ContainersConfig
  log: Logger
  clock: Clock
}

export type ContainerNative = Pick<
  Native,
  | 'closeFd'
  | 'decompressor'
  | 'dupFd'
  | 'logFrames'
  | 'mountClone'
  | 'nsOpen'
  | 'pathOpen'
  | 'resolveIn'
  | 'socketBody'
  | 'tarPacker'
  | 'tarUnpacker'
  | 'treeAssemble'
  | 'treeChanges'
  | 'openRoot'
  | 'overlayOpen'
  | 'pidfdGetFd'
  | 'pidfdOpen'
  | 'pidfdSendSignal'
  | 'readFileIn'
  | 'removeTree'
  | 'sendDatagram'
  | 'socketPair'
  | 'statIn'
  | 'treeSize'
  | 'unixDatagram'
  | 'waitReadable'
>

/** The part of pino that is used here. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type ReadLog = (o: ReadLogOptions) => Readable

export interface Context extends ContainerDeps {
  readonly registry: Registry
  readonly execs: ExecRegistry
  /** Per container id. */
  readonly locks: KeyedLock
  /** Bounds how many probes are being started at a time. */
  readonly probeStarts: Semaphore
  readonly treeWriters: TreeWriters
  readonly logs: LogService
  shuttingDown: boolean
  pruning: boolean
}

/** A rollback scope whose failing undos are logged. */
export function rollback(ctx: Context, container: string): RollbackScope {
  return new RollbackScope((what, err) => ctx.log.warn({ container, err, what }, 'undo failed'))
}

/** For work that goes on after the answer: failures are logged, never thrown. */
export function inBackground(
  ctx: Context,
  container: string,
  what: string,
  work: Promise<unknown>,
): void {
  work.catch((err: unknown) => ctx.log.error({ container, err, what }, 'background work failed'))
}
