/**
 * An image, or a part of one, as a mount of a container: read-only, mounted nowhere else. For steps of
 * builds also directories whose writes go elsewhere.
 */
import { join } from 'node:path'
import { treeError } from '../../volume/mounted-volume.ts'
import type { Context } from '../context.ts'
import type { MountRecord } from '../create/mount-record.ts'

/** A detached mount, which is the caller's. Throws in moby's words where there is no such subpath. */
export async function openImageMount(
  ctx: Context,
  { source, overlay, subpath = '' }: MountRecord,
): Promise<{ fd: number; directory: boolean }> {
  const lowers = overlay?.lowers ?? (await ctx.images.resolve(source)).lowers
  const base = await ctx.native.overlayOpen({ lowers, ...(overlay && writable(overlay)) })
  if (subpath === '') return { fd: base, directory: true }
  try {
    return await ctx.native.treeAssemble({ base, readonly: !overlay, subpath, binds: [] })
  } catch (error) {
    throw treeError(error, lowers[0] ?? '', subpath)
  } finally {
    ctx.native.closeFd(base)
  }
}

function writable({ directory }: NonNullable<MountRecord['overlay']>): {
  upper: string
  work: string
  volatile: true
} {
  return { upper: join(directory, 'upper'), work: join(directory, 'work'), volatile: true }
}
