import { system } from '../base/errors.ts'
import { type Container, isRunning, type LiveContainer } from './container.ts'
import { saveHealth } from '../health/health-rows.ts'
import { updateMonitor } from '../health/monitor.ts'
import { type Context, rollback } from './context.ts'
import { containerEvent } from './events.ts'
import { alreadyPaused, isRestarting, notPaused, notRunning } from './messages.ts'
import { updateRow } from './rows.ts'

/** `POST /containers/{id}/pause`: freezes every process of the container. */
export async function pauseContainer(ctx: Context, reference: string): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  await ctx.locks.run(c.id, () => {
    const live = pausable(c)
    delete c.detail.pausedForCommit
    return pauseLocked(ctx, c, live)
  })
}

/**
 * Freezes a running container until disposed, for one who reads its files; one that cannot be frozen,
 * or is already, is left as it is. A daemon that ends meanwhile thaws it when it is back.
 */
export async function pausedMeanwhile(ctx: Context, c: Container): Promise<AsyncDisposable> {
  await ctx.locks.run(c.id, async () => {
    if (c.state !== 'running' || !c.live) return
    c.detail.pausedForCommit = true
    try {
      await pauseLocked(ctx, c, c.live)
    } catch (err) {
      delete c.detail.pausedForCommit
      ctx.log.warn({ container: c.id, err }, 'not paused')
    }
  })
  return {
    [Symbol.asyncDispose]: () =>
      ctx.locks.run(c.id, async () => {
        if (!c.detail.pausedForCommit || c.state !== 'paused' || !c.live) return
        await unpauseLocked(ctx, c, c.live, { told: true })
      }),
  }
}

/** `POST /containers/{id}/unpause`. */
export async function unpauseContainer(ctx: Context, reference: string): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  await ctx.locks.run(c.id, async () => {
    if (c.state !== 'paused' || !c.live) throw notPaused(c.id)
    await unpauseLocked(ctx, c, c.live, { told: true })
  })
}

function pausable(c: Container): LiveContainer {
  if (c.state === 'paused') throw alreadyPaused(c.id)
  if (c.state === 'restarting') throw isRestarting(c.id)
  if (c.state !== 'running' || !c.live) throw notRunning(c.id)
  return c.live
}

/**
 * The state comes first: from then on no exec begins, and those on their way arrive before the
 * freeze. A process that joined a frozen group would keep its launch waiting.
 */
async function pauseLocked(ctx: Context, c: Container, live: LiveContainer): Promise<void> {
  await using scope = rollback(ctx, c.id)
  c.state = 'paused'
  scope.undo('state', () => {
    if (c.state === 'paused') c.state = 'running'
    updateMonitor(ctx, c)
  })
  updateMonitor(ctx, c)
  await launched(ctx, c)
  scope.undo('thaw', () => ctx.cgroups.freeze(live.cgroup, false))
  try {
    await ctx.cgroups.freeze(live.cgroup, true)
  } catch (error) {
    throw system(`cannot pause container ${c.id}: ${(error as Error).message}`, error)
  }
  const rows = [updateRow(c, ctx.config.bootId), ...saveHealth(c)]
  await ctx.events.commit(rows, [containerEvent(c, 'pause')])
  scope.release()
}

/** An exec of a program on a file system that hangs is never there, and who waits holds the lock. */
const LAUNCHES_MS = 10_000

async function launched(ctx: Context, c: Container): Promise<void> {
  if (c.launches.size === 0) return
  const late = Promise.withResolvers<'late'>()
  const cancel = ctx.clock.after(LAUNCHES_MS, () => late.resolve('late'))
  const first = await Promise.race([Promise.allSettled(c.launches), late.promise])
  cancel()
  if (first === 'late')
    throw system(`cannot pause container ${c.id}: a process that is being started in it hangs`)
}

/**
 * Under the lock. On a full disk it goes on all the same: what runs must be stoppable. `told`: as an
 * event.
 */
async function unpauseLocked(
  ctx: Context,
  c: Container,
  live: LiveContainer,
  { told }: { told: boolean },
): Promise<void> {
  try {
    await ctx.cgroups.freeze(live.cgroup, false)
  } catch (error) {
    throw system(`Cannot unpause container ${c.id}: ${(error as Error).message}`, error)
  }
  c.state = 'running'
  delete c.detail.pausedForCommit
  updateMonitor(ctx, c)
  try {
    const events = told ? [containerEvent(c, 'unpause')] : []
    await ctx.events.commit([updateRow(c, ctx.config.bootId)], events)
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'unpause not recorded')
  }
}

/**
 * A frozen process takes no signal but SIGKILL (under v1's freezer not even that), so one that is
 * meant to end it comes with the thaw, in one turn under the lock: the exit is handled after it.
 * `mayLive`: the process decides what it makes of the signal; else its end is all there is to tell.
 */
export function signalAndThaw(
  ctx: Context,
  c: Container,
  { mayLive }: { mayLive: boolean },
  signal: () => Promise<LiveContainer | undefined>,
): Promise<LiveContainer | undefined> {
  return ctx.locks.run(c.id, async () => {
    // It may have ended, and its descriptor been given to something else, while the lock was held.
    if (!isRunning(c)) throw notRunning(c.id)
    const live = await signal()
    if (live && c.state === 'paused' && c.live === live)
      await unpauseLocked(ctx, c, live, { told: mayLive })
    return live
  })
}
