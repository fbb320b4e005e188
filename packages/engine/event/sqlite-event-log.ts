import { type Statement, sql, type Store } from '../store/store.ts'
import type { EngineEvent, EventLog, NewEvent } from './event-log.ts'

/** What is kept, whichever is less. */
const MAX_ROWS = 100_000
const MAX_AGE_NS = 30n * 24n * 3600n * 1_000_000_000n
/** Rows are trimmed every so many events, not at each. */
const TRIM_EVERY = 1000
/** A reader further behind than this is cut off; it can come back with `since`. */
const MAX_BACKLOG = 10_000
const PAGE = 500

/** A reader was too slow: its stream ends with this. */
export class SlowReaderError extends Error {
  constructor() {
    super(`event reader is more than ${MAX_BACKLOG} events behind`)
    this.name = 'SlowReaderError'
  }
}

export class SqliteEventLog implements EventLog {
  readonly #store: Store
  readonly #listeners = new Set<(event: EngineEvent) => void>()
  #seq: number
  #lastTimeNs: bigint

  constructor(store: Store) {
    this.#store = store
    const last = store.get<{ seq: number; time_ns: bigint }>(
      'SELECT seq, time_ns FROM event ORDER BY seq DESC LIMIT 1',
    )
    this.#seq = last?.seq ?? 0
    this.#lastTimeNs = BigInt(last?.time_ns ?? 0)
  }

  async commit(statements: readonly Statement[], events: readonly NewEvent[]): Promise<void> {
    const stamped = events.map((event) => this.#stamp(event))
    await this.#store.write([...statements, ...stamped.map(insert), ...this.#trim(stamped)])
    // The writer commits in order, so publishing after the await keeps the order of seq.
    for (const event of stamped) for (const listener of this.#listeners) listener(event)
  }

  async *stream(o: {
    sinceNs?: bigint
    untilNs?: bigint
    signal: AbortSignal
    matches(event: EngineEvent): boolean
  }): AsyncIterable<EngineEvent> {
    using live = this.#subscribe(o.signal, o.untilNs)
    let cursor = this.#committedSeq()
    if (o.sinceNs !== undefined) {
      for (const event of this.#history(o.sinceNs, o.untilNs)) {
        if (o.signal.aborted) return
        cursor = Math.max(cursor, event.seq)
        if (o.matches(event)) yield event
      }
    }
    for (;;) {
      const event = await live.next()
      if (!event) return
      if (o.untilNs !== undefined && event.timeNs > o.untilNs) return
      if (event.seq > cursor && o.matches(event)) yield event
    }
  }

  /** Time never runs backward in the log, so `since` cannot skip what came after. */
  #stamp(event: NewEvent): EngineEvent {
    const now = nowNs()
    this.#lastTimeNs = now > this.#lastTimeNs ? now : this.#lastTimeNs + 1n
    return { ...event, seq: ++this.#seq, timeNs: this.#lastTimeNs }
  }

  #trim(stamped: readonly EngineEvent[]): Statement[] {
    if (!stamped.some((event) => event.seq % TRIM_EVERY === 0)) return []
    const oldest = this.#lastTimeNs - MAX_AGE_NS
    return [sql`DELETE FROM event WHERE seq <= ${this.#seq - MAX_ROWS} OR time_ns < ${oldest}`]
  }

  #committedSeq(): number {
    return this.#store.get<{ seq: number | null }>('SELECT max(seq) AS seq FROM event')?.seq ?? 0
  }

  *#history(sinceNs: bigint, untilNs: bigint | undefined): Generator<EngineEvent> {
    let cursor = 0
    for (;;) {
      const rows = this.#store.all<EventRow>(
        'SELECT * FROM event WHERE time_ns >= ? AND time_ns <= ? AND seq > ? ORDER BY seq LIMIT ?',
        sinceNs,
        untilNs ?? 9_223_372_036_854_775_807n,
        cursor,
        PAGE,
      )
      for (const row of rows) yield fromRow(row)
      if (rows.length < PAGE) return
      cursor = rows.at(-1)!.seq
    }
  }

  #subscribe(
    signal: AbortSignal,
    untilNs: bigint | undefined,
  ): Disposable & { next(): Promise<EngineEvent | undefined> } {
    const queue: EngineEvent[] = []
    let wake: (() => void) | undefined
    let ended = signal.aborted
    let slow = false
    const listener = (event: EngineEvent): void => {
      if (queue.length >= MAX_BACKLOG) slow = true
      else queue.push(event)
      wake?.()
    }
    const end = (): void => {
      ended = true
      wake?.()
    }
    this.#listeners.add(listener)
    signal.addEventListener('abort', end)
    const stopTimer = untilNs === undefined ? undefined : callAt(untilNs, end)
    return {
      next: async () => {
        while (queue.length === 0 && !ended && !slow)
          await new Promise<void>((resolve) => (wake = resolve))
        if (slow) throw new SlowReaderError()
        return signal.aborted ? undefined : queue.shift()
      },
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener)
        signal.removeEventListener('abort', end)
        stopTimer?.()
      },
    }
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

/** Timers hold 2^31 ms at most; a far `until` is approached in steps. */
function callAt(timeNs: bigint, call: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = (): void => {
    const milliseconds = Number((timeNs - nowNs()) / 1_000_000n)
    if (milliseconds <= 0) timer = setTimeout(call, 0)
    else timer = setTimeout(arm, Math.min(milliseconds + 1, 2 ** 31 - 1))
  }
  arm()
  return () => clearTimeout(timer)
}

/** Wall clock in nanoseconds; below a millisecond it only keeps the order. */
function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)
}
