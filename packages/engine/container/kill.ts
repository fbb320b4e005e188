import { EngineError, invalidParameter, system } from '../base/errors.ts'
import { type Container, isRunning, type LiveContainer } from './container.ts'
import type { Context } from './context.ts'
import { containerEvent } from './events.ts'
import { cancelRestart } from './exit/exit.ts'
import { notRunning } from './messages.ts'
import { signalAndThaw } from './pause.ts'
import { updateRow } from './rows.ts'
import { parseSignal, stopSignal } from '../base/signal-name.ts'
import { isKnownSignal, SIGKILL } from './signals.ts'
import { waitFor } from './wait.ts'

/** How long a SIGKILL may take before the whole group is killed, then before giving up. */
const KILL_WAIT_MS = 10_000
const GROUP_KILL_WAIT_MS = 2_000

/** `POST /containers/{id}/kill`. SIGKILL waits for the end, other signals do not. */
export async function killContainer(
  ctx: Context,
  reference: string,
  o: { signal: string },
): Promise<void> {
  try {
    const signal = o.signal === '' ? SIGKILL : parseSignal(o.signal)
    if (!isKnownSignal(signal))
      throw invalidParameter(`the linux daemon does not support signal ${signal}`)
    const c = ctx.registry.get(reference)
    await c.reconciled
    await (signal === SIGKILL ? killAndWait(ctx, c) : sendSignal(ctx, c, signal))
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw new EngineError(error.kind, `cannot kill container: ${reference}: ${error.message}`, {
      cause: error,
    })
  }
}

/** Throws conflict when it does not run. */
export async function killAndWait(
  ctx: Context,
  c: Container,
  o: { manual?: boolean } = {},
): Promise<void> {
  const live = await sendSignal(ctx, c, SIGKILL, { manual: o.manual ?? !ctx.shuttingDown })
  if (await ended(ctx, c, live, KILL_WAIT_MS)) return
  ctx.log.warn({ container: c.id }, 'no exit within 10 s of SIGKILL, killing the whole group')
  if (live) await ctx.cgroups.kill(live.cgroup)
  if (await ended(ctx, c, live, GROUP_KILL_WAIT_MS)) return
  throw system('tried to kill container, but did not receive an exit event')
}

/** Whether the process ended, and its end was handled, within `ms`. */
export async function ended(
  ctx: Context,
  c: Container,
  live: LiveContainer | undefined,
  ms: number | undefined,
): Promise<boolean> {
  const timeout = new AbortController()
  const cancel = ms === undefined ? undefined : ctx.clock.after(ms, () => timeout.abort())
  try {
    // The very process that was signalled: a restart policy may have begun another.
    if (live === undefined || c.live !== live) return true
    await waitFor(c, 'next-exit', timeout.signal)
    return !timeout.signal.aborted
  } finally {
    cancel?.()
  }
}

/**
 * Sends a signal to init, answers the process that got it, and notes that a user did (`manual`). Any
 * signal that means "stop" keeps restart policies from acting; so does every signal where the
 * container names no stop signal (as Docker).
 */
export async function sendSignal(
  ctx: Context,
  c: Container,
  signal: number,
  o: { manual: boolean } = { manual: true },
): Promise<LiveContainer | undefined> {
  if (!isRunning(c)) throw notRunning(c.id)
  const ownStop = c.config.StopSignal
  const stops = !ownStop || signal === SIGKILL || parseSignal(ownStop) === signal
  if (stops) c.restart.cancelled = true
  if (o.manual) c.detail.manuallyStopped = true
  if (o.manual && [SIGKILL, stopSignal(ownStop)].includes(signal)) c.stopAsked = true
  if (stops && c.state === 'restarting' && (await cancelRestart(ctx, c))) return undefined
  const send = async (): Promise<LiveContainer | undefined> => {
    const { live } = c
    await recordAndSignal(ctx, c, live, signal)
    return live
  }
  if (!stops || c.state !== 'paused') return send()
  return signalAndThaw(ctx, c, { mayLive: signal !== SIGKILL }, send)
}

async function recordAndSignal(
  ctx: Context,
  c: Container,
  live: LiveContainer | undefined,
  signal: number,
): Promise<void> {
  // Queued before the signal, so that `kill` stands before `die` in the event log.
  const recorded = ctx.events.commit(
    [updateRow(c, ctx.config.bootId)],
    [containerEvent(c, 'kill', { signal: String(signal) })],
  )
  if (live) signalInit(ctx, c, live, signal)
  // A full disk must not keep anything alive.
  await recorded.catch((err: unknown) =>
    ctx.log.error({ container: c.id, err }, 'signal not recorded'),
  )
}

function signalInit(ctx: Context, c: Container, live: LiveContainer, signal: number): void {
  if (live.pidfd === undefined) return
  try {
    ctx.native.pidfdSendSignal(live.pidfd, signal)
  } catch (error) {
    if ((error as { code?: string }).code === 'ESRCH') return
    throw system(`Cannot kill container ${c.id}: ${(error as Error).message}`, error)
  }
}
