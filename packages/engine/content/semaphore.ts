/** At most `limit` holders at a time; the rest wait in line. */
export class Semaphore {
  readonly #waiting: Array<() => void> = []
  #limit: number
  /** Below zero while more hold it than a limit that was lowered allows. */
  #free: number

  constructor(limit: number) {
    this.#limit = Math.max(1, limit)
    this.#free = this.#limit
  }

  /** Takes effect as holders leave. */
  set limit(limit: number) {
    const more = Math.max(1, limit) - this.#limit
    this.#limit += more
    this.#free += more
    while (this.#free > 0 && this.#waiting.length > 0) {
      this.#free--
      this.#waiting.shift()?.()
    }
  }

  /** Whether `run` would have to wait. */
  get busy(): boolean {
    return this.#free <= 0
  }

  /** Runs `body` when there is room. An abort while waiting rejects with its reason. */
  async run<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    await this.#acquire(signal)
    try {
      return await body()
    } finally {
      const next = this.#free < 0 ? undefined : this.#waiting.shift()
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
