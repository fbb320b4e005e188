import type { LogEntry } from './entry.ts'

/** A connection to a log server. One caller at a time. */
export interface LogSender {
  /** Connects. Throws a plain Error in Go's words. */
  open(): Promise<void>
  /** Resolves when the kernel has taken all of it; waits as long as the server does not read. */
  send(entries: readonly LogEntry[]): Promise<void>
  close(): void
  /**
   * How long a connection must outlive what was sent by it before that counts as delivered: the
   * protocols have no acknowledgement.
   */
  readonly confirmAfterMs: number
  /** Called when an open connection breaks while nothing is being sent. */
  onLost: () => void
}
