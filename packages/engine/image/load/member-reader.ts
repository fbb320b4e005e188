/** One member of an outer archive, read in large pieces. */
import type { Readable } from 'node:stream'

/** Sockets give 64 KiB; what unpacks a layer wants to be called seldom. */
const PIECE = 1024 * 1024

/** The stream is left as it is when reading stops early: whoever stops drains. */
export class MemberReader {
  readonly size: number
  readonly #chunks: AsyncIterator<Uint8Array>
  /** Bytes taken so far. */
  read = 0
  #pushedBack: Buffer | undefined
  /** What broke the archive around it, if something did. */
  failure: unknown

  constructor(stream: Readable, size: number) {
    this.size = size
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  }

  /** About 1 MiB; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    const pushed = this.#pushedBack
    if (pushed) {
      this.#pushedBack = undefined
      return pushed
    }
    const chunks: Uint8Array[] = []
    let size = 0
    while (size < PIECE) {
      const chunk = await this.#chunk()
      if (chunk.done) break
      chunks.push(chunk.value)
      size += chunk.value.length
    }
    this.read += size
    const [only] = chunks
    if (only === undefined) return undefined
    return chunks.length > 1
      ? Buffer.concat(chunks, size)
      : Buffer.from(only.buffer, only.byteOffset, only.byteLength)
  }

  async #chunk(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#chunks.next()
    } catch (error) {
      this.failure = error
      throw error
    }
  }

  /** The first piece, which `next` will give again. */
  async peek(): Promise<Buffer> {
    this.#pushedBack ??= await this.next()
    return this.#pushedBack ?? Buffer.alloc(0)
  }

  async all(): Promise<Buffer> {
    const pieces: Buffer[] = []
    for (let piece = await this.next(); piece; piece = await this.next()) pieces.push(piece)
    return pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces)
  }

  async drain(): Promise<void> {
    while (await this.next());
  }
}
