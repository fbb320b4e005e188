/**
 * What the HTTP routes need of the engine, cut by role. The engine satisfies these by structure.
 * `version` is the negotiated API version ('1.51'), for answers whose shape depends on it.
 */
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
import type { ContainerBackend, ExecBackend, Filters } from '@tdocker/engine/backend-types.ts'
import type { BuildBackend } from '@tdocker/engine/build/build-backend.ts'
import type { ImageBackend } from '@tdocker/engine/image/image-backend.ts'
import type { NetworkBackend } from '@tdocker/engine/network/network-backend.ts'
import type { RegistryBackend } from '@tdocker/engine/registry/registry-backend.ts'
import type { VolumeBackend } from '@tdocker/engine/volume/volume-backend.ts'

export type {
  ContainerBackend,
  ExecBackend,
  Filters,
  Hijack,
  LogsOptions,
  SocketBody,
  TarSource,
  TakeOptions,
} from '@tdocker/engine/backend-types.ts'
export type { BuildBackend, BuildOptions } from '@tdocker/engine/build/build-backend.ts'
export type { ImageBackend, ProgressMessage } from '@tdocker/engine/image/image-backend.ts'
export type { NetworkBackend } from '@tdocker/engine/network/network-backend.ts'
export type { RegistryBackend } from '@tdocker/engine/registry/registry-backend.ts'
export type { VolumeBackend } from '@tdocker/engine/volume/volume-backend.ts'

export interface SystemBackend {
  info(version: string): Promise<SystemInfo>
  version(apiVersion: string): Promise<SystemVersion>
  /** In batches, as they are there. */
  events(o: {
    sinceNs?: bigint
    untilNs?: bigint
    filters: Filters
    signal: AbortSignal
  }): AsyncIterable<EventMessage[]>
  auth(config: AuthConfig): Promise<AuthResponse>
  /** Of the kinds asked for; sizes that are not known in a moment are -1. */
  diskUsage(kinds: ReadonlySet<DiskUsageKind>): Promise<DiskUsage>
  pruneContent(): Promise<ContentPruneReport>
  imagesLastUsed(): Promise<ImageLastUsed[]>
  /** `signal` ends the check, not a repair at work. */
  fsck(o: { deep: boolean; repair: boolean; signal: AbortSignal }): Promise<FsckReport>
}

export interface Backend {
  containers: ContainerBackend
  execs: ExecBackend
  images: ImageBackend
  builds: BuildBackend
  registries: RegistryBackend
  volumes: VolumeBackend
  networks: NetworkBackend
  system: SystemBackend
}
