import { Type, type Static } from 'typebox'
import type { OCIDescriptor } from './image.ts'
import { ConsoleSize, EmptyStruct, StrSlice } from './go.ts'

export const HealthConfig = Type.Object(
  {
    Test: Type.Optional(Type.Array(Type.String())),
    Interval: Type.Optional(Type.Integer()),
    Timeout: Type.Optional(Type.Integer()),
    Retries: Type.Optional(Type.Integer({ go: 'int' })),
    StartPeriod: Type.Optional(Type.Integer()),
    StartInterval: Type.Optional(Type.Integer()),
  },
  { go: 'container.HealthConfig' },
)
export type HealthConfig = Static<typeof HealthConfig>

export const ContainerConfig = Type.Object(
  {
    Hostname: Type.Optional(Type.String()),
    Domainname: Type.Optional(Type.String()),
    User: Type.Optional(Type.String()),
    AttachStdin: Type.Optional(Type.Boolean()),
    AttachStdout: Type.Optional(Type.Boolean()),
    AttachStderr: Type.Optional(Type.Boolean()),
    ExposedPorts: Type.Optional(Type.Record(Type.String(), EmptyStruct)),
    Tty: Type.Optional(Type.Boolean()),
    OpenStdin: Type.Optional(Type.Boolean()),
    StdinOnce: Type.Optional(Type.Boolean()),
    Env: Type.Optional(Type.Array(Type.String())),
    Cmd: Type.Optional(StrSlice),
    Healthcheck: Type.Optional(HealthConfig),
    ArgsEscaped: Type.Optional(Type.Boolean()),
    Image: Type.Optional(Type.String()),
    Volumes: Type.Optional(Type.Record(Type.String(), EmptyStruct)),
    WorkingDir: Type.Optional(Type.String()),
    Entrypoint: Type.Optional(StrSlice),
    NetworkDisabled: Type.Optional(Type.Boolean()),
    OnBuild: Type.Optional(Type.Array(Type.String())),
    Labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    StopSignal: Type.Optional(Type.String()),
    StopTimeout: Type.Optional(Type.Integer({ go: 'int' })),
    Shell: Type.Optional(Type.Array(Type.String())),
  },
  { go: 'container.Config' },
)
export type ContainerConfig = Static<typeof ContainerConfig>

export const MountType = Type.String()
export type MountType = Static<typeof MountType>

export const Mount = Type.Object(
  {
    Target: Type.Optional(Type.String()),
    Source: Type.Optional(Type.String()),
    Type: Type.Optional(MountType),
    ReadOnly: Type.Optional(Type.Boolean()),
    Consistency: Type.Optional(Type.String()),
    BindOptions: Type.Optional(
      Type.Object(
        {
          Propagation: Type.Optional(Type.String()),
          NonRecursive: Type.Optional(Type.Boolean()),
          CreateMountpoint: Type.Optional(Type.Boolean()),
          ReadOnlyNonRecursive: Type.Optional(Type.Boolean()),
          ReadOnlyForceRecursive: Type.Optional(Type.Boolean()),
        },
        { go: 'mount.BindOptions' },
      ),
    ),
    VolumeOptions: Type.Optional(
      Type.Object(
        {
          NoCopy: Type.Optional(Type.Boolean()),
          Labels: Type.Optional(Type.Record(Type.String(), Type.String())),
          DriverConfig: Type.Optional(
            Type.Object(
              {
                Name: Type.Optional(Type.String()),
                Options: Type.Optional(Type.Record(Type.String(), Type.String())),
              },
              { go: 'mount.Driver' },
            ),
          ),
          Subpath: Type.Optional(Type.String()),
        },
        { go: 'mount.VolumeOptions' },
      ),
    ),
    ImageOptions: Type.Optional(
      Type.Object({ Subpath: Type.Optional(Type.String()) }, { go: 'mount.ImageOptions' }),
    ),
    TmpfsOptions: Type.Optional(
      Type.Object(
        {
          SizeBytes: Type.Optional(Type.Integer()),
          Mode: Type.Optional(Type.Integer({ go: 'uint32' })),
          Options: Type.Optional(Type.Array(Type.Array(Type.String()))),
        },
        { go: 'mount.TmpfsOptions' },
      ),
    ),
  },
  { go: 'mount.Mount' },
)
export type Mount = Static<typeof Mount>

