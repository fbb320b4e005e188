/** What builds offer to whoever speaks to clients. */
import type { AuthConfig, BuildPruneReport, BuildRecord, BuildSummary } from '@tdocker/api'
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import type { Readable } from 'node:stream'
import type { Hijack, TarSource } from '../backend-types.ts'
import type { TraceListener } from './solve/trace.ts'

export interface BuildOptions {
  /** A tar, maybe compressed; read only where there is no `remote`. */
  body: Readable
  /** Path in the context; empty for `Dockerfile`. */
  dockerfile: string
  /** `http://` or `https://` of a tar or a Dockerfile; empty for none. */
  remote: string
  tags: readonly string[]
  quiet: boolean
  noCache: boolean
  /** Stages whose steps run whatever the cache has. */
  noCacheFilter: readonly string[]
  pull: boolean
  /** Containers of steps are removed. */
  remove: boolean
  target: string
  platform: string
  /** null: named, without a value. */
  buildArgs: Readonly<Record<string, string | null>>
  labels: Readonly<Record<string, string>>
  cacheFrom: readonly string[]
  /**
   * Named contexts: `docker-image://REF`, an address of git or of a tar, `target:STAGE`, or
   * `client:NAME`, a directory that the session has.
   */
  contexts: Readonly<Record<string, string>>
  outputs: readonly BuildOutput[]
  /** Id of the client's session; empty for none. */
  session: string
  /** What is wanted instead of an image: empty for an image. */
  call: '' | 'check' | 'outline' | 'targets'
  networkMode: string
  extraHosts: readonly string[]
  /** Of the containers of steps. */
  resources: {
    Memory: number
    MemorySwap: number
    CpuShares: number
    CpuPeriod: number
    CpuQuota: number
    CpusetCpus: string
    CpusetMems: string
    CgroupParent: string
    ShmSize: number
    Ulimits: ReadonlyArray<{ Name: string; Soft: number; Hard: number }>
  }
  /** As it calls itself (`User-Agent`). */
  client: string
  /** By registry. */
  auths: Readonly<Record<string, AuthConfig>>
  signal: AbortSignal
  progress(message: JSONMessage): void
  /** Where the client does not keep up with what it is told: until it has. */
  untilTold?(): Promise<void> | undefined
  /** Told beside `progress`, by whoever asks for it. */
  trace?: TraceListener
}

/** `-o type=TYPE,KEY=VALUE`. */
export interface BuildOutput {
  Type: string
  Attrs: Readonly<Record<string, string>>
}

export interface CachePruneOptions {
  all: boolean
  filters: ReadonlyMap<string, readonly string[]>
  /** Bytes; 0 for none. */
  reservedSpace: number
  maxUsedSpace: number
  minFreeSpace: number
}

/** Rules of one's own, or the default ones within so many bytes (all 0: by the size of the disk). */
export type CacheCollection =
  | readonly CachePruneOptions[]
  | Pick<CachePruneOptions, 'reservedSpace' | 'maxUsedSpace' | 'minFreeSpace'>

export interface BuildBackend {
  /**
   * A connection that a client keeps open beside its build, which names it by `session`. Throws
   * invalidParameter for what is no id, conflict for one in use.
   */
  openSession(id: string, hijack: Hijack): Promise<void>
  /** Answers the image's id. */
  build(o: BuildOptions): Promise<string>
  /** What a build that waits has for its client, by the word it told. Throws notFound. */
  takeOutput(token: string): Promise<TarSource>
  prune(o: CachePruneOptions): Promise<BuildPruneReport>
  /** Builds that ran or run, the newest first. */
  history(): BuildSummary[]
  /** By id, the beginning of one, or `latest`. Throws notFound. */
  inspectHistory(id: string): BuildRecord
}
