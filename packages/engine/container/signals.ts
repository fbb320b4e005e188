import { constants } from 'node:os'
import { invalidParameter } from '../base/errors.ts'

const RTMIN = 34
const RTMAX = 64

const NAMES = new Map<string, number>(
  Object.entries(constants.signals).map(([name, number]) => [name.slice('SIG'.length), number]),
)
NAMES.set('CLD', constants.signals.SIGCHLD)
for (let n = 0; n <= 15; n++) NAMES.set(n === 0 ? 'RTMIN' : `RTMIN+${n}`, RTMIN + n)
for (let n = 0; n <= 14; n++) NAMES.set(n === 0 ? 'RTMAX' : `RTMAX-${n}`, RTMAX - n)

export const SIGKILL = 9
export const SIGTERM = 15

/** `KILL`, `sigkill`, `9` → 9. Throws invalidParameter `invalid signal: x`. */
export function parseSignal(text: string): number {
  if (/^[+-]?\d+$/.test(text)) {
    const number = Number(text)
    if (number === 0) throw invalidParameter(`invalid signal: ${text}`)
    return number
  }
  const number = NAMES.get(text.toUpperCase().replace(/^SIG/, ''))
  if (number === undefined) throw invalidParameter(`invalid signal: ${text}`)
  return number
}

const KNOWN = new Set(NAMES.values())

export function isKnownSignal(number: number): boolean {
  return KNOWN.has(number)
}
