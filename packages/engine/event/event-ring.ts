import type { EngineEvent } from './event-log.ts'

/** The newest events in order of their numbers. */
export class EventRing {
  readonly #capacity: number
  #events: EngineEvent[] = []

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  add(events: readonly EngineEvent[]): void {
    this.#events.push(...events)
    // Cut rarely: a shift at each event would move the rest each time.
    if (this.#events.length > 2 * this.#capacity) this.#events = this.#events.slice(-this.#capacity)
  }

  /**
   * Events after a number, `limit` at most. Undefined where older ones than the ring holds may be missing: numbers
   * have gaps, so only a reader that has seen the oldest one is known to miss nothing.
   */
  after(seq: number, limit: number): readonly EngineEvent[] | undefined {
    const oldest = this.#events[0]
    if (!oldest || seq < oldest.seq) return undefined
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#events[middle]!.seq > seq) high = middle
      else low = middle + 1
    }
    return this.#events.slice(low, low + limit)
  }
}
