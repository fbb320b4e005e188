import { createHash, type Hash } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import type { LayerExtractor } from '@tdocker/kernel'
import { type Decoders, Inflater } from './inflate.ts'

export type Extracted = Awaited<ReturnType<LayerExtractor['end']>>

/** More than any image has; its names alone take a gigabyte of the archive. */
const MAX_ENTRIES = 5_000_000

/** What unpacking into `path` may take: what is free there. A bomb ends with a clear error. */
export async function extractionLimits(
  path: string,
): Promise<{ maxBytes: number; maxEntries: number }> {
  const { bavail, bsize, files, ffree } = await statfs(path)
  // Some file systems count no inodes.
  const maxEntries = files > 0 ? Math.min(ffree, MAX_ENTRIES) : MAX_ENTRIES
  return { maxBytes: bavail * bsize, maxEntries }
}

/** One layer's bytes on their way into its directory: inflate, digest, extract. */
export class LayerUnpacker {
  readonly #inflater: Inflater
  readonly #extractor: LayerExtractor
  readonly #hash: Hash
  readonly #algorithm: string
  #done = false

  /** With `owns`, pieces that are written are gone when they were read. */
  constructor(
    extractor: LayerExtractor,
    algorithm = 'sha256',
    decoders?: Decoders,
    o: { owns?: boolean } = {},
  ) {
    this.#extractor = extractor
    this.#algorithm = algorithm
    this.#hash = createHash(algorithm)
    const sink = async (chunk: Uint8Array): Promise<void> => {
      const fed = extractor.feed(chunk)
      // While the extractor's thread works.
      this.#hash.update(chunk)
      await fed
    }
    this.#inflater = new Inflater(sink, decoders, { ...o, frees: true })
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#inflater.write(chunk)
  }

  async end(): Promise<{ diffId: string; extracted: Extracted }> {
    await this.#inflater.end()
    const extracted = await this.#extractor.end()
    this.#done = true
    return { diffId: `${this.#algorithm}:${this.#hash.digest('hex')}`, extracted }
  }

  /** Safe at any time; nothing is written any more after the piece at work. */
  abort(): void {
    if (this.#done) return
    this.#done = true
    this.#inflater.abort()
    this.#extractor.abort()
  }
}
