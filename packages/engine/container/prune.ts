import type { Filters, PruneReport } from '../backend-types.ts'
import { conflict, invalidParameter } from '../base/errors.ts'
import { parseMoment } from '../image/moment.ts'
import { type Container, isRunning } from './container.ts'
import type { Context } from './context.ts'
import { removeContainer } from './remove.ts'
import { containerSizes } from './sizes.ts'

/** `POST /containers/prune`: removes what does not run, without its volumes; one prune at a time. */
export async function pruneContainers(ctx: Context, o: { filters: Filters }): Promise<PruneReport> {
  if (ctx.pruning) throw conflict('a prune operation is already running')
  ctx.pruning = true
  try {
    return await prune(ctx, parseWish(o.filters))
  } finally {
    ctx.pruning = false
  }
}

async function prune(ctx: Context, wanted: (c: Container) => boolean): Promise<PruneReport> {
  const deleted: string[] = []
  let reclaimed = 0
  for (const c of [...ctx.registry.all()].filter(wanted)) {
    if (isRunning(c)) continue
    const { SizeRw } = await containerSizes(ctx, c)
    try {
      await removeContainer(ctx, c, c.id, { force: false, volumes: false })
    } catch (err) {
      // Started or removed by somebody else meanwhile: that one is not for us to report.
      ctx.log.warn({ container: c.id, err }, 'container not pruned')
      continue
    }
    reclaimed += Math.max(0, SizeRw)
    deleted.push(c.id)
  }
  const attributes = { reclaimed: String(reclaimed) }
  await ctx.events.commit([], [{ type: 'container', action: 'prune', actorId: '', attributes }])
  return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed }
}

/** Labels must all be there; those of `label!` must not all be. */
function parseWish(filters: Filters): (c: Container) => boolean {
  const moments = filters.get('until') ?? []
  if (moments.length > 1) throw invalidParameter('more than one until filter specified')
  const until =
    moments[0] === undefined ? undefined : BigInt(Math.trunc(parseMoment(moments[0], Date.now())))
  const wanted = filters.get('label') ?? []
  const unwanted = filters.get('label!') ?? []
  return (c) => {
    if (until !== undefined && c.createdNs > until * 1_000_000n) return false
    const labels = c.config.Labels ?? {}
    if (!hasAll(labels, wanted)) return false
    return unwanted.length === 0 || !hasAll(labels, unwanted)
  }
}

/** Each a key, or `key=value`. */
function hasAll(labels: Readonly<Record<string, string>>, tests: readonly string[]): boolean {
  return tests.every((test) => {
    const equals = test.indexOf('=')
    if (equals < 0) return Object.hasOwn(labels, test)
    const key = test.slice(0, equals)
    return Object.hasOwn(labels, key) && labels[key] === test.slice(equals + 1)
  })
}
