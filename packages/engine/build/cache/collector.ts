/** Keeps the cache within its budget by itself: after builds, one round at a time. */
import type { CachePruneOptions } from '../build-backend.ts'

export class CacheCollector {
  readonly #policies: readonly CachePruneOptions[]
  readonly #prune: (policy: CachePruneOptions) => Promise<unknown>
  readonly #failed: (error: unknown) => void
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
    if (this.#policies.length === 0) return
    this.#isWanted = true
    this.#running ??= this.#work().finally(() => (this.#running = undefined))
  }

  async #work(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false
      for (const policy of this.#policies)
        await this.#prune(policy).catch((error: unknown) => this.#failed(error))
    }
  }

  /** The round that runs ends. */
  async settle(): Promise<void> {
    await this.#running
  }
}
