import { system } from '../base/errors.ts'
import type { StopOptions } from '../backend-types.ts'
import { isRunning } from './container.ts'
import type { Context } from './context.ts'
import { containerEvent } from './events.ts'
import { startLocked, assertStartable } from './start/start.ts'
import { stopAndWait } from './stop.ts'

/** `POST /containers/{id}/restart`. */
export async function restartContainer(
  ctx: Context,
  reference: string,
  o: StopOptions,
): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  try {
    if (isRunning(c)) {
      c.manualRestart = true
      await stopAndWait(ctx, c, o)
    }
    await ctx.locks.run(c.id, async () => {
      if (isRunning(c)) return
      assertStartable(ctx, c)
      await startLocked(ctx, c, { automatic: false })
    })
  } catch (error) {
    // moby wraps it without its kind: whatever it was, clients know it as a 500.
    throw system(`Cannot restart container ${reference}: ${(error as Error).message}`, error)
  } finally {
    c.manualRestart = false
  }
  await ctx.events.commit([], [containerEvent(c, 'restart')])
}
