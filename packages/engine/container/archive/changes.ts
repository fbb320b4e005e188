import type { FilesystemChange } from '@tdocker/api'
import type { Context } from '../context.ts'
import { noSuchContainer } from '../messages.ts'
import { containerDirs } from '../paths.ts'

/** What every container gets: mount points that runtimes make, not changes of anybody. */
export const INIT_LAYER: readonly string[] = [
  '/.dockerenv',
  '/dev',
  '/dev/console',
  '/dev/mqueue',
  '/dev/pts',
  '/dev/shm',
  '/etc',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/mtab',
  '/etc/resolv.conf',
  '/proc',
  '/sys',
]

/** `GET /containers/{id}/changes`, by path; `null` when there are none, as Go writes it. */
export async function containerChanges(
  ctx: Context,
  reference: string,
): Promise<FilesystemChange[]> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  c.lowers ??= (await ctx.images.resolve(c.imageId)).lowers
  const { diff } = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  const lower = await ctx.native.overlayOpen({ lowers: c.lowers })
  try {
    const changes = await ctx.native.treeChanges({ upper: diff, lower, ignored: INIT_LAYER })
    return changes.map(({ path, kind }) => ({ Path: path, Kind: kind }))
  } catch (error) {
    // Its directories went while they were read.
    if (c.removing || !ctx.registry.has(c)) throw noSuchContainer(reference)
    throw error
  } finally {
    ctx.native.closeFd(lower)
  }
}
