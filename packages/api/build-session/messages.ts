/**
 * What is said on a stream of a directory: messages of a kind, a length and that many bytes. The client
 * first says whose directory it is (Greeting), the daemon what it has of it (Held). Then the client sends
 * either that nothing changed (Same) or all rows (Rows); the daemon asks for some of these (Want); the client
 * sends them as a tar. What the files of it hold, the daemon sees for itself.
 */
import type { Duplex } from 'node:stream'
import type { ListingRow } from './listing.ts'

export interface Greeting {
  /** By which a client is known again: random, and nobody else's. Empty: nothing need be kept. */
  client: string
  /** Its directory's path. */
  root: string
}

export interface Held {
  /** Digests of listings that are here as they are. */
  held: string[]
  /** Whether it is worth while to hash files of which the client remembers no digest. */
  digests: boolean
}

export interface Same {
  same: string
}

export interface Rows {
  rows: ListingRow[]
  last: boolean
}

/** Pairs of the first row's number and how many follow one another. */
export interface Want {
  want: Array<[first: number, count: number]>
  last: boolean
}

const HEAD = 5
const JSON_KIND = 1
const TAR_KIND = 2
const MAX_JSON = 4 * 1024 * 1024
const MAX_TAR = 1024 * 1024

/** Rows to a message, so that neither side takes long over one. */
export const ROWS_PER_MESSAGE = 1000

export class MessageStream {
  readonly #stream: Duplex
  readonly #chunks: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(stream: Duplex) {
    this.#stream = stream
    this.#chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  }

  /** Throws when the other side is gone. */
  async send(message: Greeting | Held | Same | Rows | Want): Promise<void> {
    await this.#write(JSON_KIND, Buffer.from(JSON.stringify(message)))
  }

  /** Behind the last piece comes an empty one. */
  async sendTar(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += MAX_TAR)
      await this.#write(TAR_KIND, bytes.subarray(at, at + MAX_TAR))
  }

  async endTar(): Promise<void> {
    await this.#write(TAR_KIND, Buffer.alloc(0))
  }

  /** A tar to its end, in pieces as they come. */
  async *tar(): AsyncGenerator<Buffer> {
    for (;;) {
      let left = await this.#head(TAR_KIND, MAX_TAR)
      if (left === 0) return
      while (left > 0) {
        if (this.#held.length === 0) this.#held = await this.#chunk()
        const piece = this.#held.subarray(0, left)
        this.#held = this.#held.subarray(piece.length)
        left -= piece.length
        yield piece
      }
    }
  }

  end(): void {
    this.#stream.end()
  }

  /** Throws where none comes. */
  async message(): Promise<unknown> {
    const length = await this.#head(JSON_KIND, MAX_JSON)
    return JSON.parse((await this.#take(length)).toString()) as unknown
  }

  /** Answers the length. */
  async #head(wanted: number, max: number): Promise<number> {
    const head = await this.#take(HEAD)
    const [kind, length] = [head[0], head.readUInt32BE(1)]
    if (kind !== wanted || length > max) throw new Error('a message that is none, or out of place')
    return length
  }

  async #chunk(): Promise<Buffer> {
    const { value, done } = await this.#chunks.next()
    if (done) throw new Error('the other side ended before all was said')
    return value
  }

  async #take(length: number): Promise<Buffer> {
    if (this.#held.length < length) {
      const parts = [this.#held]
      let size = this.#held.length
      while (size < length) {
        const chunk = await this.#chunk()
        parts.push(chunk)
        size += chunk.length
      }
      this.#held = Buffer.concat(parts, size)
    }
    const taken = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return taken
  }

  async #write(kind: number, bytes: Buffer): Promise<void> {
    const head = Buffer.allocUnsafe(HEAD)
    head.writeUInt8(kind, 0)
    head.writeUInt32BE(bytes.length, 1)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const written = (error?: Error | null): void => (error ? reject(error) : resolve())
    const closed = (): void => reject(new Error('the connection is closed'))
    if (this.#stream.destroyed) closed()
    this.#stream.once('close', closed)
    // One frame for both, where they are small.
    if (bytes.length < 4096) this.#stream.write(Buffer.concat([head, bytes]), written)
    else {
      this.#stream.write(head)
      this.#stream.write(bytes, written)
    }
    try {
      await promise
    } finally {
      this.#stream.off('close', closed)
    }
  }
}
