import type { CommitOptions } from '../../backend-types.ts'
import { conflict } from '../../base/errors.ts'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { fillConfig } from '../create/merge-config.ts'
import { containerEvent } from '../events.ts'
import { noSuchContainer } from '../messages.ts'
import { pausedMeanwhile } from '../pause.ts'
import { openUpper } from './upper.ts'

/**
 * `POST /commit` (moby: daemon/commit.go): an image of the container's image and one more layer, what
 * the container has changed. Answers the image's id. Takes no lock while files are read, so a kill or
 * a removal does not wait; a removal makes it fail.
 */
export async function commitContainer(
  ctx: Context,
  reference: string,
  o: CommitOptions,
): Promise<string> {
  const target = ctx.commits.target(o.repo, o.tag)
  const c = ctx.registry.get(reference)
  await c.reconciled
  refuseGone(ctx, c)
  await using _paused = o.pause ? await pausedMeanwhile(ctx, c) : undefined
  const changed = ctx.commits.applyChanges(o.config ?? c.config, o.changes)
  await using upper = await openUpper(ctx, c)
  const imageId = await ctx.commits.commit({
    parentId: c.imageId,
    containerId: c.id,
    containerConfig: c.config,
    config: fillConfig(changed, c.config),
    author: o.author,
    comment: o.comment,
    target,
    diff: upper.tar,
    signal: o.signal,
    check: () => refuseGone(ctx, c),
    event: (id) =>
      containerEvent(c, 'commit', {
        comment: o.comment,
        imageID: id,
        imageRef: target?.name ?? '',
      }),
  })
  return imageId
}

/** Its files may be going. */
function refuseGone(ctx: Context, c: Container): void {
  if (c.state === 'dead') throw conflict(`You cannot commit container ${c.id} which is Dead`)
  if (c.removing) throw conflict(`You cannot commit container ${c.id} which is being removed`)
  if (!ctx.registry.has(c)) throw noSuchContainer(c.id)
}
