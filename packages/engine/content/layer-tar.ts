/** A layer's tar once more, byte for byte, for save and push: its digest is the layer's diff ID. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import type { Native } from '@tdocker/kernel'
import { digestAlgorithm } from '@tdocker/oci'
import { EngineError, system } from '../base/errors.ts'
import type { ContentPaths } from './content-paths.ts'
import { Inflater } from './inflate.ts'
import { openTarMetadata } from './tar-metadata.ts'

const decompress = promisify(zstdDecompress)

const READ_SIZE = 1024 * 1024

export interface LayerTarSource {
  key: string
  diffId: string
  /** Its compressed form, where that is kept. */
  blobDigest?: string | undefined
}

export interface LayerTarContext {
  native: Native
  paths: ContentPaths
}

export interface LayerTar {
  diffId: string
  /** Of the whole tar, in bytes. */
  size: number
  /**
   * The tar in pieces of about 1 MiB, the next one being read meanwhile. Throws after the last piece
   * when what came is not of the diff ID. The layer must stay pinned.
   */
  pieces(): AsyncGenerator<Buffer>
}

/** Throws `system` when there is neither metadata to rebuild the tar from nor its blob. */
export async function openLayerTar(o: LayerTarContext, layer: LayerTarSource): Promise<LayerTar> {
  const { size, incomplete } = openTarMetadata(await readMetadata(o, layer))
  if (incomplete && layer.blobDigest === undefined) {
    throw system(
      `layer ${layer.diffId} cannot be written as it came: its archive replaced files of its own, and its blob is not kept`,
    )
  }
  return {
    diffId: layer.diffId,
    size,
    pieces: () => verified(layer.diffId, incomplete ? inflated(o, layer) : rebuilt(o, layer)),
  }
}

async function readMetadata(o: LayerTarContext, layer: LayerTarSource): Promise<Buffer> {
  try {
    return await decompress(await readFile(join(o.paths.layer(layer.key), 'tar-metadata')))
  } catch (error) {
    throw system(`layer ${layer.diffId} has no readable metadata: ${String(error)}`, error)
  }
}

async function* rebuilt(o: LayerTarContext, layer: LayerTarSource): AsyncGenerator<Buffer> {
  const metadata = await readMetadata(o, layer)
  const rebuilder = o.native.layerRebuilder({ dir: o.paths.diff(layer.key), metadata })
  const read = (): Promise<Buffer | undefined> => {
    const part = rebuilder.read()
    // It may fail before anybody asks for it.
    part.catch(() => {})
    return part
  }
  let ahead = read()
  try {
    for (let part = await ahead; part !== undefined; part = await ahead) {
      ahead = read()
      yield part
    }
  } finally {
    await ahead.catch(() => {})
    rebuilder.close()
  }
}

async function* inflated(o: LayerTarContext, layer: LayerTarSource): AsyncGenerator<Buffer> {
  const { native, paths } = o
  const out = new PassThrough({ highWaterMark: 2 * READ_SIZE })
  const inflater = new Inflater(
    async (chunk) => {
      if (!out.write(chunk)) await once(out, 'drain')
    },
    (format) => native.decompressor(format),
  )
  const source = createReadStream(paths.blob(layer.blobDigest ?? ''), { highWaterMark: READ_SIZE })
  const work = async (): Promise<void> => {
    for await (const chunk of source) await inflater.write(chunk as Buffer)
    await inflater.end()
    out.end()
  }
  work().catch((error: unknown) => out.destroy(error as Error))
  try {
    for await (const piece of out) yield piece as Buffer
  } finally {
    source.destroy()
    inflater.abort()
  }
}

async function* verified(diffId: string, pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const algorithm = digestAlgorithm(diffId)
  const hash = createHash(algorithm)
  try {
    for await (const piece of pieces) {
      hash.update(piece)
      yield piece
    }
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw system(`layer ${diffId} could not be read: ${String(error)}`, error)
  }
  const actual = `${algorithm}:${hash.digest('hex')}`
  if (actual !== diffId) throw system(`layer ${diffId} is damaged: its files now make ${actual}`)
}
