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
/** Until a file that is being read is looked at again. */
const READ_WAIT_MS = 1000
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
  #active: Activity | undefined
  #closed = false

  constructor(warn: (fields: object, message: string) => void) {
    this.#warn = warn
  }

  /** In the background; once more for a log that is being looked at already. */
  request(job: CompressJob): void {
    if (this.#closed) return
    this.#waiting.set(job.files.path, job)
    this.#running ??= this.#run()
  }

  /** For a log that is about to be removed: resolves when nothing more is written beside it. */
  async forget(files: LogFiles): Promise<void> {
    this.#waiting.delete(files.path)
    if (this.#active?.path !== files.path) return
    this.#active.abort.abort()
    // Not for the swap: that may wait for the container's lock, which our caller holds.
    await this.#active.writing?.catch(() => {})
  }

  /** What waits is left for the next daemon. */
  async close(): Promise<void> {
    this.#closed = true
    this.#waiting.clear()
    this.#active?.abort.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    for (;;) {
      const [job] = this.#waiting.values()
      if (!job) break
      this.#waiting.delete(job.files.path)
      const active: Activity = { path: job.files.path, abort: new AbortController() }
      this.#active = active
      const isComplete = await compressRotated(job, active).catch((err: unknown) => {
        if (!active.abort.signal.aborted)
          this.#warn({ err, path: active.path }, 'log not compressed')
        return true
      })
      if (!isComplete) setTimeout(() => this.request(job), READ_WAIT_MS).unref()
    }
    this.#active = undefined
    this.#running = undefined
  }
}

/** The log that is being worked on. */
interface Activity {
  path: string
  abort: AbortController
  writing?: Promise<void>
}

/** All rotated files of one log. false when some were left because readers are at them. */
export async function compressRotated(job: CompressJob, activity?: Activity): Promise<boolean> {
  await removeLeftOvers(dirname(job.files.path))
  const all = await listLogFiles(job.files)
  const limit = job.upTo?.() ?? Infinity
  let isComplete = true
  // The youngest first: they stay longest. The newest of all is still being written.
  for (let index = all.length - 2; index >= 0; index--) {
    if (activity?.abort.signal.aborted) return true
    const file = all[index]!
    if (file.compressed || all[index + 1]!.start > limit) continue
    const outcome = await compressOne(job, file, activity)
    if (outcome === 'read') isComplete = false
    // Rotated while we were at it; whoever tells of that asks for another pass.
    if (outcome === 'gone') break
  }
  return isComplete
}

async function compressOne(
  job: CompressJob,
  file: LogFile,
  activity: Activity | undefined,
): Promise<'done' | 'read' | 'gone'> {
  const replacement = join(dirname(file.path), `${PREFIX}${randomBytes(6).toString('hex')}`)
  try {
    await using source = await open(file.path, 'r')
    const { ino: inode } = await source.stat({ bigint: true })
    if (job.readers.isAt(job.files, inode)) return 'read'
    // From here to the next `await` nobody else runs: who forgets the log waits for the writing.
    activity?.abort.signal.throwIfAborted()
    const writing = write(job.files, { source, path: file.path, replacement }, activity)
    if (activity) activity.writing = writing
    await writing
    if (job.files.naming === 'numbered') return await swap(job, { inode, replacement })
  } catch (error) {
    await unlink(replacement).catch(() => {})
    // Rotated away meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return 'gone'
  }
  return 'done'
}

/** Makes the copy; a file that keeps its name is replaced as well. */
async function write(
  { naming }: LogFiles,
  o: { source: FileHandle; path: string; replacement: string },
  activity: Activity | undefined,
): Promise<void> {
  await gzip(o.source, o.replacement, activity?.abort.signal)
  if (naming === 'segments') await replaceByCompressed(o.path, o.replacement)
}

async function swap(
  { files, readers, swap: put }: CompressJob,
  o: { inode: bigint; replacement: string },
): Promise<'done' | 'read'> {
  const done = await readers.exclusive(files, async () => {
    if (readers.isAt(files, o.inode)) return false
    await put(o)
    return true
  })
  if (!done) await unlink(o.replacement)
  return done ? 'done' : 'read'
}

async function gzip(source: FileHandle, to: string, signal?: AbortSignal): Promise<void> {
  await using target = await open(to, 'wx', 0o640)
  await pipeline(
    createReadStream('', { fd: source.fd, start: 0, autoClose: false, highWaterMark: CHUNK }),
    createGzip({ level: LEVEL, chunkSize: CHUNK }),
    createWriteStream('', { fd: target.fd, autoClose: false }),
    { signal },
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
