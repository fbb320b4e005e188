/**
 * The launch plan: everything the shim does for one container or exec, as data. TypeScript decides
 * (defaults, order, values); `encodePlan` flattens it to records of NUL-separated strings, which the
 * shim executes one by one. Descriptors in a plan are indexes into the `fds` given to `launchShim`.
 */
export interface LaunchPlan {
  /** Container or exec id; what `ps` shows of the shim. */
  name: string
  shim: {
    /** SOCK_SEQPACKET control socket to listen on, absolute, under 108 bytes. */
    socket: string
    /** Exit record: written to a temporary beside it, then renamed. */
    exitFile: string
    /** `cgroup.procs` files the shim itself joins, so that the daemon's limits are not its own. */
    cgroupProcs: readonly string[]
  }
  stdio: PlanStdio
  log: PlanLog
  /** Connections to serve from the first byte on: opened before the start, so nothing is lost. */
  clients: readonly PlanClient[]
  /** Indexes of descriptors only to be kept open while the container lives (reserved ports). */
  hold: readonly number[]
  /** Host ports that the container holds; none by default. */
  ports?: readonly PlanPort[]
  target: CreateTarget | EnterTarget
  process: PlanProcess
}

/** A host port held by its bound socket, which the shim can be told of later by name. */
export interface PlanPort extends HeldPort {
  /** Index of the socket. */
  fd: number
}

export interface HeldPort {
  /** No two ports of one container have the same. */
  name: string
  /**
   * Where the shim itself carries what comes to it; without it the socket only keeps
   * the port.
   */
  serve?: { address: string; port: number } | undefined
}

export interface PlanStdio {
  tty: boolean
  /** `open`: a pipe (or the pty) clients write to; `null`: /dev/null. */
  stdin: 'open' | 'null'
  /** Close stdin when the first client that attached it is gone. */
  stdinOnce: boolean
  /** Initial [rows, columns] of the pty. */
  consoleSize?: readonly [number, number]
}

export type PlanLog = { driver: 'none' } | JsonFileLog | SegmentsLog

export interface JsonFileLog {
  driver: 'json-file'
  path: string
  /** Bytes; -1 for no limit. */
  maxSize: number
  maxFile: number
  /** JSON text of the `attrs` object of each line, empty for none. */
  attrs: string
}

/** The same lines in files `path.` and 20 digits, which say where each begins in the whole stream. */
export interface SegmentsLog extends Omit<JsonFileLog, 'driver'> {
  driver: 'segments'
  /** Of the file to go on in, or of a new one. */
  start: number
  /**
   * The daemon sends the lines elsewhere. Files wait for it, and when more than `limit` bytes have
   * not been sent the container waits. `sent`: up to where they have been, when the container starts.
   */
  backlog?: { limit: number; sent: number }
}

export interface PlanClient {
  /** Index of a connected stream socket. */
  fd: number
  stdin: boolean
  stdout: boolean
  stderr: boolean
  /** Output in stdcopy frames; without it, as the terminal has it (frames where there is none). */
  framed?: boolean
  /** Key bytes that detach, e.g. [16, 17]; empty for none. Looked for only on a tty. */
  detachKeys: readonly number[]
  /** Bytes of stdin that had been read ahead of the hand-over. */
  head: Uint8Array
}

/** `host` shares the daemon's; `{ fd }` joins the namespace behind a descriptor. */
export type PlanNamespace = 'new' | 'host' | { fd: number }

