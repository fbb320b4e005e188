/** What images offer to whoever speaks to clients; the daemon's routes ask for the same by structure. */
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import type { Readable } from 'node:stream'
import type { Filters, SocketBody, TarSource } from '../backend-types.ts'
import type {
  AuthConfig,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImageSummary,
} from '@tdocker/api'

/** One line of a progress stream. */
export type ProgressMessage = JSONMessage

export type Progress = (message: ProgressMessage) => void

export interface PullOptions {
  reference: string
  tag?: string
  platform?: string
  auth?: AuthConfig
  signal: AbortSignal
  progress: Progress
}

export interface ImportOptions {
  /** A root file system as tar, plain or compressed; or where one is. */
  body: Readable | { url: string }
  /** Empty for no name. */
  repo: string
  tag: string
  message: string
  /** Dockerfile instructions. */
  changes: string[]
  platform?: string
  signal: AbortSignal
  progress: Progress
}

export interface PushOptions {
  /** As the path says it: a name, maybe with a registry's host; never an id. */
  name: string
  /** Empty: all tags of the repository. */
  tag: string
  platform?: string
  auth?: AuthConfig
  signal: AbortSignal
  progress: Progress
}

export interface LoadOptions {
  /** docker-archive, OCI layout or both, plain or gzip, zstd, xz, bzip2. */
  body: Readable | SocketBody
  /** `os/arch[/variant]`; several take what they name and no more. */
  platforms: readonly string[]
  /** No progress bars, only what was loaded. */
  quiet: boolean
  signal: AbortSignal
  progress: Progress
}

export interface SaveOptions {
  names: readonly string[]
  platforms: readonly string[]
  signal: AbortSignal
}

export interface ListOptions {
  all: boolean
  filters: Filters
  sharedSize: boolean
  digests: boolean
  /** Which platforms of an image's index are here. */
  manifests?: boolean
  version: string
}

export interface InspectOptions {
  version: string
  platform?: string
  manifests?: boolean
}

export interface ImageBackend {
  pull(o: PullOptions): Promise<void>
  push(o: PushOptions): Promise<void>
  import(o: ImportOptions): Promise<void>
  /** Errors are decided before the archive's first byte. */
  save(o: SaveOptions): Promise<TarSource>
  load(o: LoadOptions): Promise<void>
  list(o: ListOptions): Promise<ImageSummary[]>
  inspect(name: string, o: InspectOptions): Promise<ImageInspect>
  tag(name: string, o: { repo: string; tag: string }): Promise<void>
  /** Steps that made it, newest first. */
  history(name: string, o: { platform?: string }): Promise<ImageHistoryResponseItem[]>
  remove(
    name: string,
    o: { force: boolean; noprune: boolean; platforms?: readonly string[] },
  ): Promise<ImageDeleteResponseItem[]>
  /** Images that no container uses: those without a tag, or with `dangling=false` all of them. */
  prune(o: { filters: Filters }): Promise<ImagePruneReport>
}

export interface ImagePruneReport {
  ImagesDeleted: ImageDeleteResponseItem[] | null
  SpaceReclaimed: number
}

/** Containers as images see them. */
export interface ImageUsers {
  /**
   * Containers made from an image, running ones among them, and the names they asked for; `mounts`:
   * it is only mounted into it.
   */
  usersOf(
    imageId: string,
  ): ReadonlyArray<{ id: string; running: boolean; reference?: string; mounts?: boolean }>
}
