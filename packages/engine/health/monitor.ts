import { formatTime } from '../container/clock.ts'
import type { Container } from '../container/container.ts'
import { type Context, inBackground } from '../container/context.ts'
import { containerEvent } from '../container/events.ts'
import { parseStoredTime, saveHealth } from './health-rows.ts'
import { restartsOnUnhealthy, restartUnhealthy } from './on-unhealthy.ts'
import { type HealthCheck, healthCheckOf, intervalOf, judge } from './health.ts'

/** Exists while a container is probed: one timer, or one probe under way. */
export interface HealthMonitor {
  cancelTimer: () => void
  readonly stop: AbortController
}

/** Longest delay a timer of Node takes. */
const MAX_DELAY_MS = 2 ** 31 - 1

/**
 * A container has just started: its check begins anew, the results of earlier runs stay visible.
 * Call before the start is committed (`saveHealth` belongs in that commit), `updateMonitor` after.
 */
export function beginHealth(c: Container): void {
  if (!healthCheckOf(c.config)) return
  c.health = { status: 'starting', failingStreak: 0, log: c.health?.log ?? [] }
}

/**
 * Makes probes run if and only if the container runs and is not paused. Call after each change of
 * its state.
 */
export function updateMonitor(ctx: Context, c: Container): void {
  const check = healthCheckOf(c.config)
  if (c.state !== 'running' || !check || !c.health || ctx.shuttingDown) return closeMonitor(c)
  if (c.monitor) return
  c.monitor = { cancelTimer: () => {}, stop: new AbortController() }
  schedule(ctx, c, c.monitor, check, nextIntervalNs(ctx, c, check))
}

/**
 * The daemon begins with a container that ran on without it: the state is what it was, and the next
 * probe is due when it would have been.
 */
export function resumeMonitor(ctx: Context, c: Container): void {
  const check = healthCheckOf(c.config)
  if (c.state !== 'running' || !check || c.monitor) return
  c.health ??= { status: 'starting', failingStreak: 0, log: [] }
  c.monitor = { cancelTimer: () => {}, stop: new AbortController() }
  const intervalNs = nextIntervalNs(ctx, c, check)
  const last = parseStoredTime(c.health.log.at(-1)?.End)
  const begun = last !== undefined && last > (c.startedNs ?? 0n) ? last : c.startedNs
  const passedNs = Math.max(0, Number(ctx.clock.nowNs() - (begun ?? ctx.clock.nowNs())))
  schedule(ctx, c, c.monitor, check, Math.max(0, intervalNs - passedNs))
}

/** As Docker has it, who is not probed is not known to be healthy. */
export function closeMonitor(c: Container): void {
  if (!stopProbing(c) || !c.health) return
  c.health = { ...c.health, status: 'unhealthy' }
}

/** Ends the probes and leaves the state as it is: for a daemon that ends. */
export function stopProbing(c: Container): boolean {
  const { monitor } = c
  if (!monitor) return false
  c.monitor = undefined
  monitor.cancelTimer()
  monitor.stop.abort()
  return true
}

function schedule(
  ctx: Context,
  c: Container,
  monitor: HealthMonitor,
  check: HealthCheck,
  delayNs: number,
): void {
  monitor.cancelTimer = ctx.clock.after(Math.min(delayNs / 1e6, MAX_DELAY_MS), () => {
    inBackground(ctx, c.id, 'health check', probe(ctx, c, monitor, check))
  })
}

async function probe(
  ctx: Context,
  c: Container,
  monitor: HealthMonitor,
  check: HealthCheck,
): Promise<void> {
  const startNs = ctx.clock.nowNs()
  const outcome = await ctx.runProbe(ctx, c, check, monitor.stop.signal)
  if (c.monitor !== monitor || !c.health) return
  const before = c.health.status
  const result = { Start: formatTime(startNs), ...outcome }
  c.health = judge(c.health, result, { check, sinceStartNs: startNs - (c.startedNs ?? startNs) })
  const { status } = c.health
  const events = status === before ? [] : [containerEvent(c, `health_status: ${status}`)]
  // The next one is due from the end of this one, whatever the disk takes to note it.
  schedule(ctx, c, monitor, check, nextIntervalNs(ctx, c, check))
  await ctx.events.commit(saveHealth(c), events)
  if (status !== before && status === 'unhealthy' && restartsOnUnhealthy(c.hostConfig))
    inBackground(ctx, c.id, 'restart of an unhealthy container', restartUnhealthy(ctx, c))
}

function nextIntervalNs(ctx: Context, c: Container, check: HealthCheck): number {
  const now = ctx.clock.nowNs()
  const status = c.health?.status ?? 'starting'
  return intervalOf(check, { status, sinceStartNs: now - (c.startedNs ?? now) })
}
