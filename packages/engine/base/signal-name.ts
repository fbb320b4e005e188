import { constants } from 'node:os'
import { invalidParameter } from './errors.ts'

/** Real-time signals as glibc counts them: the first two belong to its threads. */
const rtMin = 34
const rtMax = 64

/**
 * 'SIGTERM', 'term', '15', 'RTMIN+3', 'RTMAX-1' → number. Throws invalidParameter
 * `invalid signal: x`.
 */
export function parseSignal(text: string): number {
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : named(text)
  if (number === undefined || number === 0) throw invalidParameter(`invalid signal: ${text}`)
  return number
}

/** What `stop` sends first: the image's or the user's `StopSignal`, else SIGTERM. */
export function stopSignal(configured: string | undefined): number {
  return configured ? parseSignal(configured) : constants.signals.SIGTERM
}

function named(text: string): number | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '')
  const [, base, sign, offset] = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name) ?? []
  if (base !== undefined) {
    if (offset === undefined) return base === 'MIN' ? rtMin : rtMax
    const number = base === 'MIN' ? rtMin + Number(offset) : rtMax - Number(offset)
    const direction = base === 'MIN' ? '+' : '-'
    return sign === direction && number >= rtMin && number <= rtMax ? number : undefined
  }
  const signals: Record<string, number> = constants.signals
  return signals[`SIG${name}`] ?? (name === 'CLD' ? signals['SIGCHLD'] : undefined)
}
