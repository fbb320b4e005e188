/**
 * What the engine offers to whoever speaks to clients: option and result types of containers and
 * execs. The daemon's routes satisfy and consume these by structure; nothing here knows HTTP.
 */
import type { Readable } from 'node:stream'
import type { Statement } from './store/store.ts'
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerDryRun,
  ContainerInspectResponse,
  ContainerStatsResponse,
  ContainerSummary,
  ContainerTopResponse,
  ContainerUpdateRequest,
  ContainerUpdateResponse,
  ContainerWaitResponse,
  ExecCreateRequest,
  ExecInspect,
  ExecStartRequest,
  FilesystemChange,
  PortMap,
} from '@tdocker/api'

/** Parsed `filters=`: key → values. */
export type Filters = ReadonlyMap<string, readonly string[]>

export interface TakeOptions {
  multiplexed: boolean
  /**
   * Resolve when the client has read the head, as far as that can be known: for output that follows
   * at once. Not for one who next starts the container on another connection: it would overtake.
   */
  headRead?: boolean
  /** What is spoken from here on, as the request's `Upgrade` names it; none: raw bytes, `tcp`. */
  protocol?: string
}

/**
 * The client's end of a hijacked connection, offered to the engine after the 101/200 head is
 * decided but before it is written.
 */
export interface Hijack {
  /**
   * Writes the response head (content type by tty), takes the socket away from its protocol and
   * answers a connected stream descriptor that speaks raw bytes with the client, plus bytes already
   * read: the client's own descriptor, or with TLS one end of a pair that is pumped. The caller owns
   * the descriptor. Call at most once; errors before it become ordinary answers.
   */
  take(o: TakeOptions): Promise<{ fd: number; head: Buffer }>
  /** Aborted when the client goes away before `take`. */
  readonly signal: AbortSignal
}

export interface StopOptions {
  signal?: string
  /** -1: wait for ever. */
  timeoutSeconds?: number
}

export interface AttachOptions {
  stdin: boolean
  stdout: boolean
  stderr: boolean
  /** Live output. */
  stream: boolean
  /** The past first. */
  logs: boolean
  detachKeys?: string
}

export interface LogsOptions {
  stdout: boolean
  stderr: boolean
  follow: boolean
  timestamps: boolean
  details: boolean
  sinceNs?: bigint
  untilNs?: bigint
  /** Lines from the end; undefined for all. */
  tail?: number
  /** One JSON object per line, each behind `prefix`, instead of frames or raw bytes. */
  json?: { prefix: string }
  signal: AbortSignal
}

export interface ListOptions {
  all: boolean
  limit: number
  size: boolean
  filters: Filters
}

export interface CreateOptions {
  name?: string
  platform?: string
  /** In the shape of the newest API version. */
  body: ContainerCreateRequest
  /** Read-only binds leave their submounts writable, as before API 1.44. */
  readOnlyNonRecursive?: boolean
  /** Where cgroups are v1 and nothing is said, the host's namespace, as before API 1.41. */
  hostCgroupnsOnV1?: boolean
  /** A step of a build: the image's volumes are not mounted, the upper directory need not outlive a crash. */
  buildStep?: boolean
  /** Of a step of a build. */
  stepMounts?: readonly StepMount[]
  /** Committed with the container's row. */
  statements?: readonly Statement[]
}

/** What a step mounts that no other container can. */
export type StepMount =
  /** A tree that may be written to; `directory` has `upper` and `work`. */
  | {
      kind: 'overlay'
      target: string
      lowers: readonly string[]
      subpath: string
      directory: string
    }
  /** Empty, and programs may be run in it. `size` in bytes, 0 for no limit. */
  | { kind: 'tmpfs'; target: string; readOnly: boolean; size: number }

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

/** One path in a container's tree, as `X-Docker-Container-Path-Stat` carries it. */
export interface PathStat {
  name: string
  size: number
  /** Go's `fs.FileMode`: type bits above the nine of permission. */
  mode: number
  /** RFC 3339 with nanoseconds. */
  mtime: string
  linkTarget: string
}

export interface PutArchiveOptions {
  /** Directory of the container the archive is unpacked into. */
  path: string
  noOverwriteDirNonDir: boolean
  copyUidGid: boolean
  /** Tar, plain or compressed. */
  body: Readable | SocketBody
}

