import type { HostConfig } from '@tdocker/api'
import { invalidParameter } from '../base/errors.ts'
import { type Container, isRunning } from '../container/container.ts'
import type { Context } from '../container/context.ts'
import { containerEvent } from '../container/events.ts'
import { startLocked } from '../container/start/start.ts'
import { stopAndWait } from '../container/stop.ts'

/**
 * `--annotation tdocker.health-on-failure=restart`: the engine restarts the container when its health
 * check finds it unhealthy, which Docker leaves to other programs. An annotation, as neither the API
 * nor the stock CLI has a word for it; no label, as an image could bring that along.
 */
export const ON_UNHEALTHY = 'tdocker.health-on-failure'

/** Throws invalidParameter for a word that would do nothing. */
export function validateOnUnhealthy(host: HostConfig): void {
  const wish = wishOf(host)
  if (wish !== undefined && !['none', 'restart'].includes(wish))
    throw invalidParameter(
      `invalid annotation ${ON_UNHEALTHY}: unknown action '${wish}'; use one of 'none' or 'restart'`,
    )
}

export function restartsOnUnhealthy(host: HostConfig): boolean {
  return wishOf(host) === 'restart'
}

function wishOf({ Annotations: annotations }: HostConfig): string | undefined {
  return annotations && Object.hasOwn(annotations, ON_UNHEALTHY)
    ? annotations[ON_UNHEALTHY]
    : undefined
}

/** As `docker restart`, but counted, and not against a user who stops it meanwhile. */
export async function restartUnhealthy(ctx: Context, c: Container): Promise<void> {
  const unwanted = (): boolean => c.stopAsked || c.removing || ctx.shuttingDown
  if (unwanted() || c.state !== 'running') return
  c.manualRestart = true
  try {
    await stopAndWait(ctx, c, { manual: false })
    const started = await ctx.locks.run(c.id, async () => {
      if (unwanted() || isRunning(c) || !ctx.registry.has(c)) return false
      c.restart = { delayMs: 0, timer: undefined, cancelled: false }
      c.restartCount++
      await startLocked(ctx, c, { automatic: true })
      return true
    })
    if (started) await ctx.events.commit([], [containerEvent(c, 'restart')])
  } finally {
    c.manualRestart = false
  }
}
