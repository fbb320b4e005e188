import { digestHex, isDigest } from '@tdocker/oci'
import type { Progress } from '../image-backend.ts'

const INTERVAL_MS = 100

/** `Loading layer` of one layer, in bytes as they stand in the archive. */
export class LayerProgress {
  readonly #progress: Progress | undefined
  readonly #total: number
  readonly #id: string | undefined
  #current = 0
  #toldAt = -INTERVAL_MS

  constructor(progress: Progress | undefined, o: { name: string; size: number }) {
    this.#progress = progress
    this.#total = o.size
    this.#id = hexIn(o.name)
  }

  async *count(pieces: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      yield piece
      this.#current += piece.length
      const now = performance.now()
      // Whose name says nothing is shown at its end, when its digest is known.
      if (this.#id === undefined || now - this.#toldAt < INTERVAL_MS) continue
      this.#toldAt = now
      this.#tell(this.#id, this.#current)
    }
  }

  finish(diffId: string): void {
    this.#tell(this.#id ?? short(digestHex(diffId)), this.#total)
  }

  #tell(id: string, current: number): void {
    const progressDetail = { current, total: this.#total }
    this.#progress?.({ status: 'Loading layer', progressDetail, id })
  }
}

function hexIn(name: string): string | undefined {
  const hex = /[0-9a-f]{64}/.exec(name)?.[0]
  return hex !== undefined && isDigest(`sha256:${hex}`) ? short(hex) : undefined
}

function short(hex: string): string {
  return hex.slice(0, 12)
}
