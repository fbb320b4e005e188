import { EngineError, invalidParameter, system } from '../../base/errors.ts'
import { type Container, isRunning, joinedContainer } from '../container.ts'
import type { Context } from '../context.ts'
import { openNamespace } from '../living.ts'
import { isRestarting, notRunning } from '../messages.ts'
import type { NamespaceFds, SharedWithHost } from '../plan/plan-input.ts'
import type { FdScope } from './fd-scope.ts'

/** Opens the namespaces that `PidMode` and `IpcMode` of `container:ID` name. */
export async function openJoinedNamespaces(
  ctx: Context,
  c: Container,
  fds: FdScope,
): Promise<NamespaceFds> {
  const join: NamespaceFds = {}
  const ipcDonor = joinedContainer(c.hostConfig.IpcMode)
  if (ipcDonor !== undefined) {
    const other = ipcContainer(ctx, ipcDonor)
    const shareable = ['shareable', 'host'].includes(other.hostConfig.IpcMode ?? '')
    if (!shareable)
      throw invalidParameter(
        `failed to join IPC namespace: container ${ipcDonor}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      )
    join.ipc = fds.add(openNamespace(ctx, other, 'ipc'))
    const mntnsFd = fds.add(openNamespace(ctx, other, 'mnt'))
    join.shm = fds.add(await ctx.native.mountClone({ mntnsFd, path: '/dev/shm' }))
  }
  const pidDonor = joinedContainer(c.hostConfig.PidMode)
  if (pidDonor !== undefined)
    join.pid = fds.add(openNamespace(ctx, pidContainer(ctx, pidDonor), 'pid'))
  return join
}

/** Which namespaces are the host's by way of the containers that they are shared with. */
export function sharedWithHost(ctx: Context, c: Container): SharedWithHost {
  return { net: endsAtHost(ctx, c, 'NetworkMode'), ipc: endsAtHost(ctx, c, 'IpcMode') }
}

function endsAtHost(ctx: Context, c: Container, key: 'NetworkMode' | 'IpcMode'): boolean {
  const seen = new Set<Container>()
  for (let at = c; !seen.has(at);) {
    seen.add(at)
    const other = joinedContainer(at.hostConfig[key])
    if (other === undefined) return at.hostConfig[key] === 'host'
    at = ctx.registry.get(other)
  }
  return false
}

/** A donor's kind of trouble is the client's, as Docker sets up IPC before it writes a spec. */
function ipcContainer(ctx: Context, reference: string): Container {
  try {
    return donor(ctx, reference)
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    const message = `failed to join IPC namespace: ${error.message}`
    throw new EngineError(error.kind === 'notFound' ? 'invalidParameter' : error.kind, message)
  }
}

/** While writing the spec, every trouble is the daemon's: 500. */
function pidContainer(ctx: Context, reference: string): Container {
  try {
    return donor(ctx, reference)
  } catch (error) {
    throw system(`failed to join PID namespace: ${(error as Error).message}`, error)
  }
}

function donor(ctx: Context, reference: string): Container {
  const other = ctx.registry.get(reference)
  if (!isRunning(other)) throw notRunning(reference)
  if (other.state === 'restarting') throw isRestarting(reference)
  return other
}
