import { constants } from 'node:os'

export const SIGKILL = 9

/** Numbers that have a name; the C library keeps 32 and 33 for itself. */
const RTMIN = 34
const RTMAX = 64
const NAMED: ReadonlySet<number> = new Set(Object.values(constants.signals))

export function isKnownSignal(number: number): boolean {
  return NAMED.has(number) || (number >= RTMIN && number <= RTMAX)
}