export interface CreateTarget {
  kind: 'create'
  namespaces: {
    pid: PlanNamespace
    net: PlanNamespace
    ipc: PlanNamespace
    uts: PlanNamespace
    cgroup: 'new' | 'host'
    /** Absent: the host's. Needs a kernel that has them. */
    time?: 'new'
  }
  /** `cgroup.procs` files the init joins before anything else (v1: one per controller, v2: one). */
  cgroupProcs: readonly string[]
  /** Index of a detached mount (overlay) that becomes the root. */
  rootFd: number
  readonlyRoot: boolean
  /** Propagation of the root mount; Docker's default is `rprivate`. */
  rootPropagation: 'rprivate' | 'rslave' | 'rshared' | 'private' | 'slave' | 'shared'
  hostname?: string
  domainname?: string
  /** In order; parents before children. Missing targets are made inside the root. */
  mounts: readonly PlanMount[]
  devices: readonly PlanDevice[]
  /** [path, target] made when missing, e.g. ['/dev/fd', '/proc/self/fd']. */
  symlinks: ReadonlyArray<readonly [string, string]>
  /** [path, mode] of empty files, made when missing. */
  files?: ReadonlyArray<readonly [string, number]>
  /** Written below /proc/sys through a private procfs handle: ['net.ipv4.ip_forward', '1']. */
  sysctls: ReadonlyArray<readonly [string, string]>
  maskedPaths: readonly string[]
  readonlyPaths: readonly string[]
}

/** An exec: joins the namespaces, root and cgroups of a running container. */
export interface EnterTarget {
  kind: 'enter'
  /** Index of the pidfd of the container's init. */
  pidfd: number
  cgroupProcs: readonly string[]
}

export type PlanMount =
  | {
      type: 'proc' | 'sysfs' | 'mqueue' | 'devpts' | 'tmpfs' | 'cgroup2'
      target: string
      flags: readonly MountFlag[]
      data: readonly (readonly [string, string])[]
      tmpcopyup?: boolean
    }
  /** A cgroup v1 hierarchy: `controllers` as in its mount data, e.g. 'cpu,cpuacct' or 'name=systemd'. */
  | { type: 'cgroup'; target: string; flags: readonly MountFlag[]; controllers: string }
  /** `source`: index of an O_PATH descriptor, or a host path the engine has resolved. */
  | {
      type: 'bind'
      source: { fd: number } | { path: string }
      target: string
      recursive: boolean
      readonly: boolean
      recursiveReadonly: boolean
      propagation: string
      flags: readonly MountFlag[]
      directory: boolean
      /** Lines of uid_map and gid_map: ids of the files, as the container sees them, how many. */
      idmap?: { uids: string; gids: string }
    }

export type MountFlag =
  'ro' | 'nosuid' | 'nodev' | 'noexec' | 'relatime' | 'noatime' | 'strictatime'

export interface PlanDevice {
  path: string
  type: 'c' | 'b' | 'p'
  major: number
  minor: number
  mode: number
  uid: number
  gid: number
}

export interface PlanProcess {
  /** argv[0] is looked up in PATH of `env` inside the root. */
  argv: readonly string[]
  env: readonly string[]
  /** Made when missing (create), inside the root; refused when it leads outside. */
  cwd: string
  uid: number
  gid: number
  groups: readonly number[]
  /** Names without CAP_. Inheritable stays empty. */
  capabilities: {
    bounding: readonly string[]
    effective: readonly string[]
    permitted: readonly string[]
    ambient: readonly string[]
  }
  noNewPrivileges: boolean
  rlimits: ReadonlyArray<{ name: string; soft: bigint; hard: bigint }>
  oomScoreAdj?: number
  umask?: number
  /** AppArmor profile to be in after the exec; absent: the daemon's own. */
  appArmorProfile?: string
  /** BPF bytes; absent: unconfined. */
  seccomp?: Uint8Array
  /**
   * Signals are blocked until the program takes them: for our own init, which would lose those that
   * come first (the kernel drops what pid 1 has no handler for).
   */
  holdSignals?: boolean
  /** A new session keyring named after the container. */
  keyring: boolean
}

/** What the shim says on the notify pipe: one line each. */
export type ShimNotice =
  /** The process is executed. */
  | { kind: 'started'; pid: number }
  /** Nothing was started; `stage` names the plan step, e.g. 'exec', 'cwd', 'mount /data'. */
  | { kind: 'failed'; stage: string; errno: number }
  /** A client typed the detach keys. */
  | { kind: 'detached' }
  /** A log file is full; at most a few of these per second. */
  | { kind: 'rotated' }
  /** The last line: the process ended and its output is in the log. */
  | { kind: 'exited'; exit: ExitRecord }

export interface ExitRecord {
  /** 0..255; 128 + signal when killed by one. */
  exitCode: number
  signal: number
  finishedAtNs: bigint
}
