/** An image, or a part of one, as a mount of a container: read-only, mounted nowhere else. */
import { treeError } from '../../volume/mounted-volume.ts'
import type { Context } from '../context.ts'
import type { MountRecord } from '../create/mount-record.ts'

/** A detached mount, which is the caller's. Throws in moby's words where there is no such subpath. */
export async function openImageMount(
  ctx: Context,
  { source, subpath = '' }: MountRecord,
): Promise<{ fd: number; directory: boolean }> {
  const { lowers } = await ctx.images.resolve(source)
  const base = await ctx.native.overlayOpen({ lowers })
  if (subpath === '') return { fd: base, directory: true }
  try {
    return await ctx.native.treeAssemble({ base, readonly: true, subpath, binds: [] })
  } catch (error) {
    throw treeError(error, lowers[0] ?? '', subpath)
  } finally {
    ctx.native.closeFd(base)
  }
}
