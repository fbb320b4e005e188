import type { ContainerSummary } from '@tdocker/api'
import type { LogUsage } from '../log/usage.ts'
import type { Container } from './container.ts'
import type { Context } from './context.ts'
import { listContainers } from './list/list.ts'
import { containerDirs } from './paths.ts'

/** A size that was known before is good enough after this. */
const PATIENCE_MS = 2000

/** Bytes of the writable layer, and of it with the image. */
export async function containerSizes(
  ctx: Context,
  c: Container,
): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const SizeRw = await ctx.sizes.get(writableLayer(ctx, c.id), PATIENCE_MS).catch(() => 0)
  return { SizeRw, SizeRootFs: SizeRw + imageSize(ctx, c.imageId) }
}

/** All containers with the sizes that are known after `waitMs`; -1 for the others. */
export async function listWithSizes(
  ctx: Context,
  logs: LogUsage,
  waitMs: number,
): Promise<ContainerSummary[]> {
  const looked = logs.refresh()

  const list = await listContainers(ctx, {
    all: true,
    limit: 0,
    size: false,
    filters: new Map(),
  })
  const dirs = list.map(({ Id }) => writableLayer(ctx, Id))
  const sizes = await ctx.sizes.within(dirs, waitMs)
  // Looking at files by name takes no time that is worth a limit of its own.
  await looked
  return list.map((summary, i) => {
    const SizeRw = sizes.get(dirs[i] ?? '') ?? -1
    const SizeRootFs = SizeRw < 0 ? -1 : SizeRw + imageSize(ctx, summary.ImageID)
    const SizeLog = logs.sizeOf(summary.Id)
    return {
      ...summary,
      ...withoutZero({ SizeRw, SizeRootFs }),
      ...(SizeLog !== undefined && { SizeLog }),
    }
  })
}

/** Lists leave out a zero; inspect tells it. */
export function withoutZero(sizes: {
  SizeRw: number
  SizeRootFs: number
}): Partial<Pick<ContainerSummary, 'SizeRw' | 'SizeRootFs'>> {
  return Object.fromEntries(Object.entries(sizes).filter(([, size]) => size !== 0))
}

function writableLayer(ctx: Context, id: string): string {
  return containerDirs(ctx.config.dataRoot, ctx.config.execRoot, id).diff
}

function imageSize(ctx: Context, id: string): number {
  return ctx.store.get<{ size: number }>('SELECT size FROM image WHERE id = ?', id)?.size ?? 0
}
