/** A tar on its way from one tree to a layer: each entry may be renamed, changed or left out. */
import { TarScanner } from './scan-tar.ts'
import { BLOCK, NO_ENTRY, type TarEntry, paddingOf, writeHead } from './tar-entry.ts'

const OUT = 1024 * 1024

/** undefined or none leaves the entry out; of several the last one has the content. */
export type Edited = TarEntry | readonly TarEntry[] | undefined
export type EditEntry = (entry: TarEntry) => Edited | Promise<Edited>

/**
 * The edited archive without its end, in parts of about 1 MiB, so that several can follow each other.
 * The parts given must not be used again by who gives them. Throws `BadTar`.
 */
export async function* rewriteTar(
  parts: AsyncIterable<Uint8Array>,
  edit: EditEntry,
): AsyncGenerator<Buffer> {
  const editor = new EntryEditor(edit)
  const scanner = new TarScanner(editor)
  for await (const part of parts) {
    scanner.push(part)
    yield* editor.take(OUT)
    if (scanner.ended) break
  }
  scanner.end()
  yield* editor.take(0)
}

/** The two zero blocks that end an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK)

/** An entry of our own, with its content. */
export function ownEntry(
  entry: Partial<TarEntry> & Pick<TarEntry, 'name' | 'type' | 'mode'>,
  data: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = writeHead({ ...NO_ENTRY, ...entry, size: data.length })
  return Buffer.concat([head, data, Buffer.alloc(paddingOf(data.length))])
}

class EntryEditor {
  readonly #edit: EditEntry
  /** Entries that are not edited yet, each before its content. */
  #waiting: Array<TarEntry | Uint8Array> = []
  #out: Uint8Array[] = []
  #outSize = 0
  #keep = false

  constructor(edit: EditEntry) {
    this.#edit = edit
  }

  entry(entry: TarEntry): void {
    this.#waiting.push(entry)
  }

  content(piece: Buffer): void {
    this.#waiting.push(piece)
  }

  /** What is ready, once it is `least` bytes. */
  async *take(least: number): AsyncGenerator<Buffer> {
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) {
      if (!(one instanceof Uint8Array)) {
        const answer = /[0-6]/.test(one.type) ? this.#edit(one) : undefined
        this.#head(one, answer instanceof Promise ? await answer : answer)
      } else if (this.#keep) this.#emit(one)
    }
    if (this.#outSize === 0 || this.#outSize < least) return
    const whole = Buffer.concat(this.#out)
    this.#out = []
    this.#outSize = 0
    yield whole
  }

  #head({ size }: TarEntry, edited: Edited): void {
    const entries =
      edited === undefined ? [] : Array.isArray(edited) ? edited : [edited as TarEntry]
    this.#keep = entries.length > 0
    for (const [at, entry] of entries.entries())
      this.#emit(writeHead({ ...entry, size: at === entries.length - 1 ? size : 0 }))
  }

  #emit(piece: Uint8Array): void {
    this.#out.push(piece)
    this.#outSize += piece.length
  }
}
