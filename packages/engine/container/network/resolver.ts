import { writeFileSync } from 'node:fs'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import type { OpenedResolver } from '../needs.ts'
import { containerDirs } from '../paths.ts'

/**
 * A running container asks the embedded DNS server from now on: its file says so, in place, and its
 * shim keeps the sockets for the next daemon. A shim that cannot keep them is no failure: that
 * daemon makes new ones.
 */
export async function useResolver(
  ctx: Context,
  c: Container,
  { resolvConf, holdFds }: OpenedResolver,
): Promise<void> {
  try {
    writeFileSync(
      containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id).resolvConf,
      resolvConf,
    )
    for (const fd of holdFds) await c.live?.shim.hold(fd)
  } catch (err) {
    ctx.log.warn({ container: c.id, err }, 'DNS server not handed to the container')
  } finally {
    for (const fd of holdFds) ctx.native.closeFd(fd)
  }
}
