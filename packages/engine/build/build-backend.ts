/** What builds offer to whoever speaks to clients. */
import type { AuthConfig, BuildPruneReport } from '@tdocker/api'
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import type { Readable } from 'node:stream'

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
  pull: boolean
  /** Containers of steps are removed. */
  remove: boolean
  target: string
  platform: string
  /** null: named, without a value. */
  buildArgs: Readonly<Record<string, string | null>>
  labels: Readonly<Record<string, string>>
  cacheFrom: readonly string[]
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
  /** By registry. */
  auths: Readonly<Record<string, AuthConfig>>
  signal: AbortSignal
  progress(message: JSONMessage): void
}

export interface CachePruneOptions {
  all: boolean
  filters: ReadonlyMap<string, readonly string[]>
  /** Bytes; 0 for none. */
  reservedSpace: number
  maxUsedSpace: number
  minFreeSpace: number
}

export interface BuildBackend {
  /** Answers the image's id. */
  build(o: BuildOptions): Promise<string>
  prune(o: CachePruneOptions): Promise<BuildPruneReport>
}
