/**
 * What the client of a build gives while the build runs, beside the request: over a connection of its
 * own. Nothing of it is ever written to disk, told in history, logs or events, or part of a cache key,
 * but the files of a context.
 */
import type { Duplex, Readable } from 'node:stream'

export interface BuildSession extends AsyncDisposable {
  /** A secret's bytes, at most 500 KiB; undefined when the client has none of that id. */
  secret(id: string, signal: AbortSignal): Promise<Buffer | undefined>
  /** Whether any agent was forwarded. */
  readonly hasAgents: boolean
  /** Whether an agent was forwarded under this id (`default` for `--ssh default`). */
  hasAgent(id: string): boolean
  /** A connection to the client's agent, one for each that is made inside the container. */
  connectAgent(id: string): Duplex
  /**
   * Fills `directory` with the client's directory of that name (`context`, `dockerfile`, or one of
   * `--build-context`), asking only for files that are not known here.
   */
  fill(name: string, directory: string, signal: AbortSignal): Promise<void>
  /** A file of the result on its way to the client: `-o`, number `index`. */
  sendOutput(index: number, tar: Readable, signal: AbortSignal): Promise<void>
}

export interface BuildSessions {
  /** Waits a while for one that is on its way. Throws invalidParameter when none comes. */
  find(id: string, signal: AbortSignal): Promise<BuildSession>
}
