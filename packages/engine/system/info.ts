import { readdirSync, statfsSync } from 'node:fs'
import os from 'node:os'
import type { Runtime, SystemInfo } from '@tdocker/api'
import type { CgroupDriver } from '@tdocker/kernel'
import type { EngineConfig } from '../config.ts'
import { type HostFacts, isForwardingOn } from './host.ts'
import { registryConfig } from './registry-info.ts'
import { DEFAULT_RUNTIME, RUNTIMES } from './runtimes.ts'
import { COMPATIBLE_VERSION } from './version.ts'
import { exposureWarnings, limitWarnings } from './warnings.ts'

export interface InfoInput {
  id: string
  config: EngineConfig
  cgroups: CgroupDriver
  host: HostFacts
  containers: { running: number; paused: number; stopped: number }
  images: number
  eventListeners: number
  logDrivers: readonly string[]
  /** Plugins among them once they have been used. */
  volumeDrivers: readonly string[]
  /** The engine's own, after moby's. */
  warnings: readonly string[]
}

/** `GET /info` in its newest form (moby: daemon/info.go). */
export function systemInfo(o: InfoInput): SystemInfo {
  const { config, host, cgroups } = o
  const { features } = cgroups
  const told: Omit<SystemInfo, 'Warnings'> = {
    ID: o.id,
    Containers: o.containers.running + o.containers.paused + o.containers.stopped,
    ContainersRunning: o.containers.running,
    ContainersPaused: o.containers.paused,
    ContainersStopped: o.containers.stopped,
    Images: o.images,
    Driver: 'overlay2',
    DriverStatus: driverStatus(config.dataRoot),
    Plugins: {
      Volume: [...o.volumeDrivers].toSorted(),
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: [...o.logDrivers].toSorted(),
    },
    MemoryLimit: features.memoryLimit,
    SwapLimit: features.swapLimit,
    CpuCfsPeriod: features.cpuCfs,
    CpuCfsQuota: features.cpuCfs,
    CPUShares: features.cpuShares,
    CPUSet: features.cpuset,
    PidsLimit: features.pidsLimit,
    IPv4Forwarding: isForwardingOn(),
    Debug: config.debug,
    NFd: readdirSync('/proc/self/fd').length,
    OomKillDisable: features.oomKillDisable,
    // Go's goroutines have no counterpart; tools only plot it.
    NGoroutines: process.getActiveResourcesInfo().length,
    SystemTime: new Date().toISOString(),
    LoggingDriver: config.logDriver,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: cgroups.version === 2 ? '2' : '1',
    NEventsListener: o.eventListeners,
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.machine,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfig(config),
    NCPU: host.cpus,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: config.dataRoot,
    HttpProxy: withoutCredentials(environment('HTTP_PROXY')),
    HttpsProxy: withoutCredentials(environment('HTTPS_PROXY')),
    NoProxy: environment('NO_PROXY'),
    Name: os.hostname(),
    Labels: [...config.labels],
    ExperimentalBuild: config.experimental,
    ServerVersion: COMPATIBLE_VERSION,
    Runtimes: runtimes(),
    DefaultRuntime: DEFAULT_RUNTIME,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: config.liveRestore,
    Isolation: '',
    InitBinary: 'docker-init',
    // Programs of Docker's that have no part in this engine.
    ContainerdCommit: { ID: 'N/A' },
    RuncCommit: { ID: 'N/A' },
    InitCommit: { ID: 'N/A' },
    SecurityOptions: securityOptions(host, cgroups.version, config),
    ProductLicense: '',
    FirewallBackend: { Driver: 'nftables' },
    CDISpecDirs: [],
    DiscoveredDevices: [],
  }
  const warnings = [
    ...exposureWarnings(config.exposedAddresses),
    ...limitWarnings(told, features),
    ...profileWarnings(host, config),
    ...o.warnings,
  ]
  return { ...told, Warnings: warnings.length > 0 ? warnings : null }
}

/** All of them are the same program: clients name Docker's, and get ours. */
function runtimes(): Record<string, Runtime> {
  return Object.fromEntries(RUNTIMES.map((name) => [name, { path: 'tdocker-shim' }]))
}

/** moby's names of statfs(2)'s magic numbers. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'extfs',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0x2fc12fc1: 'zfs',
  0xf2f52010: 'f2fs',
  0x6969: 'nfs',
  0x65735546: 'fuse',
}

function driverStatus(dataRoot: string): Array<[string, string]> {
  return [
    ['Backing Filesystem', FILE_SYSTEMS[statfsSync(dataRoot).type] ?? '<unknown>'],
    ['Supports d_type', 'true'],
    ['Using metacopy', 'false'],
    ['Native Overlay Diff', 'true'],
    ['userxattr', 'false'],
  ]
}

function profileWarnings(host: HostFacts, { seccompProfile }: EngineConfig): string[] {
  const other = host.hasSeccomp && seccompProfile !== 'builtin'
  return other ? ['WARNING: daemon is not using the default seccomp profile'] : []
}

function securityOptions(host: HostFacts, cgroupVersion: 1 | 2, config: EngineConfig): string[] {
  const mode = config.defaultCgroupnsMode ?? (cgroupVersion === 2 ? 'private' : 'host')
  const privateCgroups = mode === 'private'
  return [
    ...(host.hasAppArmor ? ['name=apparmor'] : []),
    ...(host.hasSeccomp ? [`name=seccomp,profile=${config.seccompProfile}`] : []),
    ...(privateCgroups ? ['name=cgroupns'] : []),
    ...(config.noNewPrivileges ? ['name=no-new-privileges'] : []),
  ]
}

/** Both spellings, as Go's http package reads them. */
function environment(name: string): string {
  return process.env[name] || process.env[name.toLowerCase()] || ''
}

/** Everybody who may ask for `info` would read a proxy's password. */
export function withoutCredentials(address: string): string {
  const url = URL.parse(address)
  if (!url || (url.username === '' && url.password === '')) return address
  url.username = 'xxxxx'
  url.password = 'xxxxx'
  return url.href
}
