import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { KernelError } from '../native.ts'
import { type CgroupFs, isErrno } from './fs.ts'

/** What both versions do with directories of groups. */

/**
 * Refuses paths that are not below a group of their own: `/tdocker/<id>`, never `/` or `/x`, and
 * nothing with `.`, `..` or empty parts.
 */
export function checkGroupPath(path: string): void {
  const parts = path.split('/').slice(1)
  const clean = parts.every((part) => part !== '' && part !== '.' && part !== '..')
  if (!path.startsWith('/') || parts.length < 2 || !clean || path.includes('\0')) {
    throw new KernelError('EINVAL', 22, 'cgroup', path)
  }
}

/** ['/a/b'] of '/a/b/c' is every group above it, topmost first: ['/a', '/a/b']. */
export function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}

/** The directory and all below it, deepest first. */
export function deepestFirst(fs: CgroupFs, directory: string): string[] {
  let names: string[]
  try {
    names = fs.directories(directory)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return []
    throw error
  }
  return [...names.flatMap((name) => deepestFirst(fs, `${directory}/${name}`)), directory]
}

/** Pids of a group and of those below it. */
export function readPids(fs: CgroupFs, directory: string): number[] {
  return deepestFirst(fs, directory).flatMap((group) => {
    try {
      return fs.read(`${group}/cgroup.procs`).split('\n').filter(Boolean).map(Number)
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENODEV')) return []
      throw error
    }
  })
}

/** undefined when the file, or the group it belongs to, is not there. */
export function readIfThere(fs: CgroupFs, path: string): string | undefined {
  try {
    return fs.read(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return undefined
    throw error
  }
}

/** A `key value` line of a flat keyed file; undefined when it is not there. */
export function readKey(text: string, key: string): number | undefined {
  for (const line of text.split('\n')) {
    if (line.startsWith(`${key} `)) return Number(line.slice(key.length + 1))
  }
  return undefined
}

/**
 * Tries on every turn of the event loop for a moment before it begins to wait: for what the kernel
 * does within microseconds, where a timer's millisecond would be most of the time.
 */
export async function retrySoon(done: () => boolean): Promise<boolean> {
  if (done()) return true
  const until = performance.now() + 1
  while (performance.now() < until) {
    await nextTurn()
    if (done()) return true
  }
  return retry(done)
}

/** About 6 s in all: a dying process leaves its group only when it is reaped. */
const patience = [1, 1, 2, 3, 5, 8, 13, 20, 50, 100, 200, 500, 1000, 2000, 2000]

/** Tries until `done` says so; false when it never does. */
export async function retry(done: () => boolean): Promise<boolean> {
  if (done()) return true
  for (const ms of patience) {
    await delay(ms)
    if (done()) return true
  }
  return false
}

/** Removes groups, each with those below it. EBUSY is awaited within bounds. */
export async function removeTrees(fs: CgroupFs, directories: readonly string[]): Promise<void> {
  let left = [...directories]
  let failure: unknown
  const emptied = await retry(() => {
    left = left.filter((directory) => {
      try {
        removeNow(fs, directory)
        return false
      } catch (error) {
        if (!isErrno(error, 'EBUSY', 'ENOTEMPTY')) throw error
        failure = error
        return true
      }
    })
    return left.length === 0
  })
  if (!emptied) throw failure
}

/** The usual case, a group without children, costs one system call. */
function removeNow(fs: CgroupFs, directory: string): void {
  try {
    fs.rmdir(directory)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    const children = deepestFirst(fs, directory)
    if (children.length <= 1) throw error
    for (const child of children) fs.rmdir(child)
  }
}
