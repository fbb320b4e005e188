import { system } from '../base/errors.ts'
import type { StopOptions } from '../backend-types.ts'
import { type Container, isRunning } from './container.ts'
import { type Context } from './context.ts'
import { containerEvent } from './events.ts'
import { ended, killAndWait, sendSignal } from './kill.ts'
import { alreadyStopped } from './messages.ts'
import { parseSignal, stopSignal } from '../base/signal-name.ts'

/** What is waited for when the signal could not be sent. */
const FAILED_SIGNAL_WAIT_MS = 2_000

/** `POST /containers/{id}/stop`. Waits outside the lock: kill, rm and inspect pass by. */
export async function stopContainer(
  ctx: Context,
  reference: string,
  o: StopOptions,
): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (!isRunning(c)) throw alreadyStopped()
  try {
    await stopAndWait(ctx, c, o)
  } catch (error) {
    // Whatever it was, even a signal that does not exist: moby's 500.
    throw system(`cannot stop container: ${reference}: ${(error as Error).message}`, error)
  }
}

/** Stop signal, wait, SIGKILL. Fine when it does not run. */
export async function stopAndWait(
  ctx: Context,
  c: Container,
  o: StopOptions & { manual?: boolean },
): Promise<void> {
  if (!isRunning(c)) return
  const signal = o.signal ? parseSignal(o.signal) : stopSignal(c.config.StopSignal)
  const seconds = o.timeoutSeconds ?? c.config.StopTimeout ?? ctx.config.stopTimeoutSeconds
  let live = c.live
  let waitMs = seconds < 0 ? undefined : seconds * 1000
  try {
    const manual = o.manual ?? !ctx.shuttingDown
    live = await sendSignal(ctx, c, signal, { manual })
  } catch (err) {
    ctx.log.warn({ container: c.id, err, signal }, 'stop signal not sent')
    waitMs = FAILED_SIGNAL_WAIT_MS
  }
  if (!(await ended(ctx, c, live, waitMs)) && isRunning(c) && c.live === live) {
    ctx.log.info({ container: c.id, seconds, signal }, 'no exit after stop signal, killing')
    await killAndWait(ctx, c, o).catch((error: unknown) => {
      if (isRunning(c)) throw error
    })
  }
  const recorded = ctx.events.commit([], [containerEvent(c, 'stop')])
  await recorded.catch((err: unknown) =>
    ctx.log.error({ container: c.id, err }, 'stop not recorded'),
  )
}
