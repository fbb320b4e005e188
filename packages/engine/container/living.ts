import type { Native } from '@tdocker/kernel/native.ts'
import type { Container, LiveContainer } from './container.ts'
import type { Context } from './context.ts'
import { notRunning } from './messages.ts'

/**
 * What is opened by a pid may be another's: init ends at any moment, its end is handled later, and
 * meanwhile the kernel gives its number away, perhaps to a process of the host. The pidfd tells
 * afterwards whose it was. Closes `fd` and throws conflict when it may be somebody else's.
 */
export function ofLiving(ctx: Context, c: Container, live: LiveContainer, fd: number): number {
  try {
    if (live.pidfd === undefined) throw notRunning(c.id)
    // Also of one that has ended and is not yet reaped: the number is still its own.
    ctx.native.pidfdSendSignal(live.pidfd, 0)
    return fd
  } catch {
    ctx.native.closeFd(fd)
    throw notRunning(c.id)
  }
}

/** A namespace of a running container, for others to join. Throws conflict. */
export function openNamespace(
  ctx: Context,
  c: Container,
  name: Parameters<Native['nsOpen']>[1],
): number {
  const { live, pid } = c
  if (!live) throw notRunning(c.id)
  try {
    return ofLiving(ctx, c, live, ctx.native.nsOpen(pid, name))
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOENT' || code === 'ESRCH') throw notRunning(c.id)
    throw error
  }
}

/** Who holds its host ports: the shim. Throws conflict when it does not run. */
export function keeperOf(c: Container): LiveContainer['shim'] {
  if (!c.live) throw notRunning(c.id)
  return c.live.shim
}
