import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, unlink } from 'node:fs/promises'
import { createReadStream, createWriteStream } from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type LogFile, type LogFiles, listLogFiles, replaceByCompressed } from './log-files.ts'
import type { LogReaders } from './log-readers.ts'

const CHUNK = 1024 * 1024
/** Lines repeat so much that more effort saves little. */
const LEVEL = 3
const PREFIX = '.compressed-'

export interface CompressJob {
  files: LogFiles
  /** Segments that end behind this place stay plain: they are still to be sent. */
  upTo?: () => number
  /** Puts the copy in the place of a numbered file, whatever that is called by now. */
  swap(o: { inode: bigint; replacement: string }): Promise<void>
  readers: LogReaders
}

/**
 * Compresses rotated log files, one at a time for the whole daemon: into a file of its own, synced,
 * then renamed. What a crash leaves is removed at the next look.
 */
export class Compressor {
  readonly #waiting = new Map<string, CompressJob>()
  readonly #warn: (fields: object, message: string) => void
  #running: Promise<void> | undefined

  constructor(warn: (fields: object, message: string) => void) {
    this.#warn = warn
  }

  /** In the background; once more for a log that is being looked at already. */
  request(job: CompressJob): void {
    this.#waiting.set(job.files.path, job)
    this.#running ??= this.#run()
  }

  /** Forgets a log that is about to be removed. */
  forget(files: LogFiles): void {
    this.#waiting.delete(files.path)
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** What waits is left for the next daemon. */
  async close(): Promise<void> {
    this.#waiting.clear()
    await this.#running
  }

  async #run(): Promise<void> {
    for (;;) {
      const [job] = this.#waiting.values()
      if (!job) break
      this.#waiting.delete(job.files.path)
      await compressRotated(job).catch((err: unknown) =>
        this.#warn({ err, path: job.files.path }, 'log not compressed'),
      )
    }
    this.#running = undefined
  }
}

/** All rotated files of one log. */
export async function compressRotated(job: CompressJob): Promise<void> {
  await removeLeftOvers(dirname(job.files.path))
  const all = await listLogFiles(job.files)
  const limit = job.upTo?.() ?? Infinity
  for (const [index, file] of all.entries()) {
    const next = all[index + 1]
    if (!next) return
    if (next.start > limit) return
    if (!file.compressed && !(await compressOne(job, file))) return
  }
}

/** false when a reader is at the file: it and those after it stay as they are for now. */
async function compressOne(job: CompressJob, file: LogFile): Promise<boolean> {
  const replacement = join(dirname(file.path), `${PREFIX}${randomBytes(6).toString('hex')}`)
  try {
    await using source = await open(file.path, 'r')
    const { ino: inode } = await source.stat({ bigint: true })
    if (job.readers.isAt(job.files, inode)) return false
    await gzip(source, replacement)
    if (job.files.naming === 'segments') await replaceByCompressed(file.path, replacement)
    else if (!(await swap(job, { inode, replacement }))) return false
  } catch (error) {
    await unlink(replacement).catch(() => {})
    // Rotated away meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return true
}

async function swap(
  { files, readers, swap: put }: CompressJob,
  o: { inode: bigint; replacement: string },
): Promise<boolean> {
  const done = await readers.exclusive(files, async () => {
    if (readers.isAt(files, o.inode)) return false
    await put(o)
    return true
  })
  if (!done) await unlink(o.replacement)
  return done
}

async function gzip(source: FileHandle, to: string): Promise<void> {
  await using target = await open(to, 'wx', 0o640)
  await pipeline(
    createReadStream('', { fd: source.fd, start: 0, autoClose: false, highWaterMark: CHUNK }),
    createGzip({ level: LEVEL, chunkSize: CHUNK }),
    createWriteStream('', { fd: target.fd, autoClose: false }),
  )
  await target.sync()
}

async function removeLeftOvers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names)
    if (name.startsWith(PREFIX)) await unlink(join(directory, name)).catch(() => {})
}

/** `swap` where no shim renames files meanwhile. ENOENT when the file is not there any more. */
export async function swapNumbered(
  files: LogFiles,
  o: { inode: bigint; replacement: string },
): Promise<void> {
  for (const { path, compressed } of await listLogFiles(files)) {
    if (compressed || path === files.path) continue
    await using file = await open(path, 'r')
    if ((await file.stat({ bigint: true })).ino !== o.inode) continue
    return replaceByCompressed(path, o.replacement)
  }
  throw Object.assign(new Error('rotated away'), { code: 'ENOENT' })
}
