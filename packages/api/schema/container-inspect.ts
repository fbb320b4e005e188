/** Answers about containers. */
import type { ContainerConfig } from './container-config.ts'
import type { EndpointSettings } from './endpoint.ts'
import type { HostConfig, PortBinding } from './host-config.ts'
import type { OCIDescriptor } from './image.ts'
import type { MountType } from './mount.ts'

export interface ContainerCreateResponse {
  Id: string
  Warnings: Array<string>
}

export interface HealthcheckResult {
  Start: string
  End: string
  ExitCode: number
  Output: string
}

export type HealthStatus = 'none' | 'starting' | 'healthy' | 'unhealthy'

export interface Health {
  Status: HealthStatus
  FailingStreak: number
  Log: Array<HealthcheckResult>
}

export interface ContainerState {
  Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'
  Running: boolean
  Paused: boolean
  Restarting: boolean
  OOMKilled: boolean
  Dead: boolean
  Pid: number
  ExitCode: number
  Error: string
  StartedAt: string
  FinishedAt: string
  /** Absent without a health check. */
  Health?: Health
}

export interface DriverData {
  Name: string
  Data: Record<string, string>
}

export interface MountPoint {
  Type: MountType
  /** Volumes only. */
  Name?: string
  Source: string
  Destination: string
  /** Volumes only. */
  Driver?: string
  Mode: string
  RW: boolean
  Propagation: string
}

export interface NetworkSettings {
  SandboxID: string
  SandboxKey: string
  /** null: exposed, not published. */
  Ports: Record<string, PortBinding[] | null>
  Networks: Record<string, EndpointSettings>
  /** The default bridge's endpoint again, below API 1.52. */
  EndpointID?: string
  Gateway?: string
  GlobalIPv6Address?: string
  GlobalIPv6PrefixLen?: number
  IPAddress?: string
  IPPrefixLen?: number
  IPv6Gateway?: string
  MacAddress?: string
}

export interface RootFSStorageSnapshot {
  Name: string
}

export interface RootFSStorage {
  Snapshot: RootFSStorageSnapshot | null
}

export interface Storage {
  RootFS: RootFSStorage | null
}

export interface ContainerInspectResponse {
  Id: string
  Created: string
  Path: string
  Args: Array<string>
  State: ContainerState
  Image: string
  ResolvConfPath: string
  HostnamePath: string
  HostsPath: string
  LogPath: string
  Name: string
  RestartCount: number
  Driver: string
  Platform: string
  ImageManifestDescriptor?: OCIDescriptor
  MountLabel: string
  ProcessLabel: string
  AppArmorProfile: string
  ExecIDs: Array<string> | null
  HostConfig: HostConfig
  GraphDriver?: DriverData
  Storage?: Storage
  /** With `size`. */
  SizeRw?: number
  SizeRootFs?: number
  Mounts: Array<MountPoint>
  Config: ContainerConfig & { MacAddress?: string }
  NetworkSettings: NetworkSettings
}

export interface ContainerStatus {
  ContainerID: string
  PID: number
  ExitCode: number
}

export interface PortSummary {
  IP?: string
  PrivatePort: number
  PublicPort?: number
  Type: 'tcp' | 'udp' | 'sctp'
}

export interface ContainerSummary {
  Id: string
  Names: Array<string>
  Image: string
  ImageID: string
  ImageManifestDescriptor?: OCIDescriptor
  Command: string
  Created: number
  Ports: Array<PortSummary>
  SizeRw?: number
  SizeRootFs?: number
  /** Bytes of its log files: tdocker's own word, in `system df` only. */
  SizeLog?: number
  Labels: Record<string, string>
  State: 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'removing' | 'dead'
  Status: string
  HostConfig: { NetworkMode: string; Annotations?: Record<string, string> }
  NetworkSettings: { Networks: Record<string, EndpointSettings> }
  Mounts: Array<MountPoint>
  /** From API 1.52. */
  Health?: { Status: HealthStatus; FailingStreak: number }
}

export interface ContainerTopResponse {
  Titles: Array<string>
  Processes: Array<Array<string>>
}

export interface ContainerUpdateResponse {
  Warnings: Array<string>
}

export interface ContainerWaitExitError {
  Message: string
}

export interface ContainerWaitResponse {
  StatusCode: number
  Error?: ContainerWaitExitError
}

export type ChangeType = number

export interface FilesystemChange {
  Path: string
  Kind: ChangeType
}
