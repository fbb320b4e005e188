import { Type, type Static } from 'typebox'

export const AuthConfig = Type.Object(
  {
    username: Type.Optional(Type.String()),
    password: Type.Optional(Type.String()),
    serveraddress: Type.Optional(Type.String()),
    /** base64 of `user:password`, an old form of the two. */
    auth: Type.Optional(Type.String()),
    identitytoken: Type.Optional(Type.String()),
    registrytoken: Type.Optional(Type.String()),
  },
  { go: 'registry.AuthConfig' },
)
export type AuthConfig = Static<typeof AuthConfig>

export interface AuthResponse {
  Status: string
  /** Absent where the registry gave none. */
  IdentityToken?: string
}

export interface Commit {
  ID: string
  /** Below API 1.49: `ID` again. */
  Expected?: string
}

export interface ContainerdInfo {
  Address: string
  Namespaces: { Containers: string; Plugins: string }
}

export interface DeviceInfo {
  Source: string
  ID: string
}

export interface FirewallInfo {
  Driver: string
  Info?: Array<[string, string]>
}

export interface NRIInfo {
  Info?: Array<[string, string]>
}

export interface PluginsInfo {
  Volume: Array<string>
  Network: Array<string>
  Authorization: string[] | null
  Log: Array<string>
}

export interface IndexInfo {
  Name: string
  Mirrors: Array<string>
  Secure: boolean
  Official: boolean
}

export interface RegistryServiceConfig {
  InsecureRegistryCIDRs: Array<string>
  IndexConfigs: Record<string, IndexInfo>
  Mirrors: Array<string>
  /** Below API 1.47. */
  AllowNondistributableArtifactsCIDRs?: null
  AllowNondistributableArtifactsHostnames?: null
}

export interface Runtime {
  path?: string
  runtimeArgs?: string[]
  status?: Record<string, string>
}

export interface SystemInfo {
  ID: string
  Containers: number
  ContainersRunning: number
  ContainersPaused: number
  ContainersStopped: number
  Images: number
  Driver: string
  DriverStatus: Array<[string, string]>
  DockerRootDir: string
  Plugins: PluginsInfo
  MemoryLimit: boolean
  SwapLimit: boolean
  CpuCfsPeriod: boolean
  CpuCfsQuota: boolean
  CPUShares: boolean
  CPUSet: boolean
  PidsLimit: boolean
  OomKillDisable: boolean
  IPv4Forwarding: boolean
  Debug: boolean
  NFd: number
  NGoroutines: number
  SystemTime: string
  LoggingDriver: string
  CgroupDriver: 'cgroupfs' | 'systemd' | 'none'
  CgroupVersion: '1' | '2'
  NEventsListener: number
  KernelVersion: string
  OperatingSystem: string
  OSVersion: string
  OSType: string
  Architecture: string
  NCPU: number
  MemTotal: number
  IndexServerAddress: string
  RegistryConfig: RegistryServiceConfig
  GenericResources: unknown
  HttpProxy: string
  HttpsProxy: string
  NoProxy: string
  Name: string
  Labels: Array<string>
  ExperimentalBuild: boolean
  ServerVersion: string
  Runtimes: Record<string, Runtime>
  DefaultRuntime: string
  Swarm: unknown
  LiveRestoreEnabled: boolean
  Isolation: 'default' | 'hyperv' | 'process' | ''
  InitBinary: string
  ContainerdCommit: Commit
  RuncCommit: Commit
  InitCommit: Commit
  SecurityOptions: Array<string>
  ProductLicense: string
  DefaultAddressPools?: Array<{ Base: string; Size: number }>
  FirewallBackend?: FirewallInfo
  DiscoveredDevices?: Array<DeviceInfo>
  NRI?: NRIInfo
  Warnings: string[] | null
  /** Below API 1.50. */
  BridgeNfIptables?: boolean
  BridgeNfIp6tables?: boolean
  /** Below API 1.42, where the kernel has them. */
  KernelMemory?: boolean
  KernelMemoryTCP?: boolean
  CDISpecDirs?: Array<string>
  Containerd?: ContainerdInfo
}

export interface SystemVersion {
  Platform: { Name: string }
  Components: Array<{ Name: string; Version: string; Details?: Record<string, string> }>
  Version: string
  ApiVersion: string
  MinAPIVersion: string
  GitCommit: string
  GoVersion: string
  Os: string
  Arch: string
  KernelVersion: string
  Experimental?: boolean
  BuildTime?: string
}

export interface EventActor {
  ID: string
  Attributes: Record<string, string>
}

export interface EventMessage {
  Type:
    | 'builder'
    | 'config'
    | 'container'
    | 'daemon'
    | 'image'
    | 'network'
    | 'node'
    | 'plugin'
    | 'secret'
    | 'service'
    | 'volume'
  Action: string
  Actor: EventActor
  scope: 'local' | 'swarm'
  time: number
  /** Exact: the daemon writes a bigint as a JSON number; clients read a rounded double. */
  timeNano: number | bigint
  /** Container and image events below API 1.52. */
  id?: string
  status?: string
  from?: string
}

export interface ErrorResponse {
  message: string
}
