/** What history says of an instruction, where moby prints a Go value. */
import type { Healthcheck } from '../dockerfile/instruction.ts'

/** As Go's `%q` prints a list. */
export function quotedList(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(' ')}]`
}

/** As Go's `%+v` prints the pointer to a health check. */
export function healthcheckText(health: Healthcheck): string {
  const { test, interval, timeout, startPeriod, startInterval, retries } = health
  const times = [
    `Interval:${goDuration(interval)} Timeout:${goDuration(timeout)}`,
    `StartPeriod:${goDuration(startPeriod)} StartInterval:${goDuration(startInterval)}`,
  ].join(' ')
  return `&{Test:[${test.join(' ')}] ${times} Retries:${retries}}`
}

/** As Go prints a duration; nanoseconds. */
function goDuration(ns: number): string {
  const seconds = ns / 1e9
  if (seconds === 0) return '0s'
  if (seconds < 1) return `${ns / 1e6}ms`
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = Number((seconds % 60).toFixed(9))
  const whole = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : ''
  return `${whole}${rest}s`
}
