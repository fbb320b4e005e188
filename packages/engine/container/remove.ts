import { conflict, EngineError, system } from '../base/errors.ts'
import { loggedContainer } from './container-log.ts'
import { type Container, isRunning, visibleState } from './container.ts'
import { type Context } from './context.ts'
import { containerEvent } from './events.ts'
import { killAndWait } from './kill.ts'
import { removeLink } from './links/remove-link.ts'
import { quote, removalInProgress } from './messages.ts'
import { containerDirs } from './paths.ts'
import { deleteRow, updateRow } from './rows.ts'
import { wakeAllWaiters } from './wait.ts'

export interface RemoveOptions {
  force: boolean
  /** Anonymous volumes too. */
  volumes: boolean
  /** The row says `removing` already. */
  marked?: boolean
}

/** `DELETE /containers/{id}`. */
export async function removeByReference(
  ctx: Context,
  reference: string,
  o: RemoveOptions & { link: boolean },
): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (o.link) return removeLink(ctx, reference)
  await removeContainer(ctx, c, reference, o)
}

/**
 * Stops (with `force`), then removes directories, volumes and at last the row: a crash in between
 * leaves a row that says `removing`, which the next daemon finishes.
 */
export async function removeContainer(
  ctx: Context,
  c: Container,
  reference: string,
  o: RemoveOptions,
): Promise<void> {
  if (c.removing) throw removalInProgress(reference)
  if (!ctx.registry.has(c)) return
  c.removing = true
  try {
    // A start that was under way may be done before the lock is ours; no other one begins.
    do await stopForRemoval(ctx, c, o.force)
    while (!(await ctx.locks.run(c.id, () => destroy(ctx, c, o))))
  } catch (error) {
    const kind = error instanceof EngineError ? error.kind : 'system'
    throw new EngineError(
      kind,
      `cannot remove container ${quote(reference)}: ${(error as Error).message}`,
      { cause: error },
    )
  } finally {
    c.removing = false
  }
}

async function stopForRemoval(ctx: Context, c: Container, force: boolean): Promise<void> {
  if (!isRunning(c)) return
  if (!force && c.state === 'paused')
    throw conflict('container is paused and must be unpaused first')
  if (!force)
    throw conflict(
      `container is ${visibleState(c)}: stop the container before removing or force remove`,
    )
  // An automatic restart may begin between a kill and its exit handling.
  while (isRunning(c)) {
    try {
      await killAndWait(ctx, c)
    } catch (error) {
      if (!isRunning(c)) return
      throw system(`could not kill container: ${(error as Error).message}`, error)
    }
  }
}

/** Under the lock. Also finishes what an earlier daemon began. False when it runs. */
export async function destroy(
  ctx: Context,
  c: Container,
  o: Pick<RemoveOptions, 'volumes' | 'marked'>,
): Promise<boolean> {
  if (!ctx.registry.has(c)) return true
  if (isRunning(c)) return false
  for (const client of c.pendingClients.splice(0)) ctx.native.closeFd(client.fd)
  try {
    if (!o.marked) await markRemoving(ctx, c)
    await ctx.treeWriters.settle(c.id)
    await ctx.logs.release(loggedContainer(ctx, c))
    await removeDirectories(ctx, c.id)
    if (o.volumes) await removeVolumes(ctx, c)
    await ctx.events.commit([deleteRow(c.id)], [containerEvent(c, 'destroy')])
  } catch (error) {
    await enterDead(ctx, c, error)
    throw error
  }
  // A removal that worked is no error to wait for, whatever the start said.
  c.error = ''
  ctx.execs.forgetContainer(c.id)
  ctx.registry.delete(c)
  wakeAllWaiters(c)
  return true
}

/** On a full disk the mark fails, and removing is what makes room: so it goes on without. */
async function markRemoving(ctx: Context, c: Container): Promise<void> {
  try {
    await ctx.events.commit([updateRow(c, ctx.config.bootId)], [])
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'removal not marked')
  }
}

export async function removeDirectories(ctx: Context, id: string): Promise<void> {
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, id)
  await Promise.all([ctx.native.removeTree(dirs.home), ctx.native.removeTree(dirs.run)])
}

/** As in Docker, a volume that stays does not keep the container. */
async function removeVolumes(ctx: Context, c: Container): Promise<void> {
  const names = c.detail.mounts
    .filter((record) => record.type === 'volume' && record.anonymous)
    .map((record) => record.name)
  if (names.length === 0) return
  try {
    await ctx.volumes.removeAnonymousOf(c.id, names)
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'anonymous volumes not removed')
  }
}

async function enterDead(ctx: Context, c: Container, cause: unknown): Promise<void> {
  c.state = 'dead'
  c.error = cause instanceof Error ? cause.message : String(cause)
  wakeAllWaiters(c)
  try {
    await ctx.events.commit([updateRow(c, ctx.config.bootId)], [])
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'dead state not recorded')
  }
}
