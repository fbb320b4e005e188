import { deleteExec, newExec } from '../../exec/create-exec.ts'
import { handleExecExit, forgetLater, watchExecExit } from '../../exec/exec-exit.ts'
import type { ExecSpec } from '../../exec/exec-registry.ts'
import type { Context } from '../context.ts'
import { execPaths } from '../paths.ts'

interface ExecRow {
  id: string
  container_id: string
  config_json: string
  state: 'created' | 'running' | 'exited'
  pid: number
  exit_code: number | null
}

/** Execs that an earlier daemon left: running ones go on, ended ones get their exit code. */
export async function restoreExecs(ctx: Context): Promise<void> {
  for (const row of ctx.store.all<ExecRow>('SELECT * FROM exec')) {
    try {
      await restoreExec(ctx, row)
    } catch (err) {
      ctx.log.error({ container: row.container_id, exec: row.id, err }, 'exec not restored')
    }
  }
}

async function restoreExec(ctx: Context, row: ExecRow): Promise<void> {
  if (ctx.execs.find(row.id)) return
  const container = ctx.registry.find(row.container_id)
  if (!container) return ctx.store.write([deleteExec(row.id)])
  const exec = newExec(row.id, container, JSON.parse(row.config_json) as ExecSpec)
  ctx.execs.add(exec)
  if (row.state === 'exited') {
    exec.state = 'exited'
    exec.pid = Number(row.pid)
    exec.exitCode = row.exit_code ?? undefined
    container.execs.delete(exec.id)
    return forgetLater(ctx, exec)
  }
  if (row.state === 'created') return
  exec.state = 'running'
  const paths = execPaths(ctx.config.execRoot, exec.id)
  const shim = await ctx.shims.adopt({ socket: paths.socket, exitFile: paths.exit })
  if (shim) watchExecExit(ctx, exec, shim)
  else await handleExecExit(ctx, exec, await ctx.shims.readExitRecord(paths.exit))
}
