/** Less than this is not worth a call; two such pieces are in memory at most. */
const BATCH = 1024 * 1024

/**
 * Gathers small pieces (sockets give 64 KiB) and hands them on, gathering the next batch while the
 * last one is at work. A failure of the sink comes out of the next call.
 */
export class Batches {
  readonly #sink: (chunk: Uint8Array) => Promise<void>
  #pieces: Uint8Array[] = []
  #size = 0
  #busy: Promise<void> = Promise.resolve()

  constructor(sink: (chunk: Uint8Array) => Promise<void>) {
    this.#sink = sink
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece)
    this.#size += piece.length
    if (this.#size >= BATCH) await this.#flush()
  }

  async end(): Promise<void> {
    if (this.#size > 0) await this.#flush()
    await this.#busy
  }

  async #flush(): Promise<void> {
    const [first, ...more] = this.#pieces
    if (first === undefined) return
    const batch = more.length === 0 ? first : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#size = 0
    await this.#busy
    this.#busy = this.#sink(batch)
    this.#busy.catch(() => {})
  }
}
