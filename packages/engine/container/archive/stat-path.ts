import type { PathStat } from '../../backend-types.ts'
import type { Context } from '../context.ts'
import { lookupError } from './errors.ts'
import { pathStat } from './path-stat.ts'
import { openTree } from './tree.ts'

/** `HEAD /containers/{id}/archive`. */
export async function statPath(ctx: Context, reference: string, path: string): Promise<PathStat> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  const tree = await openTree(ctx, c)
  try {
    const pinned = await ctx.native.pathOpen({ root: tree.fd, path })
    ctx.native.closeFd(pinned.fd)
    return await pathStat(ctx, tree.fd, path, pinned.stat)
  } catch (error) {
    throw lookupError(error, path, reference)
  } finally {
    tree.release()
  }
}
