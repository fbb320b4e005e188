/** A tar on its way from one tree to a layer: each entry may be renamed, changed or left out. */
import {
  BLOCK,
  BadTar,
  type TarEntry,
  isZero,
  paddingOf,
  readHead,
  readRecords,
  withRecords,
  writeHead,
} from './tar-entry.ts'

/** Heads and records of one entry: more is no file's name. */
const MAX_EXTENDED = 1024 * 1024
const OUT = 1024 * 1024

/** undefined leaves the entry out. */
export type EditEntry = (entry: TarEntry) => TarEntry | undefined

/**
 * The edited archive without its end, in parts of about 1 MiB, so that several can follow each other.
 * The parts given must not be used again by who gives them. Throws `BadTar`.
 */
export async function* rewriteTar(
  parts: AsyncIterable<Uint8Array>,
  edit: EditEntry,
): AsyncGenerator<Buffer> {
  const reader = new EntryReader(edit)
  for await (const part of parts) {
    reader.push(part)
    yield* reader.take(OUT)
    if (reader.ended) break
  }
  reader.end()
  yield* reader.take(0)
}

/** The two zero blocks that end an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK)

/** An entry of our own, with its content. */
export function ownEntry(
  entry: Partial<TarEntry> & Pick<TarEntry, 'name' | 'type' | 'mode'>,
  data: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = writeHead({
    uid: 0,
    gid: 0,
    mtime: '0',
    linkname: '',
    devMajor: 0,
    devMinor: 0,
    attributes: new Map(),
    ...entry,
    size: data.length,
  })
  return Buffer.concat([head, data, Buffer.alloc(paddingOf(data.length))])
}

class EntryReader {
  readonly #edit: EditEntry
  #out: Uint8Array[] = []
  #outSize = 0
  /** Of a head or extended head that is not whole yet. */
  #rest: Buffer = Buffer.alloc(0)
  /** Content still to come, and whether it goes on. */
  #content = 0
  #keep = false
  /** What is being gathered instead of a head. */
  #extended: { type: string; size: number } | undefined
  #records = new Map<string, string>()
  ended = false

  constructor(edit: EditEntry) {
    this.#edit = edit
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
        if (this.#keep) this.#emit(data.subarray(at, at + taken))
        this.#content -= taken
        at += taken
        continue
      }
      const wanted = this.#extended ? this.#extended.size + paddingOf(this.#extended.size) : BLOCK
      if (data.length - at < wanted) break
      const piece = data.subarray(at, at + wanted)
      at += wanted
      if (this.#extended) this.#takeExtended(piece)
      else this.#takeHead(piece)
    }
    // A copy: the part is not ours to keep.
    this.#rest = Buffer.from(data.subarray(at))
  }

  end(): void {
    if (this.ended) return
    const open = this.#content > 0 || this.#extended !== undefined || this.#rest.length > 0
    if (open) throw new BadTar('unexpected EOF')
  }

  /** What is ready, once it is `least` bytes. */
  *take(least: number): Generator<Buffer> {
    if (this.#outSize === 0 || this.#outSize < least) return
    const whole = Buffer.concat(this.#out)
    this.#out = []
    this.#outSize = 0
    yield whole
  }

  #emit(piece: Uint8Array): void {
    this.#out.push(piece)
    this.#outSize += piece.length
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
    const hasContent = head.type === '0'
    const entry = withRecords(head, this.#records)
    this.#records = new Map()
    const size = hasContent ? entry.size : 0
    // Others say a size and have none, but for unknown kinds.
    const skipped = hasContent || /[1-6]/.test(entry.type) ? size : entry.size
    this.#content = skipped + paddingOf(skipped)
    const edited = /[0-6]/.test(entry.type) ? this.#edit({ ...entry, size }) : undefined
    this.#keep = edited !== undefined
    if (edited) this.#emit(writeHead({ ...edited, size }))
  }

  #takeExtended(piece: Buffer): void {
    const { type, size } = this.#extended!
    this.#extended = undefined
    const data = piece.subarray(0, size)
    if (type === 'x') this.#records = new Map([...this.#records, ...readRecords(data)])
    if (type === 'L' || type === 'K') {
      const end = data.indexOf(0)
      const value = data.toString('latin1', 0, end < 0 ? size : end)
      this.#records.set(type === 'L' ? 'path' : 'linkpath', value)
    }
  }
}
