const MS = 1_000_000n

/**
 * The wall clock in nanoseconds. Node tells it in milliseconds only; the monotonic clock, laid so
 * that it never leaves the millisecond told, gives the rest. Clients compare such times with their
 * own, so that a made-up fraction would put an event before the request that made it.
 */
class WallClock {
  /** Wall minus monotonic. */
  #offset: bigint

  constructor() {
    // The first tick tells where a millisecond begins.
    const start = Date.now()
    while (Date.now() === start);
    this.#offset = BigInt(Date.now()) * MS - process.hrtime.bigint()
  }

  now(): bigint {
    const monotonic = process.hrtime.bigint()
    const told = BigInt(Date.now()) * MS
    const now = monotonic + this.#offset
    if (now < told) this.#offset = told - monotonic
    // Date.now is read after the monotonic clock, so that it may only be ahead of it.
    else if (now >= told + MS) this.#offset = told + MS - 1n - monotonic
    return monotonic + this.#offset
  }
}

const clock = new WallClock()

export function wallClockNs(): bigint {
  return clock.now()
}