/** A request's body that is still in its socket (non-blocking); chunked without `length`. */
export interface SocketBody {
  /** Lent until the verb settles. */
  readonly fd: number
  /** What was read of it already. */
  readonly head: Buffer
  readonly length?: number
}

/** An archive on its way out: take it as a stream, or have it sent. */
export interface TarSource {
  stream(): Readable
  /** Writes it in HTTP chunks, the last one included, to a non-blocking socket. */
  sendTo(fd: number): Promise<void>
  /** Gives everything back when neither happened. */
  close(): Promise<void>
}

/** A log to be read one way or the other. */
export interface LogSource {
  tty: boolean
  stream: Readable
  /** As `TarSource`'s; for what has an end, and is neither JSON nor detailed. */
  sendTo?(fd: number): Promise<void>
}

export interface CommitOptions {
  /** Empty for no name. */
  repo: string
  tag: string
  author: string
  comment: string
  /** Dockerfile instructions. */
  changes: readonly string[]
  /** Of the image, filled up from the container's; undefined: the container's. */
  config?: ContainerConfig
  /** Freeze a running container while its files are read. */
  pause: boolean
  signal: AbortSignal
}

export interface PruneReport {
  ContainersDeleted: string[] | null
  SpaceReclaimed: number
}

export interface ContainerBackend {
  create(o: CreateOptions): Promise<ContainerCreateResponse>
  /** What `create` and `start` would make of a request; nothing of it is made. */
  dryRun(o: CreateOptions): Promise<ContainerDryRun>
  /** Publishes more ports, of a running container at once; answers all that are published then. */
  addPorts(id: string, ports: PortMap): Promise<PortMap>
  removePorts(id: string, ports: PortMap): Promise<PortMap>
  list(o: ListOptions): Promise<ContainerSummary[]>
  /** In the shape of the newest API version. */
  inspect(id: string, o: { size: boolean }): Promise<ContainerInspectResponse>
  start(id: string, o: { detachKeys?: string }): Promise<void>
  stop(id: string, o: StopOptions): Promise<void>
  restart(id: string, o: StopOptions): Promise<void>
  kill(id: string, o: { signal: string }): Promise<void>
  rename(id: string, name: string): Promise<void>
  resize(id: string, o: { rows: number; columns: number }): Promise<void>
  remove(id: string, o: { force: boolean; volumes: boolean; link: boolean }): Promise<void>
  top(id: string, psArgs: string): Promise<ContainerTopResponse>
  /** Resolves at once when the container exists (the route then sends its head); `result` later. */
  wait(
    id: string,
    o: { condition: WaitCondition; signal: AbortSignal },
  ): Promise<{ result: Promise<ContainerWaitResponse> }>
  /** Decides errors before anything is written; `stream` ends when done (or never, following). */
  logs(id: string, o: LogsOptions): Promise<LogSource>
  attach(id: string, o: AttachOptions, hijack: Hijack): Promise<void>
  pause(id: string): Promise<void>
  unpause(id: string): Promise<void>
  update(id: string, body: ContainerUpdateRequest): Promise<ContainerUpdateResponse>
  /**
   * Errors are decided before the first sample. Without `stream` there is one sample: with `oneShot`
   * at once and with an empty `precpu_stats`, else after two readings.
   */
  stats(
    id: string,
    o: { stream: boolean; oneShot: boolean; signal: AbortSignal },
  ): Promise<AsyncIterable<ContainerStatsResponse>>
  changes(id: string): Promise<FilesystemChange[]>
  /** Makes an image of what the container has changed; answers its id. */
  commit(id: string, o: CommitOptions): Promise<string>
  /** The root file system as a tar, without what is mounted over it. */
  export(id: string): Promise<TarSource>
  statPath(id: string, path: string): Promise<PathStat>
  getArchive(id: string, path: string): Promise<{ stat: PathStat; archive: TarSource }>
  putArchive(id: string, o: PutArchiveOptions): Promise<void>
  prune(o: { filters: Filters }): Promise<PruneReport>
}

export interface ExecBackend {
  create(containerId: string, body: ExecCreateRequest): Promise<{ Id: string }>
  start(execId: string, body: ExecStartRequest, hijack: Hijack | undefined): Promise<void>
  resize(execId: string, o: { rows: number; columns: number }): Promise<void>
  inspect(execId: string): Promise<ExecInspect>
}
