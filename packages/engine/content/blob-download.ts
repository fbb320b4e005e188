/**
 * One blob as a stream of pieces that survives broken connections: what came is kept in a file, and a
 * new request goes on where the last one ended, in this pull or in the next one.
 */
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type Descriptor, DigestVerifier } from '@tdocker/oci'
import { system } from '../base/errors.ts'
import { NetworkError, isTransient, retryDelay } from '../registry/registry-error.ts'
import type { OpenBlob } from '../registry/repository.ts'
import { type Response, networkError } from '../registry/transport.ts'
import { chunksOf } from './chunks-of.ts'
import type { ContentPaths } from './content-paths.ts'
import { releaseBuffer } from './release-buffer.ts'

/** Opens the body of the blob at an offset. */
export type BlobSource = (offset: number, signal: AbortSignal) => Promise<OpenBlob>

/** Pieces handed on are about so large, whatever the network's are. */
const PIECE = 512 * 1024
/** Less than this is not worth a resume in another pull. */
export const KEEP_FROM: number = 4 * 1024 * 1024

export interface DownloadOptions {
  paths: ContentPaths
  descriptor: Descriptor
  source: BlobSource
  signal: AbortSignal
  /** First wait between attempts; doubles. */
  backoffMs: number
  /** Requests in a row that may bring nothing. */
  attempts: number
  /** Bytes received so far. */
  onProgress: (received: number) => void
  onRetry: (seconds: number) => void
}

export class BlobDownload implements AsyncDisposable {
  readonly #o: DownloadOptions
  readonly #verifier: DigestVerifier
  readonly #path: string
  #file: FileHandle | undefined
  #received = 0
  #resumed = false
  #finished = false

  constructor(options: DownloadOptions) {
    this.#o = options
    this.#verifier = new DigestVerifier(options.descriptor.digest)
    this.#path = options.paths.partial(options.descriptor.digest)
  }

  /** Whether bytes of an earlier pull were used. */
  get resumed(): boolean {
    return this.#resumed
  }

  /**
   * Yields the blob from its first byte on, each piece in the file already; it belongs to who takes it.
   * Ends early, quietly, when more comes than the descriptor says: `verified` tells.
   */
  async *pieces(): AsyncGenerator<Buffer> {
    await mkdir(this.#o.paths.partials, { recursive: true, mode: 0o700 })
    this.#file = await open(this.#path, 'a+', 0o600)
    yield* this.#kept(this.#file)
    let failures = 0
    while (this.#received < this.#o.descriptor.size || this.#received === 0) {
      const before = this.#received
      try {
        yield* this.#request(this.#file)
        if (this.#received >= this.#o.descriptor.size) return
        throw new NetworkError('unexpected EOF', { permanent: false })
      } catch (error) {
        // A request that brought something is progress, however it ended.
        failures = this.#received > before ? 1 : failures + 1
        if (this.#o.signal.aborted || failures >= this.#o.attempts || !isTransient(error))
          throw error
        await this.#wait(error, failures)
      }
    }
  }

  /** Bytes of an earlier pull. */
  async *#kept(file: FileHandle): AsyncGenerator<Buffer> {
    const { size } = await stat(this.#path)
    if (size > this.#o.descriptor.size) await file.truncate(0)
    this.#resumed = size > 0 && size <= this.#o.descriptor.size
    if (this.#resumed) yield* this.#replay(file, size)
  }

  async *#replay(file: FileHandle, size: number): AsyncGenerator<Buffer> {
    while (this.#received < size) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE, size - this.#received))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#received)
      if (bytesRead === 0) return
      yield this.#take(buffer.subarray(0, bytesRead))
    }
  }

  async *#request(file: FileHandle): AsyncGenerator<Buffer> {
    const { response, start } = await this.#o.source(this.#received, this.#o.signal)
    // A server without ranges sends all of it again: what is there already is skipped.
    let skip = this.#received - start
    const { size } = this.#o.descriptor
    try {
      for await (const piece of coalesce(response, this.#o.signal)) {
        const fresh = skip === 0 ? piece : piece.subarray(Math.min(skip, piece.length))
        skip -= piece.length - fresh.length
        if (fresh.length === 0) continue
        await this.#store(file, fresh)
        yield fresh
        if (this.#received > size) return
      }
    } finally {
      response.body.destroy()
    }
  }

  async #store(file: FileHandle, piece: Buffer): Promise<void> {
    const written = file.appendFile(piece)
    // The digest is made while it is being written.
    this.#take(piece)
    await written
  }

  #take(piece: Buffer): Buffer {
    this.#verifier.update(piece)
    this.#received += piece.length
    this.#o.onProgress(this.#received)
    return piece
  }

  async #wait(error: unknown, failures: number): Promise<void> {
    const ms = retryDelay(error, failures, this.#o.backoffMs)
    this.#o.onRetry(Math.ceil(ms / 1000))
    await delay(ms, undefined, { signal: this.#o.signal })
  }

  /** Reads what is left without handing it on, to learn whether the blob was sound. */
  async finish(pieces: AsyncGenerator<Buffer>): Promise<void> {
    while (!(await pieces.next()).done);
  }

  /** Throws moby's sentence unless size and digest are those of the descriptor. */
  verify(): void {
    const { digest, size } = this.#o.descriptor
    if (this.#received === size && this.#verifier.verified()) return
    this.#finished = true
    throw system(`filesystem layer verification failed for digest ${digest}`)
  }

  /** Moves the verified file among the blobs. */
  async keep(): Promise<void> {
    const { paths, descriptor } = this.#o
    await this.#file?.close()
    this.#file = undefined
    await mkdir(paths.blobDirectory(descriptor.digest), { recursive: true, mode: 0o700 })
    await rename(this.#path, paths.blob(descriptor.digest))
    this.#finished = true
  }

  /**
   * Ends a download that failed. Its file stays only when the network was to blame and it is worth a
   * resume; answers whether it does.
   */
  async giveUp(error: unknown): Promise<boolean> {
    const resumable = error instanceof NetworkError || this.#o.signal.aborted
    if (!resumable) this.#finished = true
    await this[Symbol.asyncDispose]()
    return !this.#finished && this.#received >= KEEP_FROM
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
    if (this.#finished || this.#received < KEEP_FROM) await rm(this.#path, { force: true })
  }
}

/** Joins small network chunks, so that what follows works in few and large steps. */
async function* coalesce(response: Response, signal: AbortSignal): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafeSlow(PIECE)
  let size = 0
  let failure: unknown
  try {
    for await (const chunk of chunksOf(response.body)) {
      for (let at = 0; at < chunk.length;) {
        const copied = chunk.copy(piece, size, at)
        at += copied
        size += copied
        if (size < PIECE) continue
        yield piece
        piece = Buffer.allocUnsafeSlow(PIECE)
        size = 0
      }
      releaseBuffer(chunk)
    }
  } catch (error) {
    failure = error
  }
  signal.throwIfAborted()
  // What came before the connection broke counts.
  if (size > 0) yield piece.subarray(0, size)
  if (failure !== undefined) throw networkError(failure, 'GET', response.url.href, response.url)
}
