/** `SOURCE_DATE_EPOCH` (reproducible-builds.org/specs/source-date-epoch). */
import { invalidParameter } from '../../base/errors.ts'

/** Go writes no time after the year 9999. */
const LAST = 253_402_300_799

/** Seconds since 1970. Throws invalidParameter. */
export function parseEpoch(text: string, what: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= LAST) return value
  throw invalidParameter(`invalid ${what}: ${text}`)
}

/** RFC 3339 as Go writes it. */
export function epochText(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replace('.000Z', 'Z')
}

/** A build argument's value; undefined where none is set. Throws invalidParameter. */
export function sourceDateEpoch(
  value: string | undefined,
  contextTime: number | undefined,
): number | undefined {
  if (value === undefined || value === '') return undefined
  // Directories and tars have no time of their own.
  if (value === 'context') return contextTime
  return parseEpoch(value, 'SOURCE_DATE_EPOCH')
}
