import { Type, type Static } from 'typebox'
import { type OCIDescriptor } from './image.ts'

export const HealthConfig = Type.Object({
  Test: Type.Optional(Type.Array(Type.String())),
  Interval: Type.Optional(Type.Integer()),
  Timeout: Type.Optional(Type.Integer()),
  Retries: Type.Optional(Type.Integer()),
  StartPeriod: Type.Optional(Type.Integer()),
  StartInterval: Type.Optional(Type.Integer()),
})
export type HealthConfig = Static<typeof HealthConfig>

export const ContainerConfig = Type.Object({
  Hostname: Type.Optional(Type.String()),
  Domainname: Type.Optional(Type.String()),
  User: Type.Optional(Type.String()),
  AttachStdin: Type.Optional(Type.Boolean()),
  AttachStdout: Type.Optional(Type.Boolean()),
  AttachStderr: Type.Optional(Type.Boolean()),
  ExposedPorts: Type.Optional(
    Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown())),
  ),
  Tty: Type.Optional(Type.Boolean()),
  OpenStdin: Type.Optional(Type.Boolean()),
  StdinOnce: Type.Optional(Type.Boolean()),
  Env: Type.Optional(Type.Array(Type.String())),
  Cmd: Type.Optional(Type.Array(Type.String())),
  Healthcheck: Type.Optional(HealthConfig),
  ArgsEscaped: Type.Optional(Type.Boolean()),
  Image: Type.Optional(Type.String()),
  Volumes: Type.Optional(Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()))),
  WorkingDir: Type.Optional(Type.String()),
  Entrypoint: Type.Optional(Type.Array(Type.String())),
  NetworkDisabled: Type.Optional(Type.Boolean()),
  OnBuild: Type.Optional(Type.Array(Type.String())),
  Labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  StopSignal: Type.Optional(Type.String()),
  StopTimeout: Type.Optional(Type.Integer()),
  Shell: Type.Optional(Type.Array(Type.String())),
})
export type ContainerConfig = Static<typeof ContainerConfig>

export const MountType = Type.String()
export type MountType = Static<typeof MountType>

export const Mount = Type.Object({
  Target: Type.Optional(Type.String()),
  Source: Type.Optional(Type.String()),
  Type: Type.Optional(MountType),
  ReadOnly: Type.Optional(Type.Boolean()),
  Consistency: Type.Optional(Type.String()),
  BindOptions: Type.Optional(
    Type.Object({
      Propagation: Type.Optional(Type.String()),
      NonRecursive: Type.Optional(Type.Boolean()),
      CreateMountpoint: Type.Optional(Type.Boolean()),
      ReadOnlyNonRecursive: Type.Optional(Type.Boolean()),
      ReadOnlyForceRecursive: Type.Optional(Type.Boolean()),
    }),
  ),
  VolumeOptions: Type.Optional(
    Type.Object({
      NoCopy: Type.Optional(Type.Boolean()),
      Labels: Type.Optional(Type.Record(Type.String(), Type.String())),
      DriverConfig: Type.Optional(
        Type.Object({
          Name: Type.Optional(Type.String()),
          Options: Type.Optional(Type.Record(Type.String(), Type.String())),
        }),
      ),
      Subpath: Type.Optional(Type.String()),
    }),
  ),
  ImageOptions: Type.Optional(Type.Object({ Subpath: Type.Optional(Type.String()) })),
  TmpfsOptions: Type.Optional(
    Type.Object({
      SizeBytes: Type.Optional(Type.Integer()),
      Mode: Type.Optional(Type.Integer()),
      Options: Type.Optional(Type.Array(Type.Array(Type.String()))),
    }),
  ),
})
export type Mount = Static<typeof Mount>

export const PortBinding = Type.Object({
  HostIp: Type.Optional(Type.String()),
  HostPort: Type.Optional(Type.String()),
})
export type PortBinding = Static<typeof PortBinding>

export const PortMap = Type.Record(Type.String(), Type.Array(PortBinding))
export type PortMap = Static<typeof PortMap>

export const DeviceMapping = Type.Object({
  PathOnHost: Type.Optional(Type.String()),
  PathInContainer: Type.Optional(Type.String()),
  CgroupPermissions: Type.Optional(Type.String()),
})
export type DeviceMapping = Static<typeof DeviceMapping>

