import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { containerDirs, containersDir, execPaths, execRunDir, runDir } from '../paths.ts'
import { SIGKILL } from '../signals.ts'

/**
 * Removes what has no owner. The lists are taken before the owners are, and an owner is registered
 * in the same turn as its directory is made: what is listed without an owner has none.
 */
export async function collectGarbage(ctx: Context): Promise<void> {
  const { dataRoot, execRoot } = ctx.config
  const homes = list(containersDir(dataRoot))
  const runs = list(runDir(execRoot))
  const execRuns = list(execRunDir(execRoot))
  const ids = [...ctx.registry.all()].map((c) => c.id)
  const liveExecs = [...ctx.execs.all()].filter((exec) => exec.state !== 'exited')

  const keptHomes = new Set(ids)
  const keptRuns = new Set(ids.map((id) => containerDirs(dataRoot, execRoot, id).run))
  const keptExecRuns = new Set(liveExecs.map(({ id }) => execPaths(execRoot, id).run))
  for (const name of homes)
    if (!keptHomes.has(name)) await remove(ctx, join(containersDir(dataRoot), name))
  for (const name of runs) {
    const dir = join(runDir(execRoot), name)
    if (!keptRuns.has(dir)) await removeRun(ctx, dir)
  }
  for (const name of execRuns) {
    const dir = join(execRunDir(execRoot), name)
    if (!keptExecRuns.has(dir)) await removeRun(ctx, dir)
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

/** A shim without a row: its container was removed, or never committed. */
async function removeRun(ctx: Context, dir: string): Promise<void> {
  try {
    const shim = await ctx.shims.adopt({ socket: join(dir, 's'), exitFile: join(dir, 'exit') })
    if (shim) {
      const pidfd = ctx.native.pidfdOpen(shim.pid)
      ctx.native.pidfdSendSignal(pidfd, SIGKILL)
      ctx.native.closeFd(pidfd)
      await shim.exited
      shim.close()
    }
  } catch (err) {
    ctx.log.warn({ dir, err }, 'orphaned shim not stopped')
  }
  await remove(ctx, dir)
}

async function remove(ctx: Context, dir: string): Promise<void> {
  ctx.log.info({ dir }, 'removing a directory without an owner')
  await ctx.native
    .removeTree(dir)
    .catch((err: unknown) => ctx.log.error({ dir, err }, 'orphaned directory not removed'))
}
