/** Keeps the cache within its budget by itself: after builds, one round at a time. */
import { setTimeout as delay } from 'node:timers/promises'
import type { CachePruneOptions } from '../build-backend.ts'

/** Of the time, a tenth at most: to measure large cache mounts takes a while. */
const REST = 9

export class CacheCollector {
  readonly #policies: readonly CachePruneOptions[]
  readonly #prune: (policy: CachePruneOptions) => Promise<unknown>
  readonly #failed: (error: unknown) => void
  readonly #closed = new AbortController()
  #running: Promise<void> | undefined
  #isWanted = false

  /** `policies`: one after the other; none of them, nothing is collected. */
  constructor(o: {
    policies: readonly CachePruneOptions[]
    prune: (policy: CachePruneOptions) => Promise<unknown>
    failed: (error: unknown) => void
  }) {
    this.#policies = o.policies
    this.#prune = o.prune
    this.#failed = o.failed
  }

  /** Something may have grown. What comes while a round runs is looked at in the next one. */
  wake(): void {
    if (this.#policies.length === 0 || this.#closed.signal.aborted) return
    this.#isWanted = true
    this.#running ??= this.#work().finally(() => (this.#running = undefined))
  }

  async #work(): Promise<void> {
    const { signal } = this.#closed
    while (this.#isWanted && !signal.aborted) {
      this.#isWanted = false
      const begun = performance.now()
      for (const policy of this.#policies)
        await this.#prune(policy).catch((error: unknown) => this.#failed(error))
      const rest = (performance.now() - begun) * REST
      await delay(rest, undefined, { ref: false, signal }).catch(() => {})
    }
  }

  /** The round that runs ends; there is no other one. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#running
  }
}
