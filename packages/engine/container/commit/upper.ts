/** What a container has changed, as a layer's tar: read from its upper directory by descriptors. */
import type { Readable } from 'node:stream'
import { KernelError } from '@tdocker/kernel/native.ts'
import { INIT_LAYER } from '../archive/changes.ts'
import { tarStream } from '../archive/tar-source.ts'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { noSuchContainer } from '../messages.ts'
import { containerDirs } from '../paths.ts'

export interface Upper extends AsyncDisposable {
  tar: AsyncIterable<Uint8Array>
}

/** Throws notFound when the container's directory is gone. */
export async function openUpper(ctx: Context, c: Container): Promise<Upper> {
  const { native } = ctx
  c.lowers ??= (await ctx.images.resolve(c.imageId)).lowers
  const { diff } = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  const lower = await native.overlayOpen({ lowers: c.lowers })
  try {
    const fd = openDirectory(ctx, c, diff)
    try {
      const packer = native.tarPacker({ fd, layer: { lower, stubs: INIT_LAYER } })
      const tar = tarStream(packer, () => packer.close())
      // Whoever reads it is told; nobody may.
      tar.on('error', () => {})
      return { tar, [Symbol.asyncDispose]: () => closed(tar) }
    } finally {
      native.closeFd(fd)
    }
  } finally {
    native.closeFd(lower)
  }
}

async function closed(stream: Readable): Promise<void> {
  if (stream.closed) return
  const done = Promise.withResolvers<void>()
  stream.once('close', done.resolve)
  stream.destroy()
  await done.promise
}

function openDirectory(ctx: Context, c: Container, path: string): number {
  try {
    return ctx.native.openRoot(path)
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOENT') throw noSuchContainer(c.id)
    throw error
  }
}
