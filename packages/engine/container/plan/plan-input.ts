/**
 * What the plan builder is given: everything already decided or resolved, so that building a plan
 * is a pure function. Descriptors here are real ones; the builder puts them into an `FdTable` and
 * writes indexes into the plan.
 *
 * The order of a start: `readHostFacts` (once per daemon) → `resolveUser` → `resolveDevices` →
 * `SeccompFilters.forContainer` → `buildCreatePlan` → `ShimLauncher.launch(plan, fds)`.
 */
import type { ContainerConfig, HostConfig } from '@tdocker/api'
import type { CgroupMountPoint } from '@tdocker/kernel/cgroup/driver.ts'
import type {
  HeldPort,
  LaunchPlan,
  PlanClient,
  PlanDevice,
  PlanLog,
} from '@tdocker/kernel/shim/plan.ts'

export interface ContainerPlanInput {
  /** 64 hex digits. */
  id: string
  /** Without the leading slash. */
  name: string
  /** After the merge with the image's config; `Hostname` is set. */
  config: ContainerConfig
  /** After the daemon's defaults (`ShmSize`, `IpcMode`, `CgroupnsMode`…). */
  hostConfig: HostConfig
  paths: ContainerPaths
  /** Detached overlay mount that becomes the root. */
  rootFd: number
  /** Namespaces of other containers, for `container:ID` modes. */
  join: NamespaceFds
  /** Namespaces of `join` that are the host's: its sysctls are not to be set through them. */
  shared?: SharedWithHost
  /** The container's own network namespace; undefined for `host`, `container:`. */
  netnsFd: number | undefined
  user: ResolvedUser
  /**
   * Binds, volumes and tmpfs of `HostConfig.Binds` and `Mounts`, image volumes included, in any
   * order. `HostConfig.Tmpfs` is not among them: the builder reads it itself.
   */
  mounts: readonly ResolvedMount[]
  /** From `resolveDevices(hostConfig)`: `--device` and, privileged, the host's nodes. */
  devices: readonly PlanDevice[]
  cgroup: PlanCgroup
  /** Compiled filter; undefined for unconfined. */
  seccomp: Uint8Array | undefined
  /** Loaded; absent where the host has no AppArmor. */
  appArmorProfile?: string | undefined
  host: HostFacts
  /** Daemon-wide default of `--security-opt no-new-privileges`. */
  noNewPrivileges?: boolean
  clients: readonly ClientConnection[]
  /** Descriptors to keep open while the container lives. */
  hold: readonly number[]
  /** Its host ports, by their bound sockets. */
  heldPorts?: ReadonlyArray<HeldPort & { fd: number }>
  log: PlanLog
  /** [rows, columns]; used on a tty only. */
  consoleSize?: readonly [number, number]
}

export interface ContainerPaths {
  /** Control socket of the shim, under 108 bytes. */
  socket: string
  exitFile: string
  /** Host files bound over /etc/hosts, /etc/hostname, /etc/resolv.conf; absent: not bound. */
  hosts?: string
  hostname?: string
  resolvConf?: string
  /** Host path of docker-init, where one is wanted. */
  init?: string
  /** It is the engine's own, which knows how to be started. */
  ownInit?: boolean
}

export interface NamespaceFds {
  pid?: number
  ipc?: number
  net?: number
  uts?: number
  /** With `ipc`: detached mount or O_PATH descriptor of the joined container's /dev/shm. */
  shm?: number
}

export interface SharedWithHost {
  net?: boolean
  ipc?: boolean
}

export interface ResolvedUser {
  uid: number
  gid: number
  /** Additional groups, the primary first. */
  groups: readonly number[]
  /** Home directory of the passwd line, `/` when there is none. */
  home: string
}

export interface ResolvedMount {
  type: 'bind' | 'volume' | 'tmpfs'
  /** Absent for tmpfs. */
  source?: { path: string } | { fd: number }
  /** Absolute, cleaned. */
  target: string
  readonly: boolean
  /** False only with `BindOptions.NonRecursive`. */
  recursive: boolean
  /** What a read-only bind means for submounts; Docker's default is 'if-possible'. */
  recursiveReadonly: boolean
  /** '' stands for rprivate. */
  propagation: string
  /** Whether the source is a directory (else a file is made as the target). */
  directory: boolean
  idmap?: { uids: string; gids: string }
  /** tmpfs only: `Mounts[].TmpfsOptions`. */
  tmpfs?: { sizeBytes?: number; mode?: number; options?: readonly (readonly string[])[] }
  /** tmpfs only: begins empty, whatever the image has there. */
  hides?: true
}

export interface PlanCgroup {
  version: 1 | 2
  /** `CgroupDriver.procsFiles(path)` of the container. */
  procsFiles: readonly string[]
  /** cgroup.procs files for the shim itself. */
  shimProcsFiles: readonly string[]
  /** `CgroupDriver.mountPoints(path)`: what /sys/fs/cgroup shows. */
  mounts: readonly CgroupMountPoint[]
}

/** A client attached before the start. */
export interface ClientConnection extends Omit<PlanClient, 'fd'> {
  /** Real descriptor of the connected socket; the caller's to close after the launch. */
  fd: number
}

/** Facts about the machine, read once. */
export interface HostFacts {
  /** Numbers of the CPUs below /sys/devices/system/cpu which have `thermal_throttle`. */
  thermalThrottleCpus: readonly number[]
  /** uname -r, e.g. '6.18.0'. */
  kernelVersion: string
  /** uname -m: x86_64, aarch64… */
  machine: string
  apparmor: boolean
  selinux: boolean
  /** /proc/kcore is there; undefined counts as yes. */
  kcore?: boolean
  /** The kernel has namespaces of the monotonic and boot-time clocks. */
  timeNamespaces?: boolean
  /** What the daemon itself may have, and so the most a container can get; without CAP_. */
  capabilities: readonly string[]
}

export interface ExecPlanInput {
  /** Exec id, 64 hex digits. */
  id: string
  exec: ExecConfig
  /** Of the container that the exec joins. */
  config: ContainerConfig
  hostConfig: HostConfig
  paths: { socket: string; exitFile: string }
  /** pidfd of the container's init. */
  pidfd: number
  user: ResolvedUser
  cgroup: Pick<PlanCgroup, 'procsFiles' | 'shimProcsFiles'>
  /** The container's own filter, also when the exec is privileged. */
  seccomp: Uint8Array | undefined
  /** Loaded; absent where the host has no AppArmor. */
  appArmorProfile?: string | undefined
  host: HostFacts
  /** Daemon-wide default of `--security-opt no-new-privileges`. */
  noNewPrivileges?: boolean
  clients: readonly ClientConnection[]
  consoleSize?: readonly [number, number]
}

export interface ExecConfig {
  cmd: readonly string[]
  env: readonly string[]
  tty: boolean
  openStdin: boolean
  privileged: boolean
  /** '' for the container's own. */
  workingDir: string
}

export interface BuiltPlan {
  plan: LaunchPlan
  /** For `ShimLauncher.launch`; borrowed from the input. */
  fds: number[]
}

/** Descriptors of a plan: `add` answers the index by which the plan names the descriptor. */
export class FdTable {
  readonly fds: number[] = []
  readonly #indexes = new Map<number, number>()

  add(fd: number): number {
    const index = this.#indexes.get(fd) ?? this.fds.push(fd) - 1
    this.#indexes.set(fd, index)
    return index
  }
}
