import type { Statement } from '../store/store.ts'

/** One thing that happened, as stored and published. */
export interface EngineEvent {
  /** Position in the log; a cursor for `since`. */
  seq: number
  timeNs: bigint
  type: 'builder' | 'container' | 'image' | 'network' | 'volume' | 'daemon'
  action: string
  actorId: string
  attributes: Readonly<Record<string, string>>
}

export type NewEvent = Omit<EngineEvent, 'seq' | 'timeNs'>

/** Events are rows, written in the transaction of what they tell, published after its commit. */
export interface EventLog {
  /** Writes `statements` and the events in one transaction, then publishes the events. */
  commit(statements: readonly Statement[], events: readonly NewEvent[]): Promise<void>
  /**
   * History from `sinceNs` (none when undefined), then live, until `untilNs` (forever when
   * undefined) or abort; snapshot and subscription are taken together, so nothing is lost between.
   */
  stream(o: {
    sinceNs?: bigint
    untilNs?: bigint
    signal: AbortSignal
    matches(event: EngineEvent): boolean
  }): AsyncIterable<EngineEvent>
}
