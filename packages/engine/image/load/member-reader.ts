/** One member of an outer archive, read in large pieces. */
import type { Readable } from 'node:stream'

/** Sockets give 64 KiB; what unpacks a layer wants to be called seldom: each time costs a thread. */
const PIECE = 1024 * 1024
const LENT = 4 * PIECE

/** Chunks are copied, as their memory is lent. The stream is left as it is when reading stops early: whoever stops drains. */
export class MemberReader {
  readonly size: number
  readonly #chunks: AsyncIterator<Uint8Array>
  /** Bytes taken so far. */
  read = 0
  #pushedBack: Buffer | undefined
  /** What did not fit into the last piece. */
  #rest: Uint8Array | undefined
  #lent: Buffer | undefined
  /** What broke the archive around it, if something did. */
  failure: unknown

  constructor(stream: Readable, size: number) {
    this.size = size
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  }

  /** At most 1 MiB, the caller's to keep; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    return this.#take() ?? (await this.#gather(PIECE, () => this.#allocate(PIECE)))
  }

  /**
   * As `next`, but up to 4 MiB, and the piece is good only until the next one is asked for. Fresh
   * memory for every piece has V8 mark its heap over and over.
   */
  async nextLent(): Promise<Buffer | undefined> {
    const allocate = (): Buffer => (this.#lent ??= this.#allocate(LENT))
    return this.#take() ?? (await this.#gather(LENT, allocate))
  }

  /** Most members are small. */
  #allocate(most: number): Buffer {
    return Buffer.allocUnsafeSlow(Math.min(most, this.size - this.read))
  }

  #take(): Buffer | undefined {
    const pushed = this.#pushedBack
    this.#pushedBack = undefined
    return pushed
  }

  async #gather(most: number, allocate: () => Buffer): Promise<Buffer | undefined> {
    let piece: Buffer | undefined
    let size = 0
    while (size < most) {
      const chunk = this.#rest ?? (await this.#chunk())
      this.#rest = undefined
      if (!chunk) break
      const room = most - size
      piece ??= allocate()
      if (chunk.length > room) this.#rest = chunk.subarray(room)
      piece.set(chunk.length > room ? chunk.subarray(0, room) : chunk, size)
      size += Math.min(chunk.length, room)
    }
    this.read += size
    return piece?.subarray(0, size)
  }

  async #chunk(): Promise<Uint8Array | undefined> {
    try {
      const chunk = await this.#chunks.next()
      return chunk.done ? undefined : chunk.value
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
    while (await this.nextLent());
  }
}
