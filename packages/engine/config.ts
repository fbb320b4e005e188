import type { CacheCollection } from './build/build-backend.ts'
import type { PluginDirectories } from './volume/plugin/plugin-registry.ts'

/** Options of networks as given; what is left out has its default in the network room. */
export interface NetworkOptions {
  /** IPv6 on the default bridge. */
  ipv6?: boolean
  bip6?: string
  /** CIDR of the default bridge's addresses for containers. */
  fixedCidr?: string
  fixedCidr6?: string
  /** Next hop of the default bridge's containers. */
  defaultGateway?: string
  defaultGateway6?: string
  /** Host address of ports published without one. */
  hostAddress?: string
  /** Whether IPv6 clients reach ports of containers without IPv6. */
  userlandProxy?: boolean
  interContainer?: boolean
  masquerade?: boolean
  ipForward?: boolean
  /** False: where we turn forwarding on, the host's own devices may forward as well. */
  ipForwardGuard?: boolean
  /** What `host-gateway` stands for; the default bridge's addresses without it. */
  hostGateways?: readonly string[]
  /** Where subnets come from that nobody names: CIDR, and prefix length of each. */
  pools?: ReadonlyArray<{ base: string; size: number }>
  /** By driver. */
  defaultOptions?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** What the engine is told at its start; the daemon makes it of flags, environment and daemon.json. */
export interface EngineConfig {
  /** `/var/lib/tdocker`: state.db, layers/, content/, containers/, volumes/. */
  dataRoot: string
  /** On tmpfs: sockets, exit records, generated files of running containers. */
  execRoot: string
  /** Name of the default bridge; `none` for no default network. */
  bridge: string
  /** CIDR of the default bridge's address; chosen when absent. */
  bip?: string
  mtu?: number
  network: NetworkOptions
  /** Parent cgroup of containers, `/tdocker`. */
  cgroupParent: string
  /** Name of the engine's nft table. */
  nftTable: string
  /** Where legacy plugins are looked for. */
  pluginDirectories: PluginDirectories
  registryMirrors: readonly string[]
  insecureRegistries: readonly string[]
  maxConcurrentDownloads: number
  maxConcurrentUploads: number
  /** Requests in a row of one layer that may bring nothing. */
  maxDownloadAttempts: number
  /** What becomes of compressed layers that are kept for pushes. */
  contentRetention: 'keep' | 'auto' | 'drop'
  /** What is taken from the build cache by itself; absent: nothing. */
  cacheCollection?: CacheCollection | undefined
  /** How much is kept of the history of builds; 0: the default. */
  buildHistory?: { maxEntries: number; maxAgeMs: number } | undefined
  labels: readonly string[]
  /** Defaults of HostConfig.LogConfig. */
  logDriver: string
  logOpts: Readonly<Record<string, string>>
  dns: readonly string[]
  dnsSearch: readonly string[]
  dnsOptions: readonly string[]
  /** Bytes of /dev/shm. */
  defaultShmSize: number
  /** Seconds between the stop signal and SIGKILL. */
  defaultStopTimeout: number
  defaultUlimits: Readonly<Record<string, { soft: number; hard: number }>>
  noNewPrivileges: boolean
  /** `builtin`, `unconfined` or the path of a profile. */
  seccompProfile: string
  /** Containers that do not say get an init. */
  init: boolean
  /** Program for that; the engine's own when absent. */
  initPath: string | undefined
  defaultIpcMode: string
  /** undefined: `host` on cgroup v1, `private` on v2. */
  defaultCgroupnsMode: string | undefined
  /** Containers go on when the daemon ends. */
  liveRestore: boolean
  /** Seconds for all containers to stop when they do not. */
  shutdownTimeout: number
  debug: boolean
  experimental: boolean
  /** Oldest API version served. */
  minApiVersion: string
  /** `http://HOST:PORT` where anybody may speak to the API, for the warnings of `info`. */
  exposedAddresses: readonly string[]
}

export type { CacheCollection }
