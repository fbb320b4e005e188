/** What a container has changed, as a layer's tar: read from its upper directory by descriptors. */
import { KernelError, type TarPacker } from '@tdocker/kernel/native.ts'
import { INIT_LAYER } from '../archive/changes.ts'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { noSuchContainer } from '../messages.ts'
import { containerDirs } from '../paths.ts'

export interface Upper extends AsyncDisposable {
  /** A part is good until the next one is asked for. */
  tar: AsyncIterable<Uint8Array>
}

/**
 * Throws notFound when the container's directory is gone. `stubs`: further paths where mount points
 * were made, which are no change.
 */
export async function openUpper(
  ctx: Context,
  c: Container,
  stubs: readonly string[] = [],
): Promise<Upper> {
  const { native } = ctx
  c.lowers ??= (await ctx.images.resolve(c.imageId)).lowers
  const { diff } = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  const lower = await native.overlayOpen({ lowers: c.lowers })
  try {
    const fd = openDirectory(ctx, c, diff)
    try {
      const packer = native.tarPacker({ fd, layer: { lower, stubs: [...INIT_LAYER, ...stubs] } })
      return { tar: parts(packer), [Symbol.asyncDispose]: () => packer.close() }
    } finally {
      native.closeFd(fd)
    }
  } finally {
    native.closeFd(lower)
  }
}

const PART = 1024 * 1024

/**
 * One part is read while the one before is used, in two buffers that take turns: fresh ones for every
 * part would keep the collector of garbage busier than the copy.
 */
async function* parts(packer: TarPacker): AsyncGenerator<Uint8Array> {
  let [current, next] = [Buffer.allocUnsafeSlow(PART), Buffer.allocUnsafeSlow(PART)]
  let ahead = packer.readInto(current)
  try {
    for (;;) {
      const length = await ahead
      if (length === 0) return
      ahead = packer.readInto(next)
      // It may fail before anybody asks for it.
      ahead.catch(() => {})
      yield current.subarray(0, length)
      ;[current, next] = [next, current]
    }
  } finally {
    await packer.close()
    await ahead.catch(() => {})
  }
}

function openDirectory(ctx: Context, c: Container, path: string): number {
  try {
    return ctx.native.openRoot(path)
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOENT') throw noSuchContainer(c.id)
    throw error
  }
}
