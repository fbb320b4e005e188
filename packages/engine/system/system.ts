import type {
  AuthConfig,
  AuthResponse,
  ContentPruneReport,
  DiskUsage,
  DiskUsageKind,
  EventMessage,
  FsckReport,
  ImageLastUsed,
  SystemInfo,
  SystemVersion,
} from '@tdocker/api'
import type { CgroupDriver } from '@tdocker/kernel'
import type { Filters } from '../backend-types.ts'
import { OneAtATime } from '../base/one-at-a-time.ts'
import type { EngineConfig } from '../config.ts'
import type { EventLog } from '../event/event-log.ts'
import { diskUsage, type DiskUsers } from './disk-usage.ts'
import { eventMatcher, toMessage } from './event-messages.ts'
import type { FsckOptions } from './fsck.ts'
import { type HostFacts, readHostFacts } from './host.ts'
import { systemInfo } from './info.ts'
import { API_VERSION, COMPATIBLE_VERSION, ENGINE_VERSION } from './version.ts'

/** What `info` counts, asked of the rooms that know. */
export interface Counters {
  containers(): { running: number; paused: number; stopped: number }
  images(): number
}

/** What is stored, asked of the rooms that have it. */
export interface ContentVerbs {
  prune(): Promise<{ digests: string[]; bytes: number }>
  /** Milliseconds since 1970 by image id. */
  lastUsed(): ReadonlyMap<string, number>
  fsck(o: FsckOptions): Promise<FsckReport>
}

export interface SystemOptions {
  id: string
  config: () => EngineConfig
  cgroups: CgroupDriver
  counters: Counters
  disk: DiskUsers
  content: ContentVerbs
  events: EventLog
  /** Registry login; answers or throws unauthorized. */
  auth(config: AuthConfig): Promise<AuthResponse>
  /** Names that containers may choose from. */
  logDrivers: readonly string[]
  volumeDrivers: () => readonly string[]
  /** `unclean firewall` and the like, for the list of warnings. */
  warnings(): string[]
}

export class System {
  readonly #o: SystemOptions
  readonly #host: HostFacts
  readonly #fsck = new OneAtATime('a check of the data root is already running')
  #listeners = 0

  constructor(o: SystemOptions) {
    this.#o = o
    this.#host = readHostFacts()
  }

  async info(_version: string): Promise<SystemInfo> {
    const { cgroups, counters, id, logDrivers } = this.#o
    return systemInfo({
      id,
      config: this.#o.config(),
      cgroups,
      host: this.#host,
      containers: counters.containers(),
      images: counters.images(),
      eventListeners: this.#listeners,
      logDrivers,
      volumeDrivers: this.#o.volumeDrivers(),
      warnings: this.#o.warnings(),
    })
  }

  version(_apiVersion: string): Promise<SystemVersion> {
    const host = this.#host
    const { experimental, minApiVersion } = this.#o.config()
    const details = {
      ApiVersion: API_VERSION,
      Arch: host.goArch,
      BuildTime: '',
      Experimental: String(experimental),
      GitCommit: '',
      GoVersion: '',
      KernelVersion: host.kernelVersion,
      MinAPIVersion: minApiVersion,
      Os: 'linux',
    }
    return Promise.resolve({
      Platform: { Name: 'tdocker' },
      Version: COMPATIBLE_VERSION,
      ApiVersion: API_VERSION,
      MinAPIVersion: minApiVersion,
      GitCommit: '',
      GoVersion: '',
      Os: 'linux',
      Arch: host.goArch,
      KernelVersion: host.kernelVersion,
      ...(experimental && { Experimental: true }),
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
  }): AsyncIterable<EventMessage[]> {
    const { filters, ...range } = o
    this.#listeners++
    try {
      const matches = eventMatcher(filters)
      for await (const batch of this.#o.events.batches({ ...range, matches }))
        yield batch.map(toMessage)
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

  /** Compressed layers are a cache: all that nobody works with go. */
  async pruneContent(): Promise<ContentPruneReport> {
    const { digests, bytes } = await this.#o.content.prune()
    return { BlobsDeleted: digests.length > 0 ? digests : null, SpaceReclaimed: bytes }
  }

  async imagesLastUsed(): Promise<ImageLastUsed[]> {
    return [...this.#o.content.lastUsed()].map(([Id, at]) => ({
      Id,
      LastUsed: new Date(at).toISOString(),
    }))
  }

  /** One at a time: two repairs would find what the other one is about to remove. */
  fsck(o: FsckOptions): Promise<FsckReport> {
    return this.#fsck.run(() => this.#o.content.fsck(o))
  }
}
