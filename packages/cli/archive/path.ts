import { realpathSync, lstatSync } from 'node:fs'
import { posix } from 'node:path'
import { goPathError } from '../flag/spec/environment.ts'

/** Paths the way Go's filepath package reads them: what `cp` does depends on its corners. */

/** No trailing slash, no `.` or `..` inside; the empty path is `.`. */
export function clean(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

/** Last element; `/` of the root, `.` of nothing. */
export function base(path: string): string {
  if (path === '') return '.'
  return posix.basename(path) || '/'
}

export function endsWithSlash(path: string): boolean {
  return path.endsWith('/')
}

/** The last element is `.`: the contents of a directory are meant, not the directory. */
export function isCurrentDirectory(path: string): boolean {
  return base(path) === '.'
}

export function assertsDirectory(path: string): boolean {
  return endsWithSlash(path) || isCurrentDirectory(path)
}

/** Gives a cleaned path the trailing `/` or `/.` that the user wrote. */
export function keepEnding(cleaned: string, original: string): string {
  let path = cleaned
  if (!isCurrentDirectory(path) && isCurrentDirectory(original)) {
    path = `${endsWithSlash(path) ? path : `${path}/`}.`
  }
  return !endsWithSlash(path) && endsWithSlash(original) ? `${path}/` : path
}

/** Directory and last element, where a trailing `.` counts as an element. */
export function splitEntry(path: string): { directory: string; entry: string } {
  const full = isCurrentDirectory(path) ? `${clean(path)}/.` : clean(path)
  return { directory: clean(full.slice(0, full.lastIndexOf('/') + 1) || '.'), entry: base(full) }
}

/** `/`-separated join, cleaned. */
export function join(...parts: readonly string[]): string {
  return clean(parts.filter((part) => part !== '').join('/'))
}

/** The real path; of a missing one the error names the first element that is not there. */
export function resolveLinks(path: string): string {
  try {
    return realpathSync.native(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') throw new Error('not a directory')
    throw new Error(goPathError('lstat', firstMissing(path), error))
  }
}

function firstMissing(path: string): string {
  const parts = clean(path).split('/')
  for (let count = 1; count <= parts.length; count++) {
    const prefix = parts.slice(0, count).join('/') || '/'
    if (!lstatSync(prefix, { throwIfNoEntry: false })) return prefix
  }
  return path
}
