import { setImmediate } from 'node:timers/promises'
import type { ExecInspect } from '@tdocker/api'
import { invalidParameter, notFound, system } from '../base/errors.ts'
import type { Context } from '../container/context.ts'
import { noSuchContainer, noSuchExec } from '../container/messages.ts'
import { isGone } from '../container/resize.ts'
import { requireActive } from './create-exec.ts'

const START_WAIT_MS = 10_000
/** How long an inspect waits for a launch that is under way. */
const LAUNCH_WAIT_MS = 1_000
/** `started` and `exited` may both be waiting. */
const TURNS_TO_HEAR = 3

/**
 * `GET /exec/{id}/json`. Clients ask for the exit code when their stream has ended. The shim tells the
 * exit before it ends streams, but the question may be read from its socket before that notice is
 * read from its pipe: so what has arrived is read first. A short process may even have ended before
 * the thread that launched it came to say so.
 */
export async function inspectExec(ctx: Context, id: string): Promise<ExecInspect> {
  const exec = ctx.execs.get(id)
  if (!ctx.registry.has(exec.container)) throw noSuchExec(id)
  if (exec.state === 'running' && !exec.shim)
    await within(ctx, LAUNCH_WAIT_MS, exec.started.promise)
  for (let turn = 0; turn < TURNS_TO_HEAR && exec.state === 'running'; turn++) await setImmediate()
  const [entrypoint = '', ...args] = exec.spec.cmd
  return {
    ID: exec.id,
    Running: exec.state === 'running',
    ExitCode: exec.exitCode ?? null,
    ProcessConfig: {
      tty: exec.spec.tty,
      entrypoint,
      arguments: args,
      privileged: exec.spec.privileged,
      ...(exec.spec.user && { user: exec.spec.user }),
    },
    OpenStdin: exec.spec.openStdin,
    OpenStderr: exec.spec.openStderr,
    OpenStdout: exec.spec.openStdout,
    CanRemove: exec.canRemove,
    ContainerID: exec.container.id,
    // Go prints bytes as base64.
    DetachKeys: Buffer.from(exec.spec.detachKeys).toString('base64'),
    Pid: exec.pid,
  }
}

/** Waits for `what`, at most `ms`. */
async function within(ctx: Context, ms: number, what: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = ctx.clock.after(ms, resolve)
  await Promise.race([what, promise])
  cancel()
}

/** `POST /exec/{id}/resize`: waits for a start that is under way. */
export async function resizeExec(
  ctx: Context,
  id: string,
  o: { rows: number; columns: number },
): Promise<void> {
  const exec = ctx.execs.get(id)
  if (!ctx.registry.has(exec.container)) throw noSuchContainer(id)
  requireActive(exec.container, exec.container.id)
  const timeout = Promise.withResolvers<never>()
  const cancel = ctx.clock.after(START_WAIT_MS, () =>
    timeout.reject(system('timeout waiting for exec session ready')),
  )
  try {
    await Promise.race([exec.started.promise, timeout.promise])
  } finally {
    cancel()
  }
  if (exec.state !== 'running' && exec.pid > 0)
    throw notFound(`NotFound: process does not exist ${exec.id}: not found`)
  if (!exec.shim) throw invalidParameter('exec process is not started')
  try {
    // Without a terminal there is nothing to do, which is no error to any client.
    if (exec.spec.tty) await exec.shim.resize(o.rows, o.columns)
  } catch (error) {
    if (isGone(error)) throw invalidParameter('exec process is not started')
    throw system(`cannot resize exec: ${(error as Error).message}`, error)
  }
}
