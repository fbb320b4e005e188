import type { ContainerUpdateRequest, ContainerUpdateResponse } from '@tdocker/api'
import { RefusedLimit } from '@tdocker/kernel/cgroup/fs.ts'
import { EngineError, system } from '../../base/errors.ts'
import type { Container } from '../container.ts'
import { type Context, rollback } from '../context.ts'
import { validateRestartPolicy } from '../create/validate-host-config.ts'
import { containerEvent } from '../events.ts'
import { cgroupResources } from '../plan/resources.ts'
import { limitHost, validateResources } from '../plan/validate-resources.ts'
import { updateHostConfigRow } from '../rows.ts'
import { type Changes, changesOf, liveResources } from './merge-limits.ts'

/**
 * `POST /containers/{id}/update`: limits of a running container at once, of a stopped one from its
 * next start on, and the restart policy. All of it or nothing.
 */
export async function updateContainer(
  ctx: Context,
  reference: string,
  body: ContainerUpdateRequest,
): Promise<ContainerUpdateResponse> {
  const wish = structuredClone(body)
  validateRestartPolicy(wish.RestartPolicy)
  const warnings = validateResources(wish, limitHost(ctx), true)
  const c = ctx.registry.get(reference)
  await c.reconciled
  try {
    await ctx.locks.run(c.id, () => updateLocked(ctx, c, wish))
  } catch (error) {
    throw cannotUpdate(c, error)
  }
  // Docker's answer without warnings, which is not an empty list.
  const none = null as unknown as string[]
  return { Warnings: warnings.length > 0 ? warnings : none }
}

function cannotUpdate(c: Container, error: unknown): EngineError {
  const kind = error instanceof EngineError ? error.kind : 'system'
  const { message } = error as Error
  const why =
    error instanceof RefusedLimit
      ? `runc did not terminate successfully: exit status 1: ${message}\n`
      : message
  return new EngineError(kind, `Cannot update container ${c.id}: ${why}`, { cause: error })
}

async function updateLocked(
  ctx: Context,
  c: Container,
  wish: ContainerUpdateRequest,
): Promise<void> {
  if (!ctx.registry.has(c) || c.removing || c.state === 'dead')
    throw system('container is marked for removal and cannot be "update"')
  const changes = changesOf(c.hostConfig, wish)
  await using scope = rollback(ctx, c.id)
  const undo = await changeLive(ctx, c, changes)
  if (undo) scope.undo('limits', undo)
  const merged = { ...c.hostConfig, ...changes }
  await ctx.events.commit([updateHostConfigRow(c.id, merged)], [containerEvent(c, 'update')])
  scope.release()
  Object.assign(c.hostConfig, changes)
}

/** Nothing to do where no process is: the next start takes limits from the configuration. */
async function changeLive(
  ctx: Context,
  c: Container,
  changes: Changes,
): Promise<(() => Promise<void>) | undefined> {
  const limits = cgroupResources(liveResources(c.hostConfig, changes))
  return c.live && ctx.cgroups.update(c.live.cgroup, limits)
}
