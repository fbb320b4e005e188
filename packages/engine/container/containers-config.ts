import type { LogConfig } from '../log/driver/options.ts'

/** What the daemon's settings mean to containers. */
export interface ContainersConfig {
  /** Absolute; `containers/` lies below. */
  dataRoot: string
  /** Absolute, on tmpfs; `c/` and `e/` lie below. Short: socket paths end at 107 bytes. */
  execRoot: string
  /** /proc/sys/kernel/random/boot_id. */
  bootId: string
  machineName: string
  runtimes: readonly string[]
  defaultRuntime: string
  logConfig: LogConfig
  /** Bytes. */
  shmSize: number
  ipcMode: string
  /** undefined: `host` on cgroup v1, `private` on v2. */
  cgroupnsMode: string | undefined
  /** Parent of the containers' groups, e.g. `/tdocker`. */
  cgroupParent: string
  stopTimeoutSeconds: number
  /** `default-ulimits`: taken where a container names none of that kind. */
  ulimits: ReadonlyArray<{ Name: string; Soft: number; Hard: number }>
  /** `no-new-privileges` for containers that do not say. */
  noNewPrivileges: boolean
  /** `init`: containers that do not say get an init. */
  init: boolean
  /** `init-path`; undefined: `initSource`. */
  initPath: string | undefined
  /** The program that acts as init when it is called docker-init: the shim's. */
  initSource: string
  /** Containers outlive the daemon. */
  liveRestore: boolean
}
