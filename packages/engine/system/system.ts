import { readdirSync } from 'node:fs'
import type {
  AuthConfig,
  AuthResponse,
  BuildPruneReport,
  DiskUsage,
  DiskUsageKind,
  EventMessage,
  SystemInfo,
  SystemVersion,
} from '@tdocker/api'
import type { CgroupDriver } from '@tdocker/kernel'
import type { Filters } from '../backend-types.ts'
import type { EngineConfig } from '../config.ts'
import { LOG_DRIVERS } from '../log/driver/options.ts'
import type { EventLog } from '../event/event-log.ts'
import { diskUsage, type DiskUsers } from './disk-usage.ts'
import { eventMatcher, toMessage } from './event-messages.ts'
import { type HostFacts, isForwardingOn, readHostFacts } from './host.ts'
import { API_VERSION, COMPATIBLE_VERSION, ENGINE_VERSION, MIN_API_VERSION } from './version.ts'

/** What `info` counts, asked of the rooms that know. */
export interface Counters {
  containers(): { running: number; paused: number; stopped: number }
  images(): number
}

export interface SystemOptions {
  id: string
  config: () => EngineConfig
  cgroups: CgroupDriver
  counters: Counters
  disk: DiskUsers
  events: EventLog
  /** Registry login; answers or throws unauthorized. */
  auth(config: AuthConfig): Promise<AuthResponse>
  /** `unclean firewall` and the like, for the list of warnings. */
  warnings(): string[]
}

export class System {
  readonly #o: SystemOptions
  readonly #host: HostFacts
  #listeners = 0

  constructor(o: SystemOptions) {
    this.#o = o
    this.#host = readHostFacts()
  }

  info(_version: string): Promise<SystemInfo> {
    const { cgroups, counters, id } = this.#o
    const config = this.#o.config()
    const host = this.#host
    const states = counters.containers()
    const has = (controller: string): boolean => cgroups.controllers.has(controller)
    return Promise.resolve({
      ID: id,
      Containers: states.running + states.paused + states.stopped,
      ContainersRunning: states.running,
      ContainersPaused: states.paused,
      ContainersStopped: states.stopped,
      Images: counters.images(),
      Driver: 'overlay2',
      DriverStatus: [
        ['Supports d_type', 'true'],
        ['Using metacopy', 'false'],
        ['Native Overlay Diff', 'true'],
        ['userxattr', 'false'],
      ],
      Plugins: {
        Volume: ['local'],
        Network: ['bridge', 'host', 'null'],
        Authorization: null,
        Log: [...LOG_DRIVERS],
      },
      MemoryLimit: has('memory'),
      SwapLimit: has('memory') && host.hasSwapAccounting,
      CpuCfsPeriod: has('cpu'),
      CpuCfsQuota: has('cpu'),
      CPUShares: has('cpu'),
      CPUSet: has('cpuset'),
      PidsLimit: has('pids'),
      IPv4Forwarding: isForwardingOn(),
      Debug: config.debug,
      NFd: readdirSync('/proc/self/fd').length,
      OomKillDisable: cgroups.version === 1 && has('memory'),
      // Go's goroutines have no counterpart; tools only plot it.
      NGoroutines: process.getActiveResourcesInfo().length,
      SystemTime: new Date().toISOString(),
      LoggingDriver: config.logDriver,
      CgroupDriver: 'cgroupfs',
      CgroupVersion: cgroups.version === 2 ? '2' : '1',
      NEventsListener: this.#listeners,
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
      HttpProxy: process.env['HTTP_PROXY'] ?? '',
      HttpsProxy: process.env['HTTPS_PROXY'] ?? '',
      NoProxy: process.env['NO_PROXY'] ?? '',
      Name: host.name,
      Labels: [...config.labels],
      ExperimentalBuild: false,
      ServerVersion: COMPATIBLE_VERSION,
      Runtimes: { tdocker: { path: 'tdocker-shim' } },
      DefaultRuntime: 'tdocker',
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
      InitBinary: 'tdocker-shim',
      ContainerdCommit: { ID: '' },
      RuncCommit: { ID: '' },
      InitCommit: { ID: '' },
      SecurityOptions: securityOptions(host, cgroups.version),
      ProductLicense: '',
      FirewallBackend: { Driver: 'nftables' },
      Warnings: this.#o.warnings(),
    })
  }

  version(_apiVersion: string): Promise<SystemVersion> {
    const host = this.#host
    const details = {
      ApiVersion: API_VERSION,
      Arch: host.goArch,
      BuildTime: '',
      Experimental: 'false',
      GitCommit: '',
      GoVersion: '',
      KernelVersion: host.kernelVersion,
      MinAPIVersion: MIN_API_VERSION,
      Os: 'linux',
    }
    return Promise.resolve({
      Platform: { Name: 'tdocker' },
      Version: COMPATIBLE_VERSION,
      ApiVersion: API_VERSION,
      MinAPIVersion: MIN_API_VERSION,
      GitCommit: '',
      GoVersion: '',
      Os: 'linux',
      Arch: host.goArch,
      KernelVersion: host.kernelVersion,
      BuildTime: '',
      Components: [
        { Name: 'Engine', Version: COMPATIBLE_VERSION, Details: details },
        { Name: 'tdocker', Version: ENGINE_VERSION, Details: { Node: process.version } },
      ],
    })
  }

  async *events(o: {
    sinceNs?: bigint
    untilNs?: bigint
    filters: Filters
    signal: AbortSignal
  }): AsyncIterable<EventMessage> {
    const { filters, ...range } = o
    this.#listeners++
    try {
      const matches = eventMatcher(filters)
      for await (const event of this.#o.events.stream({ ...range, matches })) yield toMessage(event)
    } finally {
      this.#listeners--
    }
  }

  auth(config: AuthConfig): Promise<AuthResponse> {
    return this.#o.auth(config)
  }

  diskUsage(kinds: ReadonlySet<DiskUsageKind>): Promise<DiskUsage> {
    return diskUsage(this.#o.disk, kinds)
  }

  /** There is no build cache yet, so that nothing can be taken from it. */
  async pruneBuildCache(): Promise<BuildPruneReport> {
    await this.#o.events.commit(
      [],
      [{ type: 'builder', action: 'prune', actorId: '', attributes: { reclaimed: '0' } }],
    )
    return { CachesDeleted: null, SpaceReclaimed: 0 }
  }
}

function registryConfig(config: EngineConfig): SystemInfo['RegistryConfig'] {
  const insecure = config.insecureRegistries.filter((entry) => !entry.includes('/'))
  const official = {
    Name: 'docker.io',
    Mirrors: [...config.registryMirrors],
    Secure: true,
    Official: true,
  }
  return {
    InsecureRegistryCIDRs: [
      '::1/128',
      '127.0.0.0/8',
      ...config.insecureRegistries.filter((entry) => entry.includes('/')),
    ],
    IndexConfigs: {
      'docker.io': official,
      ...Object.fromEntries(
        insecure.map((Name) => [Name, { Name, Mirrors: [], Secure: false, Official: false }]),
      ),
    },
    Mirrors: [...config.registryMirrors],
  }
}

function securityOptions(host: HostFacts, cgroupVersion: 1 | 2): string[] {
  const options: string[] = []
  if (host.hasAppArmor) options.push('name=apparmor')
  if (host.hasSeccomp) options.push('name=seccomp,profile=builtin')
  if (cgroupVersion === 2) options.push('name=cgroupns')
  return options
}
