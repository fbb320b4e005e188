import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ContainerStatsResponse } from '@tdocker/api'
import type { Clock } from '../clock.ts'
import type { Container, Waiter } from '../container.ts'
import type { HostCpu } from './host-usage.ts'

const INTERVAL_MS = 1000
/** Samples of containers whose second ends within the same stretch are taken in one go. */
const STRETCH_MS = 50
/** How long the event loop is held at a time. */
const SLICE_MS = 4

export interface CollectorOptions {
  clock: Clock
  cpu(): HostCpu
  /** Never throws. */
  sample(c: Container, cpu: HostCpu): ContainerStatsResponse
}

/** Gets each sample; `undefined` when the container was removed, and nothing after it. */
export type Listener = (sample: ContainerStatsResponse | undefined) => void

interface Watched {
  readonly listeners: Set<Listener>
  readonly removed: Waiter
  dueMs: number
  last: ContainerStatsResponse | undefined
}

/**
 * Samples each watched container once a second, however many listen, in step with the second of its
 * first listener. Nothing runs while nobody listens.
 */
export class StatsCollector {
  readonly #watched = new Map<Container, Watched>()
  readonly #o: CollectorOptions
  #cancelTimer: (() => void) | undefined
  #running = false

  constructor(o: CollectorOptions) {
    this.#o = o
  }

  /** The listener is called at once with a sample of the last second, then once a second. */
  listen(c: Container, listener: Listener): Disposable {
    const watched = this.#watched.get(c) ?? this.#watch(c)
    watched.listeners.add(listener)
    watched.last ??= this.#o.sample(c, this.#o.cpu())
    listener(watched.last)
    this.#arm()
    return { [Symbol.dispose]: () => this.#leave(c, watched, listener) }
  }

  /** Containers being sampled. */
  get size(): number {
    return this.#watched.size
  }

  #watch(c: Container): Watched {
    const removed: Waiter = () => this.#end(c)
    const first = Math.ceil((this.#nowMs() + INTERVAL_MS) / STRETCH_MS) * STRETCH_MS
    const watched: Watched = { listeners: new Set(), removed, dueMs: first, last: undefined }
    this.#watched.set(c, watched)
    c.waiters.removed.add(removed)
    return watched
  }

  #leave(c: Container, watched: Watched, listener: Listener): void {
    watched.listeners.delete(listener)
    if (watched.listeners.size > 0 || this.#watched.get(c) !== watched) return
    c.waiters.removed.delete(watched.removed)
    this.#watched.delete(c)
    if (this.#watched.size === 0) this.#disarm()
  }

  #end(c: Container): void {
    const watched = this.#watched.get(c)
    if (!watched) return
    this.#watched.delete(c)
    if (this.#watched.size === 0) this.#disarm()
    for (const listener of watched.listeners) listener(undefined)
  }

  #arm(): void {
    if (this.#running || this.#cancelTimer || this.#watched.size === 0) return
    let earliest = Infinity
    for (const { dueMs } of this.#watched.values()) earliest = Math.min(earliest, dueMs)
    const wait = Math.max(0, earliest - this.#nowMs())
    this.#cancelTimer = this.#o.clock.after(wait, () => {
      this.#cancelTimer = undefined
      void this.#run()
    })
  }

  #disarm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  async #run(): Promise<void> {
    this.#running = true
    try {
      const now = this.#nowMs()
      const due = [...this.#watched].filter(([, watched]) => watched.dueMs <= now)
      let begun = performance.now()
      let cpu = this.#o.cpu()
      for (const [c, watched] of due) {
        if (performance.now() - begun > SLICE_MS) {
          await nextTurn()
          begun = performance.now()
          cpu = this.#o.cpu()
        }
        if (this.#watched.get(c) === watched) this.#publish(c, watched, cpu)
      }
    } finally {
      this.#running = false
    }
    this.#arm()
  }

  /** A second after the last was due, not after it was taken; what was slept through is left out. */
  #publish(c: Container, watched: Watched, cpu: HostCpu): void {
    watched.dueMs += INTERVAL_MS
    const now = this.#nowMs()
    if (watched.dueMs <= now) watched.dueMs = now + INTERVAL_MS
    const sample = this.#o.sample(c, cpu)
    watched.last = sample
    for (const listener of watched.listeners) listener(sample)
  }

  #nowMs(): number {
    return this.#o.clock.monotonicMs()
  }
}