export const DeviceRequest = Type.Object({
  Driver: Type.Optional(Type.String()),
  Count: Type.Optional(Type.Integer()),
  DeviceIDs: Type.Optional(Type.Array(Type.String())),
  Capabilities: Type.Optional(Type.Array(Type.Array(Type.String()))),
  Options: Type.Optional(Type.Record(Type.String(), Type.String())),
})
export type DeviceRequest = Static<typeof DeviceRequest>

export const ThrottleDevice = Type.Object({
  Path: Type.Optional(Type.String()),
  Rate: Type.Optional(Type.Integer()),
})
export type ThrottleDevice = Static<typeof ThrottleDevice>

export const Resources = Type.Object({
  CpuShares: Type.Optional(Type.Integer()),
  Memory: Type.Optional(Type.Integer()),
  CgroupParent: Type.Optional(Type.String()),
  BlkioWeight: Type.Optional(Type.Integer()),
  BlkioWeightDevice: Type.Optional(
    Type.Array(
      Type.Object({ Path: Type.Optional(Type.String()), Weight: Type.Optional(Type.Integer()) }),
    ),
  ),
  BlkioDeviceReadBps: Type.Optional(Type.Array(ThrottleDevice)),
  BlkioDeviceWriteBps: Type.Optional(Type.Array(ThrottleDevice)),
  BlkioDeviceReadIOps: Type.Optional(Type.Array(ThrottleDevice)),
  BlkioDeviceWriteIOps: Type.Optional(Type.Array(ThrottleDevice)),
  CpuPeriod: Type.Optional(Type.Integer()),
  CpuQuota: Type.Optional(Type.Integer()),
  CpuRealtimePeriod: Type.Optional(Type.Integer()),
  CpuRealtimeRuntime: Type.Optional(Type.Integer()),
  CpusetCpus: Type.Optional(Type.String()),
  CpusetMems: Type.Optional(Type.String()),
  Devices: Type.Optional(Type.Array(DeviceMapping)),
  DeviceCgroupRules: Type.Optional(Type.Array(Type.String())),
  DeviceRequests: Type.Optional(Type.Array(DeviceRequest)),
  MemoryReservation: Type.Optional(Type.Integer()),
  MemorySwap: Type.Optional(Type.Integer()),
  MemorySwappiness: Type.Optional(Type.Integer()),
  NanoCpus: Type.Optional(Type.Integer()),
  OomKillDisable: Type.Optional(Type.Boolean()),
  Init: Type.Optional(Type.Boolean()),
  PidsLimit: Type.Optional(Type.Integer()),
  Ulimits: Type.Optional(
    Type.Array(
      Type.Object({
        Name: Type.Optional(Type.String()),
        Soft: Type.Optional(Type.Integer()),
        Hard: Type.Optional(Type.Integer()),
      }),
    ),
  ),
  CpuCount: Type.Optional(Type.Integer()),
  CpuPercent: Type.Optional(Type.Integer()),
  IOMaximumIOps: Type.Optional(Type.Integer()),
  IOMaximumBandwidth: Type.Optional(Type.Integer()),
})
export type Resources = Static<typeof Resources>

export const RestartPolicy = Type.Object({
  Name: Type.Optional(Type.String()),
  MaximumRetryCount: Type.Optional(Type.Integer()),
})
export type RestartPolicy = Static<typeof RestartPolicy>

