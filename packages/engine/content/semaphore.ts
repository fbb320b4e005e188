/** At most `limit` holders at a time; the rest wait in line. */
export class Semaphore {
  readonly #waiting: Array<() => void> = []
  #free: number

  constructor(limit: number) {
    this.#free = Math.max(1, limit)
  }

  /** Whether `run` would have to wait. */
  get busy(): boolean {
    return this.#free === 0
  }

  /** Runs `body` when there is room. An abort while waiting rejects with its reason. */
  async run<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    await this.#acquire(signal)
    try {
      return await body()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) {
      this.#free--
      return
    }
    const turn = Promise.withResolvers<void>()
    const take = (): void => turn.resolve()
    const leave = (): void => {
      const at = this.#waiting.indexOf(take)
      if (at === -1) return
      this.#waiting.splice(at, 1)
      turn.reject(signal.reason)
    }
    this.#waiting.push(take)
    signal.addEventListener('abort', leave, { once: true })
    try {
      await turn.promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }
}
