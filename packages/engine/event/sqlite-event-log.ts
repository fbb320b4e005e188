import { wallClockNs } from '../base/wall-clock.ts'
import { type Statement, sql, type Store } from '../store/store.ts'
import type { EngineEvent, EventLog, EventRange, NewEvent } from './event-log.ts'
import { EventRetention, type RetentionLimits } from './event-retention.ts'
import { EventRing } from './event-ring.ts'

/**
 * Rows read at a time: a reader of the past holds the event loop for no longer than this takes.
 */
const PAGE = 200
/** The newest events, kept in memory for readers that keep up: these never touch the database. */
const RING = 1024
/** The clock may be set back by this much before times of events follow it. */
const TOLERATED_STEP_NS = 1_000_000_000n
const END_OF_TIME = 9_223_372_036_854_775_807n

export interface SqliteEventLogOptions {
  limits?: Partial<RetentionLimits>
  /** Hears of what failed in the background. */
  log?: (what: string, error: unknown) => void
}

/**
 * Readers hold a position in the log and nothing else: who keeps up is served from memory, who is
 * slow reads on from the database, and who is so slow that rows went before they were read is told
 * how many.
 */
export class SqliteEventLog implements EventLog {
  readonly #store: Store
  readonly #ring = new EventRing(RING)
  readonly #retention: EventRetention
  /** Calls of readers that wait for the next event. */
  readonly #waiting = new Set<() => void>()
  #seq: number
  /** Every event up to here is either published or was never committed. */
  #published: number
  #lastTimeNs: bigint
  #closed = false

  constructor(store: Store, o: SqliteEventLogOptions = {}) {
    this.#store = store
    const last = store.get<{ seq: number; time_ns: bigint }>(
      'SELECT seq, time_ns FROM event ORDER BY seq DESC LIMIT 1',
    )
    this.#seq = last?.seq ?? 0
    this.#published = this.#seq
    this.#lastTimeNs = BigInt(last?.time_ns ?? 0)
    this.#retention = new EventRetention(store, o)
  }