export const HostConfig = Type.Object({
  ...Resources.properties,
  Binds: Type.Optional(Type.Array(Type.String())),
  ContainerIDFile: Type.Optional(Type.String()),
  LogConfig: Type.Optional(
    Type.Object({
      Type: Type.Optional(Type.String()),
      Config: Type.Optional(Type.Record(Type.String(), Type.String())),
    }),
  ),
  NetworkMode: Type.Optional(Type.String()),
  PortBindings: Type.Optional(PortMap),
  RestartPolicy: Type.Optional(RestartPolicy),
  AutoRemove: Type.Optional(Type.Boolean()),
  VolumeDriver: Type.Optional(Type.String()),
  VolumesFrom: Type.Optional(Type.Array(Type.String())),
  Mounts: Type.Optional(Type.Array(Mount)),
  ConsoleSize: Type.Optional(Type.Array(Type.Integer())),
  Annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
  CapAdd: Type.Optional(Type.Array(Type.String())),
  CapDrop: Type.Optional(Type.Array(Type.String())),
  CgroupnsMode: Type.Optional(Type.String()),
  Dns: Type.Optional(Type.Array(Type.String())),
  DnsOptions: Type.Optional(Type.Array(Type.String())),
  DnsSearch: Type.Optional(Type.Array(Type.String())),
  ExtraHosts: Type.Optional(Type.Array(Type.String())),
  GroupAdd: Type.Optional(Type.Array(Type.String())),
  IpcMode: Type.Optional(Type.String()),
  Cgroup: Type.Optional(Type.String()),
  Links: Type.Optional(Type.Array(Type.String())),
  OomScoreAdj: Type.Optional(Type.Integer()),
  PidMode: Type.Optional(Type.String()),
  Privileged: Type.Optional(Type.Boolean()),
  PublishAllPorts: Type.Optional(Type.Boolean()),
  ReadonlyRootfs: Type.Optional(Type.Boolean()),
  SecurityOpt: Type.Optional(Type.Array(Type.String())),
  StorageOpt: Type.Optional(Type.Record(Type.String(), Type.String())),
  Tmpfs: Type.Optional(Type.Record(Type.String(), Type.String())),
  UTSMode: Type.Optional(Type.String()),
  UsernsMode: Type.Optional(Type.String()),
  ShmSize: Type.Optional(Type.Integer()),
  Sysctls: Type.Optional(Type.Record(Type.String(), Type.String())),
  Runtime: Type.Optional(Type.String()),
  Isolation: Type.Optional(Type.String()),
  MaskedPaths: Type.Optional(Type.Array(Type.String())),
  ReadonlyPaths: Type.Optional(Type.Array(Type.String())),
})
export type HostConfig = Static<typeof HostConfig>

export const EndpointIPAMConfig = Type.Object({
  IPv4Address: Type.Optional(Type.String()),
  IPv6Address: Type.Optional(Type.String()),
  LinkLocalIPs: Type.Optional(Type.Array(Type.String())),
})
export type EndpointIPAMConfig = Static<typeof EndpointIPAMConfig>

export const EndpointSettings = Type.Object({
  IPAMConfig: Type.Optional(EndpointIPAMConfig),
  Links: Type.Optional(Type.Array(Type.String())),
  MacAddress: Type.Optional(Type.String()),
  Aliases: Type.Optional(Type.Array(Type.String())),
  DriverOpts: Type.Optional(Type.Record(Type.String(), Type.String())),
  GwPriority: Type.Optional(Type.Integer()),
  NetworkID: Type.Optional(Type.String()),
  EndpointID: Type.Optional(Type.String()),
  Gateway: Type.Optional(Type.String()),
  IPAddress: Type.Optional(Type.String()),
  IPPrefixLen: Type.Optional(Type.Integer()),
  IPv6Gateway: Type.Optional(Type.String()),
  GlobalIPv6Address: Type.Optional(Type.String()),
  GlobalIPv6PrefixLen: Type.Optional(Type.Integer()),
  DNSNames: Type.Optional(Type.Array(Type.String())),
})
export type EndpointSettings = Static<typeof EndpointSettings>

export const NetworkingConfig = Type.Object({
  EndpointsConfig: Type.Optional(Type.Record(Type.String(), EndpointSettings)),
})
export type NetworkingConfig = Static<typeof NetworkingConfig>

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

export interface Health {
  Status: 'none' | 'starting' | 'healthy' | 'unhealthy'
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
  Health: Health
}

export interface DriverData {
  Name: string
  Data: Record<string, string>
}

export interface MountPoint {
  Type: MountType
  Name: string
  Source: string
  Destination: string
  Driver: string
  Mode: string
  RW: boolean
  Propagation: string
}

export interface NetworkSettings {
  SandboxID: string
  SandboxKey: string
  Ports: PortMap
  Networks: Record<string, EndpointSettings>
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
  Created: string | null
  Path: string
  Args: Array<string>
  State: ContainerState
  Image: string
  ResolvConfPath: string
  HostnamePath: string
  HostsPath: string
  LogPath: string | null
  Name: string
  RestartCount: number
  Driver: string
  Platform: string
  ImageManifestDescriptor: OCIDescriptor
  MountLabel: string
  ProcessLabel: string
  AppArmorProfile: string
  ExecIDs: Array<string> | null
  HostConfig: HostConfig
  GraphDriver: DriverData | null
  Storage: Storage | null
  SizeRw: number | null
  SizeRootFs: number | null
  Mounts: Array<MountPoint>
  Config: ContainerConfig
  NetworkSettings: NetworkSettings
}

