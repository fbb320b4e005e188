/** Turns a kept directory into what a listing says: by descriptors, whatever links lie in it. */
import type { ListingRow } from '@tdocker/api/build-session/listing.ts'
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, copyFile, mkdir, rename, rm, unlink, utimes } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { KernelError, type Native } from '@tdocker/kernel/native.ts'
import { system } from '../../../base/errors.ts'
import { type Changes, type ContentSource, parentOf } from './changes.ts'
import { isThere } from './wanted-entries.ts'

export type KeptNative = Pick<
  Native,
  'closeFd' | 'decompressor' | 'openRoot' | 'pathOpen' | 'removeTree' | 'tarUnpacker'
>

/** Files at work at a time. */
const WIDTH = 16

interface Place {
  native: KeptNative
  /** Of the files. */
  root: number
}

/** `receive` fills in what is wanted, when what is in its way is gone. */
export async function applyChanges(
  native: KeptNative,
  o: {
    /** Where its files are; beside it is room for more. */
    directory: string
    rows: readonly ListingRow[]
    changes: Changes
    receive(): Promise<void>
  },
): Promise<void> {
  const { rows, changes } = o
  const staging = `${o.directory}.${randomBytes(6).toString('hex')}`
  const root = native.openRoot(o.directory)
  const place = { native, root }
  try {
    if (changes.copy.length > 0) await mkdir(staging, { mode: 0o700 })
    // Before anything goes: what is copied may lie there.
    await inParallel(changes.copy, ({ from }, at) => stage(native, from, join(staging, String(at))))
    await inParallel(changes.remove, (path) => remove(place, path))
    await inParallel(changes.touch, (row) => touch(place, rows[row]!))
    await o.receive()
    // What went away at the client before it was sent may still be here from the last time.
    const lost = changes.want.flatMap((row) => (isThere(rows[row]!) ? [] : [rows[row]![1]]))
    await inParallel(lost, (path) => remove(place, path))
    await inParallel(changes.copy, async ({ row }, at) => {
      const path = rows[row]![1]
      await within(place, parentOf(path), (parent) =>
        rename(join(staging, String(at)), join(parent, posix.basename(path))),
      )
      await touch(place, rows[row]!)
    })
    const changed = new Set(changes.copy.map(({ row }) => parentOf(rows[row]![1])))
    const directories = rows.filter(([kind, path]) => kind === 'd' && changed.has(path))
    await inParallel(directories, (row) => touch(place, row))
  } finally {
    native.closeFd(root)
    if (changes.copy.length > 0) await rm(staging, { recursive: true, force: true })
  }
}

async function stage(native: KeptNative, from: ContentSource, to: string): Promise<void> {
  const root = native.openRoot(from.directory)
  try {
    const { fd, stat } = await native.pathOpen({ root, path: from.path, follow: false })
    try {
      if (stat.type !== 'file') throw changedMeanwhile(from.path)
      await copyFile(`/proc/self/fd/${fd}`, to, constants.COPYFILE_FICLONE)
    } finally {
      native.closeFd(fd)
    }
  } finally {
    native.closeFd(root)
  }
}

/** Calls `use` with a path that leads to the directory, whatever its name leads to by then. */
async function within<T>(
  { native, root }: Place,
  path: string,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const { fd, stat } = await native.pathOpen({ root, path: path || '.', follow: true })
  try {
    if (stat.type !== 'directory') throw changedMeanwhile(path)
    return await use(`/proc/self/fd/${fd}`)
  } finally {
    native.closeFd(fd)
  }
}

async function remove(place: Place, path: string): Promise<void> {
  try {
    await within(place, parentOf(path), async (parent) => {
      const whole = join(parent, posix.basename(path))
      try {
        await unlink(whole)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code !== 'EISDIR' && code !== 'EPERM') throw error
        await place.native.removeTree(whole)
      }
    })
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
}

async function touch({ native, root }: Place, row: ListingRow): Promise<void> {
  const [kind, path, mode, , mtime] = row
  const { fd, stat } = await native.pathOpen({ root, path, follow: false })
  try {
    if (stat.type !== (kind === 'd' ? 'directory' : 'file')) throw changedMeanwhile(path)
    const pinned = `/proc/self/fd/${fd}`
    await chmod(pinned, mode)
    await utimes(pinned, Math.max(0, mtime), Math.max(0, mtime))
  } finally {
    native.closeFd(fd)
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException | KernelError
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function changedMeanwhile(path: string): Error {
  return system(`a kept context is not what it was: ${path}`)
}

async function inParallel<T>(
  items: readonly T[],
  work: (item: T, at: number) => Promise<void>,
): Promise<void> {
  const left = items.entries()
  const worker = async (): Promise<void> => {
    for (const [at, item] of left) await work(item, at)
  }
  await Promise.all(Array.from({ length: Math.min(WIDTH, items.length) }, worker))
}
