/**
 * One queue per key (container id, network id, layer digest). Covers state changes only, never a
 * wait for a process: who holds it must let go in bounded time.
 */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `body` when every earlier holder of `key` is done. */
  async run<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const tail = before.then(() => done)
    this.#tails.set(key, tail)
    await before
    try {
      return await body()
    } finally {
      resolve()
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }

  isHeld(key: string): boolean {
    return this.#tails.has(key)
  }
}
