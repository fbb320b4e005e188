import { invalidParameter } from '../../base/errors.ts'
import { type Container, isRunning, joinedContainer } from '../container.ts'
import type { Context } from '../context.ts'
import { isRestarting, notRunning } from '../messages.ts'
import type { NamespaceFds } from '../plan/plan-input.ts'
import type { FdScope } from './fd-scope.ts'

/** Opens the namespaces that `PidMode` and `IpcMode` of `container:ID` name. */
export async function openJoinedNamespaces(
  ctx: Context,
  c: Container,
  fds: FdScope,
): Promise<NamespaceFds> {
  const join: NamespaceFds = {}
  const pidDonor = joinedContainer(c.hostConfig.PidMode)
  if (pidDonor !== undefined) join.pid = fds.add(ctx.native.nsOpen(donor(ctx, pidDonor).pid, 'pid'))
  const ipcDonor = joinedContainer(c.hostConfig.IpcMode)
  if (ipcDonor !== undefined) {
    const other = donor(ctx, ipcDonor)
    const shareable = ['shareable', 'host'].includes(other.hostConfig.IpcMode ?? '')
    if (!shareable)
      throw invalidParameter(
        `failed to join IPC namespace: container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      )
    join.ipc = fds.add(ctx.native.nsOpen(other.pid, 'ipc'))
    const mntnsFd = fds.add(ctx.native.nsOpen(other.pid, 'mnt'))
    join.shm = fds.add(await ctx.native.mountClone({ mntnsFd, path: '/dev/shm' }))
  }
  return join
}

function donor(ctx: Context, reference: string): Container {
  const other = ctx.registry.get(reference)
  if (!isRunning(other)) throw notRunning(reference)
  if (other.state === 'restarting') throw isRestarting(reference)
  return other
}
