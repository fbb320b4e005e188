/**
 * Where the frames of a zstd stream end (RFC 8878, 3.1). node:zlib stops after a frame that does not
 * end with the piece it was given, and what follows is lost: pieces are cut there.
 */
const MAGIC = 0xfd2fb528
/** The last four bits are the author's: 0x184D2A50 to 0x184D2A5F. */
const SKIPPABLE = 0x184d2a5
const CHECKSUM_SIZE = 4
const CONTENT_SIZE_BYTES = [0, 2, 4, 8]
const DICTIONARY_ID_BYTES = [0, 1, 2, 4]
const RLE_BLOCK = 1

type Step = 'magic' | 'skippable' | 'descriptor' | 'header' | 'block' | 'body' | 'skipped'

export class ZstdFrames {
  #step: Step = 'magic'
  /** Bytes that the step needs, gathered where a piece ends within. */
  #needed = 4
  #gathered: Buffer = Buffer.alloc(0)
  #checksum = false
  #lastBlock = false
  /** Of a block's or a skippable frame's content. */
  #left = 0

  /** True between frames: the stream may end here. */
  get atEnd(): boolean {
    return this.#step === 'magic' && this.#gathered.length === 0
  }

  /** The parts of `piece` to be decompressed one after the other. */
  split(piece: Uint8Array): Uint8Array[] {
    const parts: Uint8Array[] = []
    let start = 0
    for (let at = 0; at < piece.length;) {
      at = this.#left > 0 ? this.#pass(at, piece) : this.#gather(at, piece)
      if (!this.atEnd && at < piece.length) continue
      parts.push(piece.subarray(start, at))
      start = at
    }
    return parts
  }

  #pass(at: number, piece: Uint8Array): number {
    const passed = Math.min(this.#left, piece.length - at)
    this.#left -= passed
    if (this.#left === 0) this.#contentDone()
    return at + passed
  }

  #gather(at: number, piece: Uint8Array): number {
    const taken = piece.subarray(at, at + this.#needed - this.#gathered.length)
    this.#gathered = Buffer.concat([this.#gathered, taken])
    if (this.#gathered.length === this.#needed) {
      const bytes = this.#gathered
      this.#gathered = Buffer.alloc(0)
      this.#read(bytes)
    }
    return at + taken.length
  }

  #go(step: Step, needed: number): void {
    this.#step = step
    this.#needed = needed
  }

  #read(bytes: Buffer): void {
    switch (this.#step) {
      case 'magic': {
        const magic = bytes.readUInt32LE(0)
        if (magic === MAGIC) return this.#go('descriptor', 1)
        if (magic >>> 4 === SKIPPABLE) return this.#go('skippable', 4)
        throw new Error('zstd: magic number mismatch')
      }
      case 'skippable':
        this.#left = bytes.readUInt32LE(0)
        this.#go('skipped', 0)
        if (this.#left === 0) this.#contentDone()
        return
      case 'descriptor':
        return this.#descriptor(bytes[0] ?? 0)
      case 'header':
        return this.#go('block', 3)
      case 'block':
        return this.#block(bytes.readUIntLE(0, 3))
      case 'body':
      case 'skipped':
        return
    }
  }

  #descriptor(flags: number): void {
    const single = (flags & 0x20) !== 0
    this.#checksum = (flags & 0x04) !== 0
    const contentSize = CONTENT_SIZE_BYTES[flags >> 6] || (single ? 1 : 0)
    const rest = (single ? 0 : 1) + (DICTIONARY_ID_BYTES[flags & 3] ?? 0) + contentSize
    this.#go('header', rest)
  }

  #block(header: number): void {
    this.#lastBlock = (header & 1) !== 0
    const isRle = ((header >> 1) & 3) === RLE_BLOCK
    this.#left = isRle ? 1 : header >> 3
    // The checksum of the content comes right after the last block.
    if (this.#lastBlock && this.#checksum) this.#left += CHECKSUM_SIZE
    this.#go('body', 0)
    if (this.#left === 0) this.#contentDone()
  }

  #contentDone(): void {
    if (this.#step === 'body' && !this.#lastBlock) this.#go('block', 3)
    else this.#go('magic', 4)
  }
}
