import type { Container } from './container.ts'
import type { Context } from './context.ts'
import { containerDirs } from './paths.ts'

/** Bytes of the writable layer, and of it with the image. */
export async function containerSizes(
  ctx: Context,
  c: Container,
): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  const writable = await ctx.native.treeSize(dirs.diff).then(
    (size) => size.bytes,
    () => 0,
  )
  const row = ctx.store.get<{ size: number }>('SELECT size FROM image WHERE id = ?', c.imageId)
  return { SizeRw: writable, SizeRootFs: writable + (row?.size ?? 0) }
}
