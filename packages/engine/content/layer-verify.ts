/** Whether content is what its name says. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import type { Native } from '@tdocker/kernel'
import { DigestVerifier, digestAlgorithm } from '@tdocker/oci'
import type { ContentPaths } from './content-paths.ts'

const decompress = promisify(zstdDecompress)

/** Rebuilds a layer's tar; the sentence of what is wrong, undefined when it has its diff ID. */
export async function layerDamage(
  o: { native: Native; paths: ContentPaths },
  layer: { key: string; diffId: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const algorithm = digestAlgorithm(layer.diffId)
  const hash = createHash(algorithm)
  try {
    const packed = await readFile(join(o.paths.layer(layer.key), 'tar-metadata'))
    const metadata = await decompress(packed)
    const rebuilder = o.native.layerRebuilder({ dir: o.paths.diff(layer.key), metadata })
    try {
      for (let part = await rebuilder.read(); part; part = await rebuilder.read()) {
        signal.throwIfAborted()
        hash.update(part)
      }
    } finally {
      rebuilder.close()
    }
  } catch (error) {
    signal.throwIfAborted()
    return `its tar cannot be rebuilt: ${error instanceof Error ? error.message : String(error)}`
  }
  const actual = `${algorithm}:${hash.digest('hex')}`
  return actual === layer.diffId ? undefined : `its files give ${actual} now`
}

/** Reads a blob again. Throws ENOENT when it is not there. */
export async function isSound(digest: string, path: string, signal: AbortSignal): Promise<boolean> {
  const verifier = new DigestVerifier(digest)
  const pieces = createReadStream(path, { highWaterMark: 1024 * 1024, signal })
  for await (const piece of pieces as AsyncIterable<Buffer>) verifier.update(piece)
  return verifier.verified()
}
