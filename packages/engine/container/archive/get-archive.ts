import type { PathStat, TarSource } from '../../backend-types.ts'
import type { Context } from '../context.ts'
import { containerEvent } from '../events.ts'
import { lookupError } from './errors.ts'
import { absolutePath, baseName, pathStat } from './path-stat.ts'
import { tarSource } from './tar-source.ts'
import { openTree } from './tree.ts'

/** `GET /containers/{id}/archive`: the path, under its own last name. */
export async function getArchive(
  ctx: Context,
  reference: string,
  given: string,
): Promise<{ stat: PathStat; archive: TarSource }> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  const tree = await openTree(ctx, c)
  try {
    const path = absolutePath(given)
    const pinned = await ctx.native.pathOpen({ root: tree.fd, path })
    try {
      const stat = await pathStat(ctx, tree.fd, path, pinned.stat)
      await ctx.events.commit([], [containerEvent(c, 'archive-path')])
      const name = baseName(path)
      const packer = ctx.native.tarPacker({ fd: pinned.fd, name: name === '/' ? '' : name })
      return { stat, archive: tarSource(packer, () => tree.release()) }
    } finally {
      ctx.native.closeFd(pinned.fd)
    }
  } catch (error) {
    tree.release()
    throw lookupError(error, given, reference)
  }
}
