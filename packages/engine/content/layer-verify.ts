/** Whether content is what its name says, and what of it is needed. */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { DigestVerifier } from '@tdocker/oci'
import type { Store } from '../store/store.ts'
import type { ContentPaths } from './content-paths.ts'
import { type LayerTarContext, type LayerTarSource, openLayerTar } from './layer-tar.ts'
import { openTarMetadata } from './tar-metadata.ts'

const decompress = promisify(zstdDecompress)

/** Makes a layer's tar once more; the sentence of what is wrong, undefined when it has its diff ID. */
export async function layerDamage(
  o: LayerTarContext,
  layer: LayerTarSource,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const tar = await openLayerTar(o, layer)
    for await (const _piece of tar.pieces()) signal.throwIfAborted()
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return error instanceof Error ? error.message : String(error)
  }
}

/** Reads a blob again. Throws ENOENT when it is not there. */
export async function isSound(digest: string, path: string, signal: AbortSignal): Promise<boolean> {
  const verifier = new DigestVerifier(digest)
  const pieces = createReadStream(path, { highWaterMark: 1024 * 1024, signal })
  for await (const piece of pieces as AsyncIterable<Buffer>) verifier.update(piece)
  return verifier.verified()
}

/**
 * Whether a blob is more than a cache: an archive that replaced files of its own cannot be made again
 * from the layer's directory, so that save and push have nothing but the blob.
 */
export async function isBlobNeeded(
  o: { store: Store; paths: ContentPaths },
  digest: string,
): Promise<boolean> {
  const layers = o.store.all<{ key: string }>('SELECT key FROM layer WHERE blob_digest = ?', digest)
  for (const { key } of layers) {
    try {
      const packed = await readFile(join(o.paths.layer(key), 'tar-metadata'))
      if (openTarMetadata(await decompress(packed)).incomplete) return true
    } catch {
      // Without readable metadata the blob is all there is.
      return true
    }
  }
  return false
}
