import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, open, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { type LogFile, type LogFiles, listLogFiles } from './log-files.ts'

const INFLATE_CHUNK = 1024 * 1024

/**
 * One file of a rotated log, opened: whatever rotation does to its name, its content stays. A
 * compressed one is inflated when it is first read, into a file without a name.
 */
export class Segment implements AsyncDisposable {
  readonly inode: bigint
  readonly start: number
  readonly compressed: boolean
  readonly #directory: string
  #file: FileHandle
  #inflated = false

  private constructor(file: FileHandle, inode: bigint, named: LogFile) {
    this.#file = file
    this.inode = inode
    this.start = named.start
    this.compressed = named.compressed
    this.#directory = dirname(named.path)
  }

  /** undefined when it is gone in both forms. */
  static async open(named: LogFile): Promise<Segment | undefined> {
    const plain = await openIfThere(named.path)
    const file = plain ?? (await openIfThere(`${named.path}.gz`))
    if (!file) return undefined
    const { ino } = await file.stat({ bigint: true })
    return new Segment(file, ino, { ...named, compressed: plain === undefined })
  }

  /** Bytes now; grows while the segment is the newest. */
  async size(): Promise<number> {
    return (await (await this.#content()).stat()).size
  }

  async read(position: number, length: number): Promise<Buffer> {
    const file = await this.#content()
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  }

  /** Of the plain content. */
  async descriptor(): Promise<number> {
    return (await this.#content()).fd
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }

  async #content(): Promise<FileHandle> {
    if (!this.compressed || this.#inflated) return this.#file
    const compressed = this.#file
    this.#file = await inflate(compressed, this.#directory)
    this.#inflated = true
    await compressed.close()
    return this.#file
  }
}

async function inflate(source: FileHandle, directory: string): Promise<FileHandle> {
  const path = join(directory, `.inflated-${randomBytes(6).toString('hex')}`)
  const target = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    await pipeline(
      createReadStream('', { fd: source.fd, start: 0, autoClose: false }),
      createGunzip({ chunkSize: INFLATE_CHUNK }),
      createWriteStream('', { fd: target.fd, autoClose: false }),
    )
    return target
  } catch (error) {
    await target.close()
    throw error
  }
}

/** Rotations that one look at the files may be disturbed by. */
const ATTEMPTS = 5

/** Oldest first. */
export function openSegments(files: LogFiles): Promise<Segment[]> {
  return files.naming === 'segments' ? openNamed(files) : openNumbered(files)
}

async function openNamed(files: LogFiles): Promise<Segment[]> {
  const segments: Segment[] = []
  for (const named of await listLogFiles(files)) {
    const segment = await Segment.open(named)
    // Else it was the oldest, and has been removed since.
    if (segment) segments.push(segment)
  }
  return segments
}

/**
 * From the newest back: a file that a rotation renames meanwhile is met twice rather than never. The
 * rotation leaves a gap while it goes on, never two side by side. `until`: no further than there.
 */
async function openNumbered(files: LogFiles, until?: bigint): Promise<Segment[]> {
  const segments: Segment[] = []
  for (let number = 0, gaps = 0; gaps < 2; number++) {
    const path = number === 0 ? files.path : `${files.path}.${number}`
    const segment = await Segment.open({ path, compressed: false, start: 0 })
    gaps = segment ? 0 : gaps + 1
    if (!segment) continue
    const known = segments.some(({ inode }) => inode === segment.inode)
    if (known) await segment[Symbol.asyncDispose]()
    else segments.unshift(segment)
    if (segment.inode === until) break
  }
  return segments
}

/** The segment that was begun after `current`; undefined while that is the newest. */
export function segmentAfter(files: LogFiles, current: Segment): Promise<Segment | undefined> {
  return files.naming === 'segments' ? namedAfter(files, current) : numberedAfter(files, current)
}

async function namedAfter(files: LogFiles, current: Segment): Promise<Segment | undefined> {
  for (const named of await listLogFiles(files)) {
    if (named.start <= current.start) continue
    const segment = await Segment.open(named)
    if (segment) return segment
  }
  return undefined
}

async function numberedAfter(files: LogFiles, current: Segment): Promise<Segment | undefined> {
  // Most often nothing has changed.
  const newest = await stat(files.path, { bigint: true }).catch(() => undefined)
  if (newest?.ino === current.inode) return undefined
  for (let attempt = 1; ; attempt++) {
    const [oldest, next, ...others] = await openNumbered(files, current.inode)
    for (const other of others) await other[Symbol.asyncDispose]()
    const isFound = oldest?.inode === current.inode
    // Rotated out of existence: go on with the oldest there is.
    const [taken, left] = isFound || attempt < ATTEMPTS ? [next, oldest] : [oldest, next]
    await left?.[Symbol.asyncDispose]()
    if (isFound || attempt === ATTEMPTS) return taken
    await taken?.[Symbol.asyncDispose]()
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
