import { closeInit } from './exit/exit.ts'
import { stopProbing } from '../health/monitor.ts'
import { type Container, isRunning } from './container.ts'
import type { Context } from './context.ts'
import { stopAndWait } from './stop.ts'

/**
 * The daemon ends. `stopContainers`: stops every container (no restart policy acts, and none is noted as
 * stopped by a user). Else lets go of them: their shims go on.
 */
export async function shutdownContainers(
  ctx: Context,
  o: { stopContainers: boolean; timeoutSeconds: number },
): Promise<void> {
  ctx.shuttingDown = true
  const all = [...ctx.registry.all()]
  for (const c of all) {
    stopProbing(c)
    c.restart.timer?.()
    c.restart.timer = undefined
  }
  if (o.stopContainers)
    await Promise.all(all.filter(isRunning).map((c) => stopOne(ctx, c, o.timeoutSeconds)))
  else for (const c of all) letGo(ctx, c)
  for (const exec of ctx.execs.all()) exec.shim?.close()
}

async function stopOne(ctx: Context, c: Container, limit: number): Promise<void> {
  const own = c.config.StopTimeout ?? ctx.config.stopTimeoutSeconds
  const timeoutSeconds = own < 0 ? limit : Math.min(own, limit)
  const { live } = c
  try {
    await stopAndWait(ctx, c, { timeoutSeconds })
    await live?.ended
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'not stopped at shutdown')
  }
}

function letGo(ctx: Context, c: Container): void {
  for (const client of c.pendingClients.splice(0)) ctx.native.closeFd(client.fd)
  const { live } = c
  if (!live) return
  c.live = undefined
  live.shim.close()
  live.oom.watch?.[Symbol.dispose]()
  closeInit(ctx, live)
}
