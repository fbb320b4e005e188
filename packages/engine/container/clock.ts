import { wallClockNs } from '../base/wall-clock.ts'

/** Time as the engine needs it; tests give their own. */
export interface Clock {
  /** Wall clock, nanoseconds since 1970. */
  nowNs(): bigint
  /** Runs on evenly, whoever sets the wall clock; milliseconds since some moment. */
  monotonicMs(): number
  /** Calls once after `ms`; the answer cancels. Does not keep the process alive. */
  after(ms: number, call: () => void): () => void
}

export const systemClock: Clock = {
  nowNs: wallClockNs,
  monotonicMs: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

export const ZERO_TIME = '0001-01-01T00:00:00Z'

/** RFC 3339 with nanoseconds as Go prints it: trailing zeros cut, undefined is Go's zero time. */
export function formatTime(ns: bigint | undefined): string {
  if (ns === undefined) return ZERO_TIME
  const seconds = ns / 1_000_000_000n
  const rest = ns % 1_000_000_000n
  const stem = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  if (rest === 0n) return `${stem}Z`
  return `${stem}.${rest.toString().padStart(9, '0').replace(/0+$/, '')}Z`
}
