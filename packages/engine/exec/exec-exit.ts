import type { ExitRecord } from '@tdocker/kernel/shim/plan.ts'
import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import { type Context, inBackground } from '../container/context.ts'
import { execPaths } from '../container/paths.ts'
import { deleteExec, execEvent, updateExec } from './create-exec.ts'
import type { Exec } from './exec-registry.ts'

/** How long a finished exec can still be inspected; moby marks it at half of the time. */
const KEEP_MS = 10 * 60_000
const EXIT_KILLED = 137

/** Makes `exec` live and acts on its end. */
export function watchExecExit(ctx: Context, exec: Exec, shim: ShimProcess): void {
  exec.shim = shim
  exec.pid = shim.pid
  exec.state = 'running'
  exec.started.resolve()
  shim.onDetach(() => {
    const recorded = ctx.events.commit([], [execEvent(exec, 'exec_detach')])
    inBackground(ctx, exec.container.id, 'exec detach event', recorded)
  })
  const handled = shim.exited.then((record) => handleExecExit(ctx, exec, record))
  inBackground(ctx, exec.container.id, 'exec exit', handled)
}

/** Memory first: a client whose stream has ended asks for the code at once. */
export async function handleExecExit(
  ctx: Context,
  exec: Exec,
  record: ExitRecord | undefined,
): Promise<void> {
  const { shim } = exec
  if (exec.state === 'exited') return
  exec.state = 'exited'
  exec.exitCode = record?.exitCode ?? EXIT_KILLED
  exec.shim = undefined
  exec.container.execs.delete(exec.id)
  shim?.close()
  if (exec.probe) ctx.execs.delete(exec)
  else forgetLater(ctx, exec)
  await ctx.events.commit(exec.probe ? [] : [updateExec(exec)], [
    execEvent(exec, 'exec_die', { exitCode: String(exec.exitCode) }),
  ])
  await ctx.native.removeTree(execPaths(ctx.config.execRoot, exec.id).run)
}

export function forgetLater(ctx: Context, exec: Exec): void {
  ctx.clock.after(KEEP_MS / 2, () => {
    exec.canRemove = true
    forgetMarked(ctx, exec)
  })
}

function forgetMarked(ctx: Context, exec: Exec): void {
  ctx.clock.after(KEEP_MS / 2, () => {
    ctx.execs.delete(exec)
    inBackground(ctx, exec.container.id, 'forget exec', ctx.store.write([deleteExec(exec.id)]))
  })
}
