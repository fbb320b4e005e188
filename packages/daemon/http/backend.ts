/**
 * What the HTTP routes need of the engine, cut by role. The engine satisfies these by structure.
 * `version` is the negotiated API version ('1.51'), for answers whose shape depends on it.
 */
import type { Readable } from 'node:stream'
import type {
  AuthConfig,
  AuthResponse,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerSummary,
  ContainerTopResponse,
  ContainerWaitResponse,
  EventMessage,
  ExecCreateRequest,
  ExecInspect,
  ExecStartRequest,
  ImageDeleteResponseItem,
  ImageInspect,
  ImageSummary,
  SystemInfo,
  SystemVersion,
} from '@tdocker/api'

/** Parsed `filters=`: key → values. */
export type Filters = ReadonlyMap<string, readonly string[]>

/**
 * The client's end of a hijacked connection, offered to the engine after the 101/200 head is
 * decided but before it is written.
 */
export interface Hijack {
  /**
   * Writes the response head (content type by tty), takes the socket away from Node and returns a
   * connected stream descriptor that speaks raw bytes with the client, plus bytes already read.
   * UNIX and plain TCP: the client's own descriptor; TLS: one end of a socket pair that Node pumps.
   * The caller owns the descriptor. Call at most once; errors before it become HTTP errors.
   */
  take(o: { multiplexed: boolean }): Promise<{ fd: number; head: Buffer }>
  /** Aborted when the client goes away before `take`. */
  readonly signal: AbortSignal
}

export interface ContainerBackend {
  create(o: {
    name?: string
    platform?: string
    body: ContainerCreateRequest
    version: string
  }): Promise<ContainerCreateResponse>
  list(o: {
    all: boolean
    limit: number
    size: boolean
    filters: Filters
    version: string
  }): Promise<ContainerSummary[]>
  inspect(id: string, o: { size: boolean; version: string }): Promise<ContainerInspectResponse>
  start(id: string, o: { detachKeys?: string }): Promise<void>
  stop(id: string, o: { signal?: string; timeoutSeconds?: number }): Promise<void>
  restart(id: string, o: { signal?: string; timeoutSeconds?: number }): Promise<void>
  kill(id: string, o: { signal: string }): Promise<void>
  rename(id: string, name: string): Promise<void>
  resize(id: string, o: { rows: number; columns: number }): Promise<void>
  remove(id: string, o: { force: boolean; volumes: boolean; link: boolean }): Promise<void>
  top(id: string, psArgs: string): Promise<ContainerTopResponse>
  /**
   * Resolves at once when the container exists (the route then sends its head); `result` later.
   */
  wait(
    id: string,
    o: { condition: 'not-running' | 'next-exit' | 'removed'; signal: AbortSignal },
  ): Promise<{ result: Promise<ContainerWaitResponse> }>
  /** Decides errors before anything is written; `stream` ends when done (or never, following). */
  logs(id: string, o: LogsOptions): Promise<{ tty: boolean; stream: Readable }>
  attach(
    id: string,
    o: {
      stdin: boolean
      stdout: boolean
      stderr: boolean
      stream: boolean
      logs: boolean
      detachKeys?: string
    },
    hijack: Hijack,
  ): Promise<void>
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
  signal: AbortSignal
}

export interface ExecBackend {
  create(containerId: string, body: ExecCreateRequest): Promise<{ Id: string }>
  /** With Detach the hijack is undefined and it resolves when the process is started. */
  start(execId: string, body: ExecStartRequest, hijack: Hijack | undefined): Promise<void>
  resize(execId: string, o: { rows: number; columns: number }): Promise<void>
  inspect(execId: string): Promise<ExecInspect>
}

/** One line of a progress stream; see moby's jsonmessage. */
export interface ProgressMessage {
  status?: string
  id?: string
  progressDetail?: { current?: number; total?: number }
  progress?: string
  stream?: string
  aux?: unknown
  errorDetail?: { code?: number; message: string }
  error?: string
}

export interface ImageBackend {
  /** Errors before the first message get a status of their own; later ones are in-band. */
  pull(o: {
    reference: string
    tag?: string
    platform?: string
    auth?: AuthConfig
    signal: AbortSignal
    progress: (message: ProgressMessage) => void
  }): Promise<void>
  /** `POST /images/create?fromSrc=-`: one layer from a tar stream, plain or compressed. */
  import(o: {
    body: Readable
    repo: string
    tag: string
    message: string
    changes: string[]
    platform?: string
    signal: AbortSignal
    progress: (message: ProgressMessage) => void
  }): Promise<void>
  list(o: {
    all: boolean
    filters: Filters
    sharedSize: boolean
    digests: boolean
    version: string
  }): Promise<ImageSummary[]>
  inspect(
    name: string,
    o: { version: string; platform?: string; manifests?: boolean },
  ): Promise<ImageInspect>
  tag(name: string, o: { repo: string; tag: string }): Promise<void>
  remove(name: string, o: { force: boolean; noprune: boolean }): Promise<ImageDeleteResponseItem[]>
}

export interface SystemBackend {
  info(version: string): Promise<SystemInfo>
  version(apiVersion: string): Promise<SystemVersion>
  events(o: {
    sinceNs?: bigint
    untilNs?: bigint
    filters: Filters
    version: string
    signal: AbortSignal
  }): AsyncIterable<EventMessage>
  auth(config: AuthConfig): Promise<AuthResponse>
}

export interface Backend {
  containers: ContainerBackend
  execs: ExecBackend
  images: ImageBackend
  system: SystemBackend
}
