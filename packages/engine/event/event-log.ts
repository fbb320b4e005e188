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
   * The past from `sinceNs` (all that is kept with an `untilNs` alone, nothing without both), then
   * live, until `untilNs` (forever when undefined), abort or the log's end. Nothing is lost between
   * past and live. Slow readers read on at their own pace; one behind whose back events were deleted
   * gets an event `daemon lost` that tells how many, whatever it matches. Batches hold what was
   * there at the moment, one event at least.
   */
  batches(o: EventRange): AsyncIterable<readonly EngineEvent[]>
  /** The same, one by one. */
  stream(o: EventRange): AsyncIterable<EngineEvent>
}

export interface EventRange {
  sinceNs?: bigint
  untilNs?: bigint
  signal: AbortSignal
  matches(event: EngineEvent): boolean
}
