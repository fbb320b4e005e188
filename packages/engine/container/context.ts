import type { Readable } from 'node:stream'
import type { HostConfig } from '@tdocker/api'
import type { CgroupDriver, CgroupResources } from '@tdocker/kernel/cgroup/driver.ts'
import type { DeviceRule, Native } from '@tdocker/kernel/native.ts'
import type { PlanDevice } from '@tdocker/kernel/shim/plan.ts'
import type { ShimLauncher } from '@tdocker/kernel/shim/shim.ts'
import type { KeyedLock } from '../base/keyed-lock.ts'
import { RollbackScope } from '../base/scope.ts'
import type { EventLog } from '../event/event-log.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from './clock.ts'
import type { ContainersConfig } from './containers-config.ts'
import type { ImageSource, NetworkSandboxes, Volumes } from './needs.ts'
import type {
  BuiltPlan,
  ContainerPlanInput,
  ExecPlanInput,
  HostFacts,
  ResolvedUser,
} from './plan/plan-input.ts'
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
  networks: NetworkSandboxes
  volumes: Volumes
  planner: Planner
  readLog: ReadLog
  config: ContainersConfig
  log: Logger
  clock: Clock
}

export type ContainerNative = Pick<
  Native,
  | 'closeFd'
  | 'dupFd'
  | 'nsOpen'
  | 'openRoot'
  | 'overlayOpen'
  | 'pidfdOpen'
  | 'pidfdSendSignal'
  | 'removeTree'
  | 'socketPair'
  | 'statIn'
  | 'treeSize'
>

/** The part of pino that is used here. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** container/plan: decides what a container may do, as data. */
export interface Planner {
  readonly host: HostFacts
  /** Throws invalidParameter for security options, capabilities or sysctls that make no sense. */
  check(host: HostConfig): void
  createPlan(input: ContainerPlanInput): BuiltPlan
  execPlan(input: ExecPlanInput): BuiltPlan
  /** `user` as in `Config.User`, looked up in the tree behind `root`. */
  user(o: { root: number; user: string; groupAdd: readonly string[] }): Promise<ResolvedUser>
  devices(host: HostConfig): PlanDevice[]
  deviceRules(host: HostConfig, devices: readonly PlanDevice[]): DeviceRule[]
  resources(host: HostConfig): CgroupResources
  /** undefined for unconfined. */
  seccomp(host: HostConfig, o: { exec: boolean; privileged: boolean }): Promise<Uint8Array | undefined>
}

/** log/: docker frames, or raw bytes with `tty`. */
export type ReadLog = (o: {
  path: string
  stdout: boolean
  stderr: boolean
  follow: boolean
  tail?: number
  sinceNs?: bigint
  untilNs?: bigint
  timestamps: boolean
  details: boolean
  /** Settles when nothing will be written any more. */
  ended: Promise<void>
  signal: AbortSignal
  tty: boolean
}) => Readable

export interface Context extends ContainerDeps {
  readonly registry: Registry
  readonly execs: ExecRegistry
  /** Per container id. */
  readonly locks: KeyedLock
  shuttingDown: boolean
}

/** A rollback scope whose failing undos are logged. */
export function rollback(ctx: Context, container: string): RollbackScope {
  return new RollbackScope((what, err) =>
    ctx.log.warn({ container, err, what }, 'undo failed'),
  )
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
