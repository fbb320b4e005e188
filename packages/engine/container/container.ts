import type {
  ContainerConfig,
  EndpointSettings,
  HostConfig,
  NetworkingConfig,
  PortBinding,
} from '@tdocker/api'
import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import type { Health } from '../health/health.ts'
import type { HealthMonitor } from '../health/monitor.ts'
import type { ClientConnection } from './plan/plan-input.ts'
import type { LinkRecord } from './links/links.ts'
import type { MountRecord } from './create/mount-record.ts'

/** States as stored. `removing` wins over whatever the process does. */
export type StoredState =
  'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

/** What is stored as one document: read and written whole. */
export interface ContainerDetail {
  path: string
  args: string[]
  mounts: MountRecord[]
  networking: NetworkingConfig
  /** Endpoints as `inspect` shows them: planned before the start, real while running. */
  endpoints: Record<string, EndpointSettings>
  ports: Record<string, PortBinding[] | null>
  /** A user stopped or killed it: `unless-stopped` then rests. */
  manuallyStopped: boolean
  /** It has been started at least once: only then restart policies act at daemon start. */
  startedBefore: boolean
  /** Legacy links of the default bridge. */
  links?: LinkRecord[]
  /** Paused by a commit, which is to end with it. */
  pausedForCommit?: boolean
  /** What the image is called in `ps`. */
  os: string
  /** Made for a step of a build. */
  buildStep?: boolean
}

/**
 * One container in memory. Only the verbs under the container's lock write to it; readers see
 * whatever holds at the moment.
 */
export interface Container {
  readonly id: string
  /** Without the leading slash. */
  name: string
  readonly imageId: string
  readonly createdNs: bigint
  readonly config: ContainerConfig
  readonly hostConfig: HostConfig
  readonly detail: ContainerDetail
  state: StoredState
  /** A removal is under way; `state` still tells what the process does. */
  removing: boolean
  pid: number
  exitCode: number
  error: string
  oomKilled: boolean
  startedNs: bigint | undefined
  finishedNs: bigint | undefined
  restartCount: number
  /** Directories of the image's layers, topmost first; resolved again after a daemon restart. */
  lowers: readonly string[] | undefined
  live: LiveContainer | undefined
  /** Clients that attached before the start. */
  pendingClients: ClientConnection[]
  /** Exec ids that have not ended. */
  execs: Set<string>
  /** Processes on their way into it; a pause lets them arrive first. */
  readonly launches: Set<Promise<unknown>>
  restart: RestartClock
  /** From the first start on, if it has a health check. */
  health: Health | undefined
  /** While its health is probed. */
  monitor: HealthMonitor | undefined
  /** Set by `restart`: auto-remove and restart policies keep still. */
  manualRestart: boolean
  /** A user has asked this run to stop. */
  stopAsked: boolean
  /** Settles when restore has found out what became of it. */
  reconciled: Promise<void> | undefined
  readonly waiters: { stop: Set<Waiter>; removed: Set<Waiter> }
}

export type Waiter = (status: { exitCode: number; error: string }) => void

/** Exists from launch to the end of exit handling. */
export interface LiveContainer {
  readonly shim: ShimProcess
  /** Of init; undefined when it was gone before it could be opened, and once its end is handled. */
  pidfd: number | undefined
  readonly cgroup: string
  readonly oom: {
    /** Kills that events were told of. */
    told: number
    watch: Disposable | undefined
  }
  /** Resolves when the exit is recorded and waiters are awake. */
  readonly ended: Promise<void>
}

/** Back-off between automatic restarts. */
export interface RestartClock {
  delayMs: number
  /** Cancels a waiting restart. */
  timer: (() => void) | undefined
  /** Stopped or killed by a user: no restart until the next manual start. */
  cancelled: boolean
}

export function isRunning(c: Container): boolean {
  return c.state === 'running' || c.state === 'paused' || c.state === 'restarting'
}

/** The state clients see. */
export function visibleState(c: Container): StoredState {
  if (isRunning(c)) return c.state
  return c.removing ? 'removing' : c.state
}

/** `container:ID` → ID. */
export function joinedContainer(mode: string | undefined): string | undefined {
  return mode?.startsWith('container:') ? mode.slice('container:'.length) : undefined
}
