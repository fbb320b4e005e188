const MS = 1_000_000n
/** The system's clock itself may waver by a millisecond; what goes back further was set. */
const WAVER = 10n * MS

/** Where time comes from. */
interface Clocks {
  /** Date.now */
  wallMs(): number
  monotonicNs(): bigint
}

/**
 * The wall clock in nanoseconds. Node tells it in milliseconds only; the monotonic clock, laid so
 * that it never leaves the millisecond told, gives the rest. Clients compare such times with their
 * own, so that a made-up fraction would put an event before the request that made it.
 */
export class WallClock {
  /** Wall minus monotonic. */
  #offset: bigint
  #last = 0n
  readonly #clocks: Clocks

  constructor(clocks: Clocks) {
    this.#clocks = clocks
    // The first tick tells where a millisecond begins.
    const start = clocks.wallMs()
    while (clocks.wallMs() === start);
    this.#offset = BigInt(clocks.wallMs()) * MS - clocks.monotonicNs()
  }

  /** Does not go back, unless somebody sets the clock. */
  now(): bigint {
    const now = this.#read()
    const wavers = now < this.#last && this.#last - now < WAVER
    if (!wavers) this.#last = now
    return this.#last
  }

  #read(): bigint {
    const monotonic = this.#clocks.monotonicNs()
    const told = BigInt(this.#clocks.wallMs()) * MS
    const now = monotonic + this.#offset
    if (now < told) this.#offset = told - monotonic
    // Date.now is read after the monotonic clock, so that it may only be ahead of it.
    else if (now >= told + MS) this.#offset = told + MS - 1n - monotonic
    return monotonic + this.#offset
  }
}

const clock = new WallClock({ wallMs: Date.now, monotonicNs: () => process.hrtime.bigint() })

export function wallClockNs(): bigint {
  return clock.now()
}
