/**
 * What the engine offers to whoever speaks to clients: option and result types of containers and
 * execs. The daemon's routes satisfy and consume these by structure; nothing here knows HTTP.
 */
import type { Readable } from 'node:stream'
import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerSummary,
  ContainerTopResponse,
  ContainerWaitResponse,
  ExecCreateRequest,
  ExecInspect,
  ExecStartRequest,
} from '@tdocker/api'

/** Parsed `filters=`: key → values. */
export type Filters = ReadonlyMap<string, readonly string[]>

/** A client's connection that can be taken away from its protocol; see `take`. */
export interface Hijack {
  /**
   * Answers the client that the stream begins, and hands over a connected stream descriptor plus
   * the bytes already read from it. The caller owns the descriptor. Call at most once.
   */
  take(o: { multiplexed: boolean }): Promise<{ fd: number; head: Buffer }>
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
  signal: AbortSignal
}

export interface ListOptions {
  all: boolean
  limit: number
  size: boolean
  filters: Filters
  version: string
}

export interface CreateOptions {
  name?: string
  platform?: string
  body: ContainerCreateRequest
  /** Negotiated API version. */
  version: string
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

export interface ContainerBackend {
  create(o: CreateOptions): Promise<ContainerCreateResponse>
  list(o: ListOptions): Promise<ContainerSummary[]>
  inspect(id: string, o: { size: boolean; version: string }): Promise<ContainerInspectResponse>
  start(id: string, o: { detachKeys?: string }): Promise<void>
  stop(id: string, o: StopOptions): Promise<void>
  restart(id: string, o: StopOptions): Promise<void>
  kill(id: string, o: { signal: string }): Promise<void>
  rename(id: string, name: string): Promise<void>
  resize(id: string, o: { rows: number; columns: number }): Promise<void>
  remove(id: string, o: { force: boolean; volumes: boolean; link: boolean }): Promise<void>
  top(id: string, psArgs: string): Promise<ContainerTopResponse>
  wait(
    id: string,
    o: { condition: WaitCondition; signal: AbortSignal },
  ): Promise<{ result: Promise<ContainerWaitResponse> }>
  logs(id: string, o: LogsOptions): Promise<{ tty: boolean; stream: Readable }>
  attach(id: string, o: AttachOptions, hijack: Hijack): Promise<void>
}

export interface ExecBackend {
  create(containerId: string, body: ExecCreateRequest): Promise<{ Id: string }>
  start(execId: string, body: ExecStartRequest, hijack: Hijack | undefined): Promise<void>
  resize(execId: string, o: { rows: number; columns: number }): Promise<void>
  inspect(execId: string): Promise<ExecInspect>
}
