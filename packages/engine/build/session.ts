/**
 * What the client of a build gives while the build runs, beside the request: over a connection of its
 * own. Nothing of it is ever written to disk, told in history, logs or events, or part of a cache key,
 * but the files of a context.
 */
import type { ListingRow } from '@tdocker/api/build-session/listing.ts'
import type { Duplex } from 'node:stream'
import type { IndexedTree } from './cache/indexed-tree.ts'
import type { TreeNative } from './copy/tree.ts'

export interface BuildSession extends AsyncDisposable {
  /** A secret's bytes, at most 500 KiB; undefined when the client has none of that id. */
  secret(id: string, signal: AbortSignal): Promise<Buffer | undefined>
  /** Whether any agent was forwarded. */
  readonly hasAgents: boolean
  /** Whether an agent was forwarded under this id (`default` for `--ssh default`). */
  hasAgent(id: string): boolean
  /** A connection to the client's agent, one for each that is made inside the container. */
  connectAgent(id: string): Duplex
  /** A file of the build itself, the Dockerfile or the ignore file; undefined for another name. */
  file(name: string, signal: AbortSignal): Promise<Buffer | undefined>
  /**
   * The client's directory of that name (`context`, or one of `--build-context`), of which only files
   * were sent that were not here. Nobody changes it before the session ends; the caller must not either.
   */
  directory(name: string, o: DirectoryOptions): Promise<SessionDirectory>
  /** What is known of the files of such a directory; undefined where only they can tell. */
  listed(native: TreeNative, path: string): Promise<IndexedTree | undefined>
}

export interface DirectoryOptions {
  signal: AbortSignal
  /** Told of bytes received. */
  taken?(bytes: number): void
}

export interface SessionDirectory {
  path: string
  /** What is in it. */
  rows(): Promise<readonly ListingRow[]>
}

export interface BuildSessions {
  /** Waits a while for one that is on its way. Throws invalidParameter when none comes. */
  find(id: string, signal: AbortSignal): Promise<BuildSession>
}
