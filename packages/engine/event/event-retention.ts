import { sql, type Store } from '../store/store.ts'

/** What is kept, whichever is less. */
export interface RetentionLimits {
  rows: number
  ageMs: number
  /** Rows are counted every so many events, not at each. */
  every: number
}

const LIMITS: RetentionLimits = { rows: 100_000, ageMs: 30 * 24 * 3600 * 1000, every: 1000 }
/** Age alone takes rows of a daemon where nothing happens. */
const SWEEP_MS = 3_600_000
/** Deleted at a time: a write of others waits for no longer than this takes. */
const CHUNK = 5000

/** Deletes the oldest events, in the background and in pieces. */
export class EventRetention {
  readonly #store: Store
  readonly #limits: RetentionLimits
  readonly #log: (what: string, error: unknown) => void
  readonly #timer: NodeJS.Timeout
  #deletedThrough: number
  #newest = 0
  #countedAt = 0
  #sweeping = false

  constructor(
    store: Store,
    o: { limits?: Partial<RetentionLimits>; log?: (what: string, error: unknown) => void },
  ) {
    this.#store = store
    this.#limits = { ...LIMITS, ...o.limits }
    this.#log = o.log ?? (() => {})
    this.#deletedThrough = (this.#oldest() ?? 1) - 1
    this.#timer = setInterval(() => void this.#sweep(), SWEEP_MS)
    this.#timer.unref()
  }

  /** Numbers up to here are no longer in the database. */
  get deletedThrough(): number {
    return this.#deletedThrough
  }

  onEvents(newest: number): void {
    this.#newest = newest
    if (newest - this.#countedAt < this.#limits.every) return
    this.#countedAt = newest
    void this.#sweep()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    try {
      const end = Math.max(this.#newest - this.#limits.rows, this.#tooOld())
      for (let from = this.#oldest(); from !== undefined && from <= end; from += CHUNK) {
        const through = Math.min(from + CHUNK - 1, end)
        // Said before it is done: a reader must not find a gap and think nothing of it.
        this.#deletedThrough = Math.max(this.#deletedThrough, through)
        await this.#store.write([sql`DELETE FROM event WHERE seq <= ${through}`])
      }
    } catch (error) {
      this.#log('delete old events', error)
    } finally {
      this.#sweeping = false
    }
  }

  #oldest(): number | undefined {
    return (
      this.#store.get<{ seq: number | null }>('SELECT min(seq) AS seq FROM event')?.seq ?? undefined
    )
  }

  /** The number of the newest event that is too old. */
  #tooOld(): number {
    const before = BigInt(Date.now() - this.#limits.ageMs) * 1_000_000n
    return (
      this.#store.get<{ seq: number | null }>(
        'SELECT max(seq) AS seq FROM event WHERE time_ns < ?',
        before,
      )?.seq ?? 0
    )
  }
}
