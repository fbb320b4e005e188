/** Bytes that are kept until somebody needs them: a few in memory, more in a file. */
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'

const WINDOW = 1024 * 1024
/** What it begins with: most builds' contexts are smaller. */
const FIRST = 16 * 1024
/** Names may come in another order than the archive has them: what is read then is one file. */
const LEAST = 8 * 1024

export class Spool {
  readonly #path: () => Promise<string>
  /** What is not in the file: all of it, or what is written next. */
  #memory: Buffer = Buffer.allocUnsafe(FIRST)
  #inMemory = 0
  #inFile = 0
  #file: FileHandle | undefined
  #written: string | undefined

  /** `path`: of a file to be made, if there is need of one. */
  constructor(path: () => Promise<string>) {
    this.#path = path
  }

  get size(): number {
    return this.#inFile + this.#inMemory
  }

  /** The chunk is not kept. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      if (this.#inMemory === WINDOW) await this.#flush()
      if (this.#inMemory === this.#memory.length) this.#grow(this.#inMemory + chunk.length - at)
      const taken = Math.min(this.#memory.length - this.#inMemory, chunk.length - at)
      this.#memory.set(chunk.subarray(at, at + taken), this.#inMemory)
      this.#inMemory += taken
      at += taken
    }
  }

  #grow(wanted: number): void {
    const size = Math.min(WINDOW, Math.max(wanted, 2 * this.#memory.length))
    const grown = Buffer.allocUnsafe(size)
    this.#memory.copy(grown, 0, 0, this.#inMemory)
    this.#memory = grown
  }

  /** Nothing is written behind it. */
  async end(): Promise<void> {
    if (!this.#file) return
    await this.#flush()
    await this.#file.close()
    this.#file = undefined
  }

  /** The caller disposes of it. */
  async reader(): Promise<SpoolReader> {
    if (this.#written === undefined) return new SpoolReader(this.#memory, undefined)
    return new SpoolReader(undefined, await open(this.#written, 'r'))
  }

  stream(): Readable {
    return Readable.from(this.#all(), { objectMode: false })
  }

  async *#all(): AsyncGenerator<Buffer> {
    await using reader = await this.reader()
    yield* reader.read(0, this.size)
  }

  /** Where something failed before its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #flush(): Promise<void> {
    this.#written ??= await this.#path()
    this.#file ??= await open(this.#written, 'wx', 0o600)
    await this.#file.writeFile(this.#memory.subarray(0, this.#inMemory))
    this.#inFile += this.#inMemory
    this.#inMemory = 0
  }
}

/** What it reads is the reader's own for as long as it likes. */
export class SpoolReader implements AsyncDisposable {
  readonly #file: FileHandle | undefined
  /** Read already, from `#at` on. */
  #window: Buffer
  #at = 0
  /** Read ahead more and more, as long as it goes on where it was. */
  #ahead = LEAST

  constructor(memory: Buffer | undefined, file: FileHandle | undefined) {
    this.#window = memory ?? Buffer.alloc(0)
    this.#file = file
  }

  async *read(at: number, length: number): AsyncGenerator<Buffer> {
    for (let done = 0; done < length;) {
      const from = at + done - this.#at
      if (from < 0 || from >= this.#window.length) {
        await this.#load(at + done, length - done)
        continue
      }
      const piece = this.#window.subarray(from, from + length - done)
      done += piece.length
      yield piece
    }
  }

  async #load(at: number, wanted: number): Promise<void> {
    // A head may stand between two files.
    const goesOn = at >= this.#at && at - this.#at - this.#window.length <= LEAST
    this.#ahead = goesOn ? Math.min(this.#ahead * 2, WINDOW) : LEAST
    const size = Math.min(Math.max(this.#ahead, wanted), WINDOW)
    const buffer = Buffer.allocUnsafe(size)
    const { bytesRead = 0 } = (await this.#file?.read(buffer, 0, size, at)) ?? {}
    if (bytesRead === 0) throw new Error('the build context has become shorter')
    this.#window = buffer.subarray(0, bytesRead)
    this.#at = at
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close()
  }
}