  async commit(statements: readonly Statement[], events: readonly NewEvent[]): Promise<void> {
    const stamped = events.map((event) => this.#stamp(event))
    await this.#store.write([...statements, ...stamped.map(insert)])
    const last = stamped.at(-1)
    if (!last) return
    // The writer commits in order, so publishing after the await keeps the order of seq.
    this.#ring.add(stamped)
    this.#published = Math.max(this.#published, last.seq)
    for (const wake of this.#waiting) wake()
    this.#retention.onEvents(this.#published)
  }

  async *stream(o: EventRange): AsyncIterable<EngineEvent> {
    for await (const batch of this.batches(o)) yield* batch
  }

  async *batches(o: EventRange): AsyncIterable<readonly EngineEvent[]> {
    const { signal, sinceNs = 0n, untilNs = END_OF_TIME } = o
    const past = o.sinceNs !== undefined || o.untilNs !== undefined
    // What was deleted before the reader came is not lost to it.
    let cursor = Math.max(
      past ? this.#positionOf(sinceNs) : this.#published,
      this.#retention.deletedThrough,
    )
    const end = untilNs < wallClockNs() ? this.#lastUntil(untilNs) : Infinity
    while (!signal.aborted && !this.#closed && cursor < end) {
      const gone = Math.min(this.#retention.deletedThrough, end) - cursor
      if (gone > 0) {
        cursor += gone
        yield [lost(gone, cursor)]
        continue
      }
      const published = this.#published
      const batch = this.#after(cursor)
      const last = batch.findIndex(
        ({ seq, timeNs }) => seq > end || (end === Infinity && timeNs > untilNs),
      )
      const inside = last < 0 ? batch : batch.slice(0, last)
      cursor = batch.at(-1)?.seq ?? cursor
      const wanted = inside.filter(
        (event) => event.timeNs >= sinceNs && event.timeNs <= untilNs && o.matches(event),
      )
      if (wanted.length > 0) yield wanted
      if (last >= 0) return
      if (batch.length > 0) await breath()
      else if (end !== Infinity) return
      else {
        cursor = published
        if (!(await this.#next(cursor, untilNs, signal))) return
      }
    }
  }

  /** Ends all readers; call before the store is closed. */
  close(): void {
    this.#closed = true
    this.#retention.close()
    for (const wake of this.#waiting) wake()
  }

  /** Times rise with the numbers, but for a clock that was set back by more than a moment. */
  #stamp(event: NewEvent): EngineEvent {
    const now = wallClockNs()
    const back = this.#lastTimeNs - now
    this.#lastTimeNs = back >= 0n && back < TOLERATED_STEP_NS ? this.#lastTimeNs + 1n : now
    return { ...event, seq: ++this.#seq, timeNs: this.#lastTimeNs }
  }

  /** The number before the first event of `sinceNs` or later. */
  #positionOf(sinceNs: bigint): number {
    const first = this.#store.get<{ seq: number | null }>(
      'SELECT min(seq) AS seq FROM event WHERE time_ns >= ?',
      sinceNs,
    )?.seq
    return first ? first - 1 : this.#published
  }

  /** The number of the last event of `untilNs` or earlier. */
  #lastUntil(untilNs: bigint): number {
    const last = this.#store.get<{ seq: number | null }>(
      'SELECT max(seq) AS seq FROM event WHERE time_ns <= ?',
      untilNs,
    )?.seq
    return Math.min(last ?? 0, this.#published)
  }

  /** The next published events after a number, in order; empty when there are none. */
  #after(cursor: number): readonly EngineEvent[] {
    if (cursor >= this.#published) return []
    return (
      this.#ring.after(cursor, PAGE) ??
      this.#store
        .all<EventRow>(
          'SELECT * FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
          cursor,
          this.#published,
          PAGE,
        )
        .map(fromRow)
    )
  }

  /** Waits for an event after `cursor`; false at the end of time, or when nobody waits any more. */
  async #next(cursor: number, untilNs: bigint, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const wake = (): void => {
      if (this.#closed) resolve(false)
      else if (this.#published > cursor) resolve(true)
    }
    const end = (): void => resolve(false)
    const stopTimer = untilNs === END_OF_TIME ? undefined : callAt(untilNs, end)
    this.#waiting.add(wake)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    wake()
    try {
      return await promise
    } finally {
      this.#waiting.delete(wake)
      signal.removeEventListener('abort', end)
      stopTimer?.()
    }
  }
}

/**
 * Told in-band to a reader behind whose back events were deleted; whatever it filters, it must know
 * that what it saw is not all.
 */
function lost(count: number, seq: number): EngineEvent {
  return {
    seq,
    timeNs: wallClockNs(),
    type: 'daemon',
    action: 'lost',
    actorId: '',
    attributes: {
      count: String(count),
      message: `${count} events were deleted from the log before this reader had read them`,
    },
  }
}

interface EventRow {
  seq: number
  time_ns: bigint
  type: EngineEvent['type']
  action: string
  actor_id: string
  attributes_json: string
}

function insert(event: EngineEvent): Statement {
  return sql`INSERT INTO event(seq, time_ns, type, action, actor_id, attributes_json) VALUES
    (${event.seq}, ${event.timeNs}, ${event.type}, ${event.action}, ${event.actorId}, ${JSON.stringify(event.attributes)})`
}

function fromRow(row: EventRow): EngineEvent {
  return {
    seq: row.seq,
    timeNs: BigInt(row.time_ns),
    type: row.type,
    action: row.action,
    actorId: row.actor_id,
    attributes: JSON.parse(row.attributes_json) as Record<string, string>,
  }
}

/** Lets others have the event loop between two pages. */
function breath(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Timers hold 2^31 ms at most; a far `until` is approached in steps. */
function callAt(timeNs: bigint, call: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = (): void => {
    const milliseconds = Number((timeNs - wallClockNs()) / 1_000_000n)
    if (milliseconds <= 0) timer = setTimeout(call, 0)
    else timer = setTimeout(arm, Math.min(milliseconds + 1, 2 ** 31 - 1))
  }
  arm()
  return () => clearTimeout(timer)
}
