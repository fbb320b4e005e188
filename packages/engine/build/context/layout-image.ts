/** An image out of a client's OCI layout (image-spec image-layout.md). */
import { Readable } from 'node:stream'
import { KernelError } from '@tdocker/kernel/native.ts'
import { MEDIA_TYPE } from '@tdocker/oci'
import { invalidParameter } from '../../base/errors.ts'
import { TAR_END, ownEntry, rewriteTar } from '../copy/rewrite-tar.ts'
import { Tree, type TreeNative } from '../copy/tree.ts'
import type { BuildImages } from '../needs.ts'

const MAX_DOCUMENT = 4 * 1024 * 1024

/** Answers the image's id. `digest`: of a manifest or an index. The directory stays as it is. */
export async function loadLayout(
  ctx: { native: TreeNative; images: Pick<BuildImages, 'load'> },
  o: { directory: string; digest: string; platform: string; signal: AbortSignal },
): Promise<string> {
  const { digest, platform, signal } = o
  using tree = Tree.ofDirectory(ctx.native, o.directory)
  const manifests = [{ ...(await describe(tree, digest)), digest }]
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }))
  const body = Readable.from(archive(tree, index, signal), { objectMode: false })
  const [id] = await ctx.images.load({ body, platform, signal })
  if (id === undefined) throw invalidParameter(`oci-layout: no image for ${platform} in ${digest}`)
  return id
}

/** The blobs, and an index of its own: what else the layout names was not asked for. */
async function* archive(tree: Tree, index: Buffer, signal: AbortSignal): AsyncGenerator<Buffer> {
  yield ownEntry({ name: 'index.json', type: '0', mode: 0o644 }, index)
  yield* rewriteTar(tree.pack('/', { name: undefined, signal }), (entry) =>
    /^(\.\/)?blobs(\/|$)/.test(entry.name) ? entry : undefined,
  )
  yield TAR_END
}

async function describe(tree: Tree, digest: string): Promise<{ mediaType: string; size: number }> {
  const path = `/blobs/${digest.replace(':', '/')}`
  try {
    const text = await tree.native.readFileIn({ root: tree.root, path, max: MAX_DOCUMENT })
    const { mediaType, manifests } = JSON.parse(text.toString()) as {
      mediaType?: string
      manifests?: unknown
    }
    const own = manifests === undefined ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.ociIndex
    return { mediaType: mediaType ?? own, size: text.length }
  } catch (error) {
    const isMissing = error instanceof KernelError && error.code === 'ENOENT'
    const why = isMissing ? 'not found' : (error as Error).message
    throw invalidParameter(`oci-layout: ${digest}: ${why}`, error)
  }
}
