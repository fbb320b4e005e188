import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream, statSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
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

async function openNumbered(files: LogFiles): Promise<Segment[]> {
  const segments: Segment[] = []
  for (const [number, inode] of (await numberedInodes(files)).entries()) {
    const segment = await openByInode(files, number, inode)
    if (segment) segments.unshift(segment)
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
  if (inodeOf(files.path) === current.inode) return undefined
  const inodes = await numberedInodes(files)
  const at = inodes.indexOf(current.inode)
  // Rotated out of existence: go on with the oldest there is.
  for (let number = at === -1 ? inodes.length - 1 : at - 1; number >= 0; number--) {
    const segment = await openByInode(files, number, inodes[number]!)
    if (segment) return segment
  }
  return undefined
}

/** A rotation may have moved it on since it was seen at `number`. */
async function openByInode(
  files: LogFiles,
  number: number,
  inode: bigint,
): Promise<Segment | undefined> {
  for (let gaps = 0; gaps < 2; number++) {
    const segment = await Segment.open({ path: pathOf(files, number), compressed: false, start: 0 })
    if (segment?.inode === inode) return segment
    gaps = segment ? 0 : gaps + 1
    await segment?.[Symbol.asyncDispose]()
  }
  return undefined
}

/** Rotations that looks at the files may be disturbed by, one after the other. */
const ATTEMPTS = 50

/** Inodes by number, of one moment: newest first. */
async function numberedInodes(files: LogFiles): Promise<bigint[]> {
  for (let attempt = 1; ; attempt++) {
    const inodes = lookAt(files)
    if (inodes) return inodes
    // The writer is gone amid a rotation: what is there does not change any more.
    if (attempt === ATTEMPTS) return lookAt(files, { settled: true }) ?? []
    await setImmediate()
  }
}

/**
 * Synchronously, some microseconds a file: a rotation is about as fast. undefined when one came in
 * between. It moves files on one by one, so meanwhile there is one gap, never two side by side.
 */
function lookAt(files: LogFiles, o: { settled?: boolean } = {}): bigint[] | undefined {
  const inodes = new Set<bigint>()
  const newest = inodeOf(files.path)
  if (newest === undefined && !o.settled && inodeOf(pathOf(files, 1)) !== undefined)
    return undefined
  for (let number = 0, gaps = 0; gaps < 2; number++) {
    const path = pathOf(files, number)
    const inode = number === 0 ? newest : (inodeOf(path) ?? inodeOf(`${path}.gz`))
    gaps = inode === undefined ? gaps + 1 : 0
    if (inode === undefined) continue
    if (inodes.has(inode) && !o.settled) return undefined
    inodes.add(inode)
  }
  return inodeOf(files.path) === newest || o.settled ? [...inodes] : undefined
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

function pathOf(files: LogFiles, number: number): string {
  return number === 0 ? files.path : `${files.path}.${number}`
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
