import { setTimeout as delay } from 'node:timers/promises'
import type { EventLog } from '../event/event-log.ts'
import type { ImageRecords } from './image-records.ts'

/** The event is told when the row is gone; the container leaves memory a moment later. */
const SETTLE_MS = 50

/** Frees images that were removed by force when the last container that uses them is destroyed. */
export class RemovedKeeper {
  readonly #o: {
    events: EventLog
    records: ImageRecords
    sweep: () => Promise<void>
    signal: AbortSignal
    onError: (what: string, error: unknown) => void
  }
  #watching: Promise<void> | undefined

  constructor(o: {
    events: EventLog
    records: ImageRecords
    sweep: () => Promise<void>
    signal: AbortSignal
    onError: (what: string, error: unknown) => void
  }) {
    this.#o = o
  }

  /** Listens for as long as there is such an image. */
  watch(): void {
    if (this.#o.signal.aborted || this.#o.records.removed().length === 0) return
    this.#watching ??= this.#watch().finally(() => {
      this.#watching = undefined
    })
  }

  async #watch(): Promise<void> {
    const { events, records, sweep, signal, onError } = this.#o
    try {
      const destroyed = events.stream({
        signal,
        matches: (event) => event.type === 'container' && event.action === 'destroy',
      })
      for await (const _event of destroyed) {
        await delay(SETTLE_MS, undefined, { signal })
        await sweep()
        if (records.removed().length === 0) return
      }
    } catch (error) {
      if (!signal.aborted) onError('removed images', error)
    }
  }

  /** Resolves when nothing is under way any more; call after the abort. */
  async done(): Promise<void> {
    await this.#watching
  }
}
