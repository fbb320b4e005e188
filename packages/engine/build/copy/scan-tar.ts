/** A tar, read as it comes: heads and content are handed over, nothing is kept. */
import {
  BLOCK,
  BadTar,
  type TarEntry,
  isZero,
  paddingOf,
  readHead,
  readRecords,
  withRecords,
} from './tar-entry.ts'

/** Heads and records of one entry: more is no file's name. */
const MAX_EXTENDED = 1024 * 1024

export interface TarHandler {
  /** Of any kind; only files (`0`) and unknown kinds have content. `at`: where in the archive it begins. */
  entry(entry: TarEntry, at: number): void
  /** Of the entry told last, with the zeros that fill its last block. */
  content(piece: Buffer): void
}

/** Throws `BadTar`. The parts given are not kept. */
export class TarScanner {
  readonly #handler: TarHandler
  /** Of a head or extended head that is not whole yet. */
  #rest: Buffer = Buffer.alloc(0)
  /** Content still to come. */
  #content = 0
  /** What is being gathered instead of a head. */
  #extended: { type: string; size: number } | undefined
  #records: Map<string, string> | undefined
  /** In the archive, of what is read next. */
  #offset = 0
  ended = false

  constructor(handler: TarHandler) {
    this.#handler = handler
  }

  push(part: Uint8Array): void {
    let data = Buffer.from(part.buffer, part.byteOffset, part.byteLength)
    if (this.#rest.length > 0) {
      data = Buffer.concat([this.#rest, data])
      this.#rest = Buffer.alloc(0)
    }
    let at = 0
    while (at < data.length && !this.ended) {
      if (this.#content > 0) {
        const taken = Math.min(this.#content, data.length - at)
        this.#handler.content(data.subarray(at, at + taken))
        this.#content -= taken
        at += taken
        this.#offset += taken
        continue
      }
      const wanted = this.#extended ? this.#extended.size + paddingOf(this.#extended.size) : BLOCK
      if (data.length - at < wanted) break
      const piece = data.subarray(at, at + wanted)
      at += wanted
      this.#offset += wanted
      if (this.#extended) this.#takeExtended(piece)
      else this.#takeHead(piece)
    }
    // A copy: the part is not ours to keep.
    if (at < data.length && !this.ended) this.#rest = Buffer.from(data.subarray(at))
  }

  end(): void {
    if (this.ended) return
    const open = this.#content > 0 || this.#extended !== undefined || this.#rest.length > 0
    if (open) throw new BadTar('unexpected EOF')
  }

  #takeHead(block: Buffer): void {
    if (isZero(block)) {
      this.ended = true
      return
    }
    const head = readHead(block)
    if (['x', 'g', 'L', 'K'].includes(head.type)) {
      if (head.size > MAX_EXTENDED) throw new BadTar('archive/tar: header field too long')
      this.#extended = { type: head.type, size: head.size }
      if (head.size === 0) this.#extended = undefined
      return
    }
    if (head.type === 'S') throw new BadTar('sparse files are not supported')
    const entry = this.#records ? withRecords(head, this.#records) : head
    this.#records = undefined
    const size = entry.type === '0' ? entry.size : 0
    // Others say a size and have none, but for unknown kinds.
    const following = /[0-6]/.test(entry.type) ? size : entry.size
    this.#content = following + paddingOf(following)
    this.#handler.entry({ ...entry, size }, this.#offset)
  }

  #takeExtended(piece: Buffer): void {
    const { type, size } = this.#extended!
    this.#extended = undefined
    const data = piece.subarray(0, size)
    this.#records ??= new Map()
    if (type === 'x') for (const [key, value] of readRecords(data)) this.#records.set(key, value)
    if (type === 'L' || type === 'K') {
      const end = data.indexOf(0)
      const value = data.toString('latin1', 0, end < 0 ? size : end)
      this.#records.set(type === 'L' ? 'path' : 'linkpath', value)
    }
  }
}