export const PortBinding = Type.Object(
  {
    HostIp: Type.Optional(Type.String()),
    HostPort: Type.Optional(Type.String()),
  },
  { go: 'network.PortBinding' },
)
export type PortBinding = Static<typeof PortBinding>

export const PortMap = Type.Record(Type.String(), Type.Array(PortBinding))
export type PortMap = Static<typeof PortMap>

export const DeviceMapping = Type.Object(
  {
    PathOnHost: Type.Optional(Type.String()),
    PathInContainer: Type.Optional(Type.String()),
    CgroupPermissions: Type.Optional(Type.String()),
  },
  { go: 'container.DeviceMapping' },
)
export type DeviceMapping = Static<typeof DeviceMapping>

export const DeviceRequest = Type.Object(
  {
    Driver: Type.Optional(Type.String()),
    Count: Type.Optional(Type.Integer({ go: 'int' })),
    DeviceIDs: Type.Optional(Type.Array(Type.String())),
    Capabilities: Type.Optional(Type.Array(Type.Array(Type.String()))),
    Options: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { go: 'container.DeviceRequest' },
)
export type DeviceRequest = Static<typeof DeviceRequest>

export const ThrottleDevice = Type.Object(
  {
    Path: Type.Optional(Type.String()),
    Rate: Type.Optional(Type.Integer({ go: 'uint64' })),
  },
  { go: 'blkiodev.ThrottleDevice' },
)
export type ThrottleDevice = Static<typeof ThrottleDevice>

export const Resources = Type.Object(
  {
    CpuShares: Type.Optional(Type.Integer()),
    Memory: Type.Optional(Type.Integer()),
    CgroupParent: Type.Optional(Type.String()),
    BlkioWeight: Type.Optional(Type.Integer({ go: 'uint16' })),
    BlkioWeightDevice: Type.Optional(
      Type.Array(
        Type.Object(
          {
            Path: Type.Optional(Type.String()),
            Weight: Type.Optional(Type.Integer({ go: 'uint16' })),
          },
          { go: 'blkiodev.WeightDevice' },
        ),
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
        Type.Object(
          {
            Name: Type.Optional(Type.String()),
            Soft: Type.Optional(Type.Integer()),
            Hard: Type.Optional(Type.Integer()),
          },
          { go: 'units.Ulimit' },
        ),
      ),
    ),
    CpuCount: Type.Optional(Type.Integer()),
    CpuPercent: Type.Optional(Type.Integer()),
    IOMaximumIOps: Type.Optional(Type.Integer({ go: 'uint64' })),
    IOMaximumBandwidth: Type.Optional(Type.Integer({ go: 'uint64' })),
  },
  { go: 'container.Resources' },
)
export type Resources = Static<typeof Resources>

export const RestartPolicy = Type.Object(
  {
    Name: Type.Optional(Type.String()),
    MaximumRetryCount: Type.Optional(Type.Integer({ go: 'int' })),
  },
  { go: 'container.RestartPolicy' },
)
export type RestartPolicy = Static<typeof RestartPolicy>

export const HostConfig = Type.Object(
  {
    ...Resources.properties,
    Binds: Type.Optional(Type.Array(Type.String())),
    ContainerIDFile: Type.Optional(Type.String()),
    LogConfig: Type.Optional(
      Type.Object(
        {
          Type: Type.Optional(Type.String()),
          Config: Type.Optional(Type.Record(Type.String(), Type.String())),
        },
        { go: 'container.LogConfig' },
      ),
    ),
    NetworkMode: Type.Optional(Type.String()),
    PortBindings: Type.Optional(PortMap),
    RestartPolicy: Type.Optional(RestartPolicy),
    AutoRemove: Type.Optional(Type.Boolean()),
    VolumeDriver: Type.Optional(Type.String()),
    VolumesFrom: Type.Optional(Type.Array(Type.String())),
    Mounts: Type.Optional(Type.Array(Mount)),
    ConsoleSize: Type.Optional(ConsoleSize),
    Annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
    CapAdd: Type.Optional(StrSlice),
    CapDrop: Type.Optional(StrSlice),
    CgroupnsMode: Type.Optional(Type.String()),
    Dns: Type.Optional(Type.Array(Type.String())),
    DnsOptions: Type.Optional(Type.Array(Type.String())),
    DnsSearch: Type.Optional(Type.Array(Type.String())),
    ExtraHosts: Type.Optional(Type.Array(Type.String())),
    GroupAdd: Type.Optional(Type.Array(Type.String())),
    IpcMode: Type.Optional(Type.String()),
    Cgroup: Type.Optional(Type.String()),
    Links: Type.Optional(Type.Array(Type.String())),
    OomScoreAdj: Type.Optional(Type.Integer({ go: 'int' })),
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
    /** Of API 1.40 only; refused there, ignored elsewhere. */
    Capabilities: Type.Optional(Type.Array(Type.String())),
  },
  { go: 'container.HostConfig' },
)
export type HostConfig = Static<typeof HostConfig>

export const EndpointIPAMConfig = Type.Object(
  {
    IPv4Address: Type.Optional(Type.String()),
    IPv6Address: Type.Optional(Type.String()),
    LinkLocalIPs: Type.Optional(Type.Array(Type.String())),
  },
  { go: 'network.EndpointIPAMConfig' },
)
export type EndpointIPAMConfig = Static<typeof EndpointIPAMConfig>

export const EndpointSettings = Type.Object(
  {
    IPAMConfig: Type.Optional(EndpointIPAMConfig),
    Links: Type.Optional(Type.Array(Type.String())),
    MacAddress: Type.Optional(Type.String()),
    Aliases: Type.Optional(Type.Array(Type.String())),
    DriverOpts: Type.Optional(Type.Record(Type.String(), Type.String())),
    GwPriority: Type.Optional(Type.Integer({ go: 'int' })),
    NetworkID: Type.Optional(Type.String()),
    EndpointID: Type.Optional(Type.String()),
    Gateway: Type.Optional(Type.String()),
    IPAddress: Type.Optional(Type.String()),
    IPPrefixLen: Type.Optional(Type.Integer({ go: 'int' })),
    IPv6Gateway: Type.Optional(Type.String()),
    GlobalIPv6Address: Type.Optional(Type.String()),
    GlobalIPv6PrefixLen: Type.Optional(Type.Integer({ go: 'int' })),
    DNSNames: Type.Optional(Type.Array(Type.String())),
  },
  { go: 'network.EndpointSettings' },
)
export type EndpointSettings = Omit<
  Static<typeof EndpointSettings>,
  'IPAMConfig' | 'Links' | 'Aliases' | 'DriverOpts' | 'DNSNames'
> & {
  /** Answers carry null where nothing was asked for; requests are normalised to be without. */
  IPAMConfig?: EndpointIPAMConfig | null
  Links?: string[] | null
  Aliases?: string[] | null
  DriverOpts?: Record<string, string> | null
  DNSNames?: string[] | null
}

export const NetworkingConfig = Type.Object(
  {
    EndpointsConfig: Type.Optional(Type.Record(Type.String(), EndpointSettings)),
  },
  { go: 'network.NetworkingConfig' },
)
export interface NetworkingConfig {
  EndpointsConfig?: Record<string, EndpointSettings>
}

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
  /** Below API 1.52. */
  Bridge?: string
  HairpinMode?: boolean
  LinkLocalIPv6Address?: string
  LinkLocalIPv6PrefixLen?: number
  SecondaryIPAddresses?: unknown
  SecondaryIPv6Addresses?: unknown
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

export const ContainerCreateRequest = Type.Object(
  {
    ...ContainerConfig.properties,
    HostConfig: Type.Optional(HostConfig),
    NetworkingConfig: Type.Optional(NetworkingConfig),
    /** Container-wide, before API 1.52; moved into the endpoint by the daemon. */
    MacAddress: Type.Optional(Type.String()),
  },
  { go: 'container.CreateRequest' },
)
export type ContainerCreateRequest = Omit<
  Static<typeof ContainerCreateRequest>,
  'NetworkingConfig'
> & {
  NetworkingConfig?: NetworkingConfig
}

export const ContainerUpdateRequest = Type.Object(
  {
    ...Resources.properties,
    RestartPolicy: Type.Optional(RestartPolicy),
  },
  { go: 'container.UpdateConfig' },
)
export type ContainerUpdateRequest = Static<typeof ContainerUpdateRequest>
