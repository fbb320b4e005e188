import type { ContainerConfig, HealthcheckResult, HealthStatus } from '@tdocker/api'

/** State of a container's health check, as `inspect` shows it. Exists from its first start on. */
export interface Health {
  /** `none` stands for no check, and so never here. */
  status: Exclude<HealthStatus, 'none'>
  /** Failures in a row. */
  failingStreak: number
  /** The last results, oldest first. */
  log: HealthcheckResult[]
}

/** A health check with its defaults filled in. */
export interface HealthCheck {
  command: readonly string[]
  intervalNs: number
  timeoutNs: number
  startPeriodNs: number
  startIntervalNs: number
  retries: number
}

const SECOND_NS = 1_000_000_000
const DEFAULT_INTERVAL_NS = 30 * SECOND_NS
const DEFAULT_TIMEOUT_NS = 30 * SECOND_NS
const DEFAULT_START_INTERVAL_NS = 5 * SECOND_NS
const DEFAULT_RETRIES = 3
const MAX_RESULTS = 5

const SHELL = ['/bin/sh', '-c']

/** What is to be run, when and how often; undefined for no test, `NONE` and words nobody knows. */
export function healthCheckOf(config: ContainerConfig): HealthCheck | undefined {
  const { Healthcheck: check } = config
  const [kind, ...rest] = check?.Test ?? []
  const shell = config.Shell?.length ? config.Shell : SHELL
  // A test without a command is one that fails, and says so.
  const command = kind === 'CMD' || rest.length === 0 ? rest : [...shell, ...rest]
  if (kind !== 'CMD' && kind !== 'CMD-SHELL') return undefined
  return {
    command,
    intervalNs: check?.Interval || DEFAULT_INTERVAL_NS,
    timeoutNs: check?.Timeout || DEFAULT_TIMEOUT_NS,
    startPeriodNs: check?.StartPeriod ?? 0,
    startIntervalNs: check?.StartInterval || DEFAULT_START_INTERVAL_NS,
    retries: (check?.Retries ?? 0) > 0 ? check!.Retries! : DEFAULT_RETRIES,
  }
}

/**
 * The state after one more result. Any success is health; a failure counts unless the container
 * was never healthy and the probe began within its start period.
 */
export function judge(
  health: Health,
  result: HealthcheckResult,
  o: { check: HealthCheck; sinceStartNs: bigint },
): Health {
  const log = [...health.log, result].slice(-MAX_RESULTS)
  if (result.ExitCode === 0) return { status: 'healthy', failingStreak: 0, log }
  const excused = health.status === 'starting' && inStartPeriod(o.check, o.sinceStartNs)
  if (excused) return { ...health, log }
  const failingStreak = health.failingStreak + 1
  const status = failingStreak >= o.check.retries ? 'unhealthy' : health.status
  return { status, failingStreak, log }
}

/** From the end of one probe, or from the start, to the next probe; nanoseconds. */
export function intervalOf(
  check: HealthCheck,
  o: { status: Health['status']; sinceStartNs: bigint },
): number {
  const starting = o.status === 'starting' && inStartPeriod(check, o.sinceStartNs)
  return starting ? check.startIntervalNs : check.intervalNs
}

/** A clock that went back does not make a start period where there is none. */
function inStartPeriod(check: HealthCheck, sinceStartNs: bigint): boolean {
  return check.startPeriodNs > 0 && sinceStartNs < BigInt(check.startPeriodNs)
}

/** `health: starting`, `healthy`: the word in brackets of `docker ps`. */
export function healthText(health: Health): string {
  return health.status === 'starting' ? 'health: starting' : health.status
}
