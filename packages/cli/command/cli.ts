import type { Client } from '../client/client.ts'
import type { ConfigFile } from '../client/config.ts'
import type { ContextStore } from '../client/context-store.ts'

/** The standard streams; tests put their own in. */
export interface Streams {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

/** Everything a command may touch. */
export interface Cli extends Streams {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The connection to the daemon, made at first use. */
  readonly client: Client
  /** `config.json`, read at first use. */
  readonly config: ConfigFile
  readonly contexts: ContextStore
  /** The context in use. */
  readonly contextName: string
  /** Where the daemon is without a context. */
  readonly defaultHost: string
  print(text: string): void
  printError(text: string): void
}

/** Ends the program with this code; the message, where there is one, goes to stderr. */
export class StatusError extends Error {
  readonly code: number

  constructor(code: number, message = '') {
    super(message)
    this.code = code
  }
}
