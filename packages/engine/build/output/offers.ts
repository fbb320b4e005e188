/** Results on their way to the client: fetched by a request of its own, while the build waits. */
import type { TarSource } from '../../backend-types.ts'
import { cancelled, notFound, system } from '../../base/errors.ts'
import { randomId } from '../../base/random-id.ts'

/** Nobody came for it. */
const PATIENCE_MS = 10 * 60_000

export type Opened = (done: (whole: boolean) => void) => Promise<TarSource>

interface Offer {
  open: Opened
  end(error?: unknown): void
  taken(): void
}

export class OutputOffers {
  readonly #waiting = new Map<string, Offer>()

  /**
   * Ends when the client has all of it. `told` gets the word by which `take` knows it. Throws when the
   * client broke off, or came not at all.
   */
  async offer(o: {
    open: Opened
    told: (token: string) => void
    signal: AbortSignal
  }): Promise<void> {
    const token = randomId()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(
      () => reject(system('nobody came for an output of the build')),
      PATIENCE_MS,
    )
    const stop = (): void => reject(cancelled('Build cancelled'))
    o.signal.addEventListener('abort', stop, { once: true })
    this.#waiting.set(token, {
      open: o.open,
      taken: () => clearTimeout(timer),
      end: (error) => (error === undefined ? resolve() : reject(error as Error)),
    })
    try {
      if (o.signal.aborted) stop()
      else o.told(token)
      await promise
    } finally {
      clearTimeout(timer)
      o.signal.removeEventListener('abort', stop)
      this.#waiting.delete(token)
    }
  }

  /** Once for each. Throws notFound. */
  async take(token: string): Promise<TarSource> {
    const offer = this.#waiting.get(token)
    if (!offer) throw notFound('No such output of a build')
    this.#waiting.delete(token)
    offer.taken()
    try {
      return await offer.open((whole) =>
        offer.end(whole ? undefined : system('an output of the build was not taken whole')),
      )
    } catch (error) {
      offer.end(error)
      throw error
    }
  }
}