export interface ContainerStatus {
  ContainerID: string
  PID: number
  ExitCode: number
}

export interface PortSummary {
  IP: string
  PrivatePort: number
  PublicPort: number
  Type: 'tcp' | 'udp' | 'sctp'
}

export interface ContainerSummary {
  Id: string
  Names: Array<string>
  Image: string
  ImageID: string
  ImageManifestDescriptor: OCIDescriptor | null
  Command: string
  Created: number
  Ports: Array<PortSummary>
  SizeRw: number | null
  SizeRootFs: number | null
  Labels: Record<string, string>
  State: 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'removing' | 'dead'
  Status: string
  HostConfig: { NetworkMode: string; Annotations: Record<string, string> | null }
  NetworkSettings: { Networks: Record<string, EndpointSettings> }
  Mounts: Array<MountPoint>
  Health: { Status: 'none' | 'starting' | 'healthy' | 'unhealthy'; FailingStreak: number }
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
  Error: ContainerWaitExitError
}

export type ChangeType = number

export interface FilesystemChange {
  Path: string
  Kind: ChangeType
}

export interface ContainerPidsStats {
  current: number | null
  limit: number | null
}

export interface ContainerMemoryStats {
  usage: number | null
  max_usage: number | null
  stats: Record<string, number>
  failcnt: number | null
  limit: number | null
  commitbytes: number | null
  commitpeakbytes: number | null
  privateworkingset: number | null
}

export interface ContainerBlkioStatEntry {
  major: number
  minor: number
  op: string
  value: number
}

export interface ContainerBlkioStats {
  io_service_bytes_recursive: Array<ContainerBlkioStatEntry>
  io_serviced_recursive: Array<ContainerBlkioStatEntry> | null
  io_queue_recursive: Array<ContainerBlkioStatEntry> | null
  io_service_time_recursive: Array<ContainerBlkioStatEntry> | null
  io_wait_time_recursive: Array<ContainerBlkioStatEntry> | null
  io_merged_recursive: Array<ContainerBlkioStatEntry> | null
  io_time_recursive: Array<ContainerBlkioStatEntry> | null
  sectors_recursive: Array<ContainerBlkioStatEntry> | null
}

export interface ContainerCPUUsage {
  total_usage: number
  percpu_usage: Array<number> | null
  usage_in_kernelmode: number
  usage_in_usermode: number
}

export interface ContainerThrottlingData {
  periods: number
  throttled_periods: number
  throttled_time: number
}

export interface ContainerCPUStats {
  cpu_usage: ContainerCPUUsage
  system_cpu_usage: number | null
  online_cpus: number | null
  throttling_data: ContainerThrottlingData
}

export interface ContainerNetworkStats {
  rx_bytes: number
  rx_packets: number
  rx_errors: number
  rx_dropped: number
  tx_bytes: number
  tx_packets: number
  tx_errors: number
  tx_dropped: number
  endpoint_id: string | null
  instance_id: string | null
}

export interface ContainerStorageStats {
  read_count_normalized: number | null
  read_size_bytes: number | null
  write_count_normalized: number | null
  write_size_bytes: number | null
}

export interface ContainerStatsResponse {
  id: string | null
  name: string | null
  os_type: string | null
  read: string
  cpu_stats: ContainerCPUStats
  memory_stats: ContainerMemoryStats
  networks: Record<string, ContainerNetworkStats> | null
  pids_stats: ContainerPidsStats
  blkio_stats: ContainerBlkioStats
  num_procs: number
  storage_stats: ContainerStorageStats
  preread: string
  precpu_stats: ContainerCPUStats
}

export const ContainerCreateRequest = Type.Object({
  ...ContainerConfig.properties,
  HostConfig: Type.Optional(HostConfig),
  NetworkingConfig: Type.Optional(NetworkingConfig),
})
export type ContainerCreateRequest = Static<typeof ContainerCreateRequest>

export const ContainerUpdateRequest = Type.Object({
  ...Resources.properties,
  RestartPolicy: Type.Optional(RestartPolicy),
})
export type ContainerUpdateRequest = Static<typeof ContainerUpdateRequest>
