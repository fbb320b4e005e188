import type { ContainerConfig } from './container.ts'
import type { HostConfig } from './host-config.ts'

/** Answer of `POST /containers/dry-run`: what a create and a start of the request would make. */
export interface ContainerDryRun {
  Name: string
  Image: string
  Warnings: string[]
  /** After the merge with the image's. */
  Config: ContainerConfig
  /** With the daemon's defaults. */
  HostConfig: HostConfig
  Process: {
    Args: string[]
    Env: string[]
    Cwd: string
    Uid: number
    Gid: number
    Groups: number[]
    Capabilities: string[]
    NoNewPrivileges: boolean
    /** `builtin`, `unconfined`, or `custom` for a profile of the request. */
    Seccomp: string
    AppArmor: string
    OomScoreAdj: number
    Rlimits: Array<{ Name: string; Soft: string; Hard: string }>
  }
  /** `new`, `host` or `container:ID` by kind. */
  Namespaces: Record<'pid' | 'net' | 'ipc' | 'uts' | 'cgroup', string>
  /** In the order they are mounted. */
  Mounts: DryRunMount[]
  ReadonlyRootfs: boolean
  MaskedPaths: string[]
  ReadonlyPaths: string[]
  Devices: string[]
  Sysctls: Record<string, string>
  Cgroup: {
    Version: 1 | 2
    Path: string
    /** By file. */
    Values: Record<string, string>
    /** As in devices.allow and devices.deny; the last that matches decides. */
    DeviceRules: string[]
  }
  Network: {
    Mode: string
    /** `0.0.0.0:8080/tcp -> 80`; an empty host port is picked at start. */
    PortRules: string[]
  }
}

export interface DryRunMount {
  Type: string
  Target: string
  /** Host path; the volume's name; absent for file systems of the kernel. */
  Source?: string
  /** The volume or directory would be made. */
  Created?: true
  Options: string[]
}
