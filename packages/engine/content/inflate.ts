/** Decompression of layers by what their first bytes say, as Docker does. */
import { once } from 'node:events'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import type { Transform } from 'node:stream'
import type { Decompressor } from '@tdocker/kernel/native.ts'
import { chunksOf } from './chunks-of.ts'
import { releaseBuffer } from './release-buffer.ts'
import { ZstdFrames } from './zstd-frames.ts'

export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz'

const MAGIC: ReadonlyArray<[Compression, readonly number[]]> = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
]

export const MAGIC_LENGTH = 6
const CHUNK = 1024 * 1024
/** So much may be inflated ahead of the sink, and so much wait to be, so that all stages work at once. */
const AHEAD = { readableHighWaterMark: 2 * CHUNK, writableHighWaterMark: CHUNK }
/** A window of 128 MiB is what zstd itself accepts; frames that ask for more are refused. */
const ZSTD_WINDOW_LOG = 27

export function compressionOf(head: Uint8Array): Compression {
  const found = MAGIC.find(([, magic]) => magic.every((byte, at) => head[at] === byte))
  // Parallel compressors begin with a frame to be skipped: 0x184D2A50 to 0x184D2A5F.
  const skippable =
    head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18 && (head[0] ?? 0) >> 4 === 5
  return found?.[0] ?? (skippable ? 'zstd' : 'none')
}

/** Where inflated bytes go; awaited before the next piece. */
export type Sink = (chunk: Uint8Array) => Promise<void>

/** Of formats that node:zlib does not know: `native.decompressor`. */
export type Decoders = (format: 'xz' | 'bzip2') => Decompressor

/**
 * Inflates what is written and hands it to the sink. Memory is bounded: a write waits until the
 * piece before went through. Errors of the data and of the sink come out of `write` or `end`.
 */
export class Inflater {
  readonly #sink: Sink
  readonly #frees: boolean
  readonly #owns: boolean
  #head: Uint8Array | undefined = Buffer.alloc(0)
  #transform: Transform | undefined
  #frames: ZstdFrames | undefined
  #decoder: Decompressor | undefined
  readonly #decoders: Decoders | undefined
  #drained: Promise<void> = Promise.resolve()
  #failed = false

  /**
   * Without `decoders` bzip2 and xz are refused. With `frees`, inflated pieces are gone when the sink
   * is done with them, with `owns` also those that were written: a fast stream makes garbage faster
   * than it is collected.
   */
  constructor(sink: Sink, decoders?: Decoders, o: { frees?: boolean; owns?: boolean } = {}) {
    this.#sink = sink
    this.#decoders = decoders
    this.#frees = o.frees === true
    this.#owns = o.owns === true
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#head === undefined) return this.#push(chunk)
    this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
    if (this.#head.length >= MAGIC_LENGTH) await this.#begin()
  }

  async end(): Promise<void> {
    if (this.#head !== undefined) await this.#begin()
    this.#transform?.end()
    await this.#drained
    if (this.#frames && !this.#frames.atEnd) throw new Error('unexpected EOF')
    if (this.#decoder && !this.#decoder.whole()) throw new Error('unexpected EOF')
  }

  abort(): void {
    this.#transform?.destroy()
  }

  async #begin(): Promise<void> {
    const head = this.#head ?? Buffer.alloc(0)
    this.#head = undefined
    const compression = compressionOf(head)
    if (compression === 'bzip2' || compression === 'xz') this.#decoder = this.#make(compression)
    else this.#transform = createTransform(compression)
    if (compression === 'zstd') this.#frames = new ZstdFrames()
    if (this.#transform) {
      this.#drained = this.#drain(this.#transform)
      this.#drained.catch(() => {
        this.#failed = true
      })
    }
    await this.#push(head)
  }

  async #push(chunk: Uint8Array): Promise<void> {
    if (this.#transform) return this.#inflate(this.#transform, chunk)
    await (this.#decoder ? this.#decode(this.#decoder, chunk) : this.#sink(chunk))
    if (this.#owns) releaseBuffer(chunk)
  }

  async #inflate(transform: Transform, chunk: Uint8Array): Promise<void> {
    const parts = this.#frames?.split(chunk) ?? [chunk]
    for (const [at, part] of parts.entries()) {
      if (this.#failed) return this.#drained
      const last = this.#owns && at === parts.length - 1
      // After a failure zlib may still be reading it.
      const done = (error?: Error | null): void => (error ? undefined : releaseBuffer(chunk))
      if (transform.write(part, last ? done : undefined)) continue
      // After a failure no drain comes, but the reading side rejects.
      await Promise.race([once(transform, 'drain'), this.#drained])
    }
  }

  #make(format: 'bzip2' | 'xz'): Decompressor {
    if (!this.#decoders) throw new Error(`${format} compressed archives are not supported`)
    return this.#decoders(format)
  }

  async #decode(decoder: Decompressor, chunk: Uint8Array): Promise<void> {
    decoder.push(chunk)
    for (let part = await decoder.pull(); part; part = await decoder.pull()) await this.#sink(part)
  }

  async #drain(transform: Transform): Promise<void> {
    for await (const piece of chunksOf(transform)) {
      await this.#sink(piece)
      // Of one that is not full, zlib goes on to use the rest.
      if (this.#frees && piece.length === CHUNK) releaseBuffer(piece)
    }
  }
}

function createTransform(compression: 'none' | 'gzip' | 'zstd'): Transform | undefined {
  switch (compression) {
    case 'none':
      return undefined
    case 'gzip':
      return createGunzip({ ...AHEAD, chunkSize: CHUNK })
    case 'zstd':
      return createZstdDecompress({
        ...AHEAD,
        chunkSize: CHUNK,
        params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
      })
  }
}
