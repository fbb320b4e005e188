import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

/** One file of a rotated log, opened: rotation may rename it, its content stays. */
export interface Segment extends AsyncDisposable {
  readonly inode: bigint
  /** Bytes now; grows while the segment is the newest. */
  size(): Promise<number>
  read(position: number, length: number): Promise<Buffer>
}

/** `path.N` … `path.1`, `path`: oldest first; compressed ones end in `.gz`. */
export async function openSegments(path: string): Promise<Segment[]> {
  const segments: Segment[] = []
  for (let n = 0; ; n++) {
    const segment = await openSegment(n === 0 ? path : `${path}.${n}`)
    if (!segment && n > 0) break
    if (segment) segments.unshift(segment)
  }
  return segments
}

/** undefined when neither `path` nor `path.gz` is there. */
export async function openSegment(path: string): Promise<Segment | undefined> {
  const plain = await openIfThere(path)
  if (plain) return new PlainSegment(plain, (await plain.stat({ bigint: true })).ino)
  const compressed = await openIfThere(`${path}.gz`)
  if (!compressed) return undefined
  try {
    const { ino } = await compressed.stat({ bigint: true })
    return new InflatedSegment(await promisify(gunzip)(await compressed.readFile()), ino)
  } finally {
    await compressed.close()
  }
}

class PlainSegment implements Segment {
  readonly inode: bigint
  readonly #file: FileHandle
  constructor(file: FileHandle, inode: bigint) {
    this.#file = file
    this.inode = inode
  }
  async size(): Promise<number> {
    return (await this.#file.stat()).size
  }
  async read(position: number, length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read(
      Buffer.allocUnsafe(length),
      0,
      length,
      position,
    )
    return buffer.subarray(0, bytesRead)
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}

class InflatedSegment implements Segment {
  readonly inode: bigint
  readonly #content: Buffer
  constructor(content: Buffer, inode: bigint) {
    this.#content = content
    this.inode = inode
  }
  size(): Promise<number> {
    return Promise.resolve(this.#content.length)
  }
  read(position: number, length: number): Promise<Buffer> {
    return Promise.resolve(Buffer.from(this.#content.subarray(position, position + length)))
  }
  async [Symbol.asyncDispose](): Promise<void> {}
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
