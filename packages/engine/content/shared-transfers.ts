/** Work that several callers want at once: done once, told to all, and ended when the last one leaves. */
interface Transfer<T, P> {
  result: Promise<T>
  listeners: Set<(progress: P) => void>
  waiters: number
  abort: AbortController
}

export class SharedTransfers<T, P> {
  readonly #transfers = new Map<string, Transfer<T, P>>()

  /**
   * The outcome of `work`, begun now or by whoever came first with this key. An abort of the caller's
   * signal rejects with its reason; the last to leave waits until the work has cleaned up.
   */
  async run(
    key: string,
    o: { signal: AbortSignal; progress: (progress: P) => void },
    work: (signal: AbortSignal, progress: (progress: P) => void) => Promise<T>,
  ): Promise<T> {
    o.signal.throwIfAborted()
    const transfer = this.#transfers.get(key) ?? this.#begin(key, work)
    transfer.waiters++
    transfer.listeners.add(o.progress)
    const left = Promise.withResolvers<never>()
    const leave = (): void => left.reject(o.signal.reason)
    o.signal.addEventListener('abort', leave, { once: true })
    try {
      return await Promise.race([transfer.result, left.promise])
    } finally {
      o.signal.removeEventListener('abort', leave)
      transfer.listeners.delete(o.progress)
      transfer.waiters--
      if (transfer.waiters === 0) await this.#end(key, transfer, o.signal)
    }
  }

  #begin(
    key: string,
    work: (signal: AbortSignal, progress: (progress: P) => void) => Promise<T>,
  ): Transfer<T, P> {
    const abort = new AbortController()
    const listeners = new Set<(progress: P) => void>()
    const tell = (progress: P): void => listeners.forEach((listener) => listener(progress))
    // Not before the first caller listens.
    const result = Promise.resolve().then(() => work(abort.signal, tell))
    const transfer: Transfer<T, P> = { result, listeners, waiters: 0, abort }
    this.#transfers.set(key, transfer)
    const forget = (): void => this.#forget(key, transfer)
    result.then(forget, forget)
    return transfer
  }

  async #end(key: string, transfer: Transfer<T, P>, signal: AbortSignal): Promise<void> {
    this.#forget(key, transfer)
    transfer.abort.abort(signal.reason)
    await transfer.result.catch(() => {})
  }

  /** Whoever comes now begins anew. */
  #forget(key: string, transfer: Transfer<T, P>): void {
    if (this.#transfers.get(key) === transfer) this.#transfers.delete(key)
  }
}
