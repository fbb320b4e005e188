import { healthText } from '../../health/health.ts'
import { type Container, isRunning } from '../container.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE

/** "Up 3 minutes", "Exited (0) 2 hours ago": the STATUS column of `docker ps`. */
export function statusText(c: Container, nowNs: bigint): string {
  const since = (ns: bigint | undefined): string => humanDuration(nowNs - (ns ?? nowNs))
  if (c.state === 'restarting') return `Restarting (${c.exitCode}) ${since(c.finishedNs)} ago`
  if (isRunning(c)) return `Up ${since(c.startedNs)}${condition(c)}`
  if (c.removing || c.state === 'removing') return 'Removal In Progress'
  if (c.state === 'dead') return 'Dead'
  if (c.startedNs === undefined) return 'Created'
  if (c.finishedNs === undefined) return ''
  return `Exited (${c.exitCode}) ${since(c.finishedNs)} ago`
}

/** Who is paused is not probed. */
function condition(c: Container): string {
  if (c.state === 'paused') return ' (Paused)'
  return c.health ? ` (${healthText(c.health)})` : ''
}

/** A rough length of time, in the words Docker uses. */
export function humanDuration(ns: bigint): string {
  const seconds = Number(ns / 1_000_000_000n)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < MINUTE) return `${seconds} seconds`
  const minutes = Math.floor(seconds / MINUTE)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.floor(seconds / HOUR + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`
  return `${Math.floor(Math.floor(seconds / HOUR) / 24 / 365)} years`
}
