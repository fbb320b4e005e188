import { lstatSync, readlinkSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { goPathError } from '../flag/spec/environment.ts'
import {
  assertsDirectory,
  base,
  endsWithSlash,
  isCurrentDirectory,
  join,
  resolveLinks,
  splitEntry,
} from './path.ts'

/** One end of a copy: where it is, whether it is there, and as what. */
export interface CopyEnd {
  readonly path: string
  readonly exists: boolean
  readonly isDirectory: boolean
  /** Name the user wrote, where following a link changed the last element. */
  readonly rebaseName: string
}

/**
 * A local source. Links before the last slash are followed, the last element only with
 * `followLink`. Throws Go's sentence where there is none.
 */
export function sourceEnd(path: string, followLink: boolean): CopyEnd {
  const { resolved, rebaseName } = followLink ? followed(path) : besideParent(path)
  const isDirectory = localStat(resolved).isDirectory()
  return { path: resolved, exists: true, isDirectory, rebaseName }
}

function followed(path: string): { resolved: string; rebaseName: string } {
  return rebase(path, resolveLinks(path))
}

function besideParent(path: string): { resolved: string; rebaseName: string } {
  const slash = path.lastIndexOf('/') + 1
  const parent = resolveLinks(path.slice(0, slash) || '.')
  const resolved = `${parent}/${path.slice(slash)}`
  const renamed = endsWithSlash(path) && base(path) !== base(resolved)
  return { resolved, rebaseName: renamed ? base(path) : '' }
}

/** The ending of `path` on what it resolved to, and the name to keep if the last element changed. */
export function rebase(path: string, target: string): { resolved: string; rebaseName: string } {
  let resolved = target
  if (isCurrentDirectory(path) && !isCurrentDirectory(resolved)) resolved += '/.'
  if (endsWithSlash(path) && !endsWithSlash(resolved)) resolved += '/'
  return { resolved, rebaseName: base(path) === base(resolved) ? '' : base(path) }
}

function localStat(path: string): Stats {
  try {
    return lstatSync(path)
  } catch (error) {
    throw new Error(goPathError('lstat', path, error))
  }
}

const maxLinks = 10

/** A local destination: links are followed, also to what is not there yet; its parent must be. */
export function destinationEnd(original: string): CopyEnd {
  let path = original
  let stat = lstatSync(path, { throwIfNoEntry: false })
  for (let count = 0; stat?.isSymbolicLink(); count++) {
    if (count > maxLinks) throw new Error(`too many symlinks in ${original}`)
    path = linkTarget(path, readlinkSync(path))
    stat = lstatSync(path, { throwIfNoEntry: false })
  }
  if (stat) return { path, exists: true, isDirectory: stat.isDirectory(), rebaseName: '' }
  checkParent(splitEntry(path).directory)
  return { path, exists: false, isDirectory: false, rebaseName: '' }
}

function checkParent(directory: string): void {
  let stat: Stats
  try {
    stat = statSync(directory)
  } catch (error) {
    throw new Error(goPathError('stat', directory, error))
  }
  if (!stat.isDirectory()) throw new Error('not a directory')
}

/** Where a link at `path` leads. */
export function linkTarget(path: string, target: string): string {
  return target.startsWith('/') ? target : join(splitEntry(path).directory, target)
}

/** Directory to unpack in, and how the names in the archive change. */
export interface CopyPlan {
  readonly directory: string
  readonly rename: (name: string) => string
}

/**
 * What a copy means, by what both ends are: into an existing directory, over a file, or as a new
 * name beside its parent.
 */
export function planCopy(source: CopyEnd, destination: CopyEnd): CopyPlan {
  if (destination.exists && destination.isDirectory) {
    return { directory: destination.path, rename: (name) => name }
  }
  if (destination.exists && source.isDirectory) throw new Error('cannot copy directory')
  if (!destination.exists && !source.isDirectory && assertsDirectory(destination.path)) {
    throw new Error('no such directory')
  }
  const { directory, entry } = splitEntry(destination.path)
  const from = source.rebaseName || splitEntry(source.path).entry
  return { directory, rename: renamer(from, entry) }
}

/** Replaces the base at the beginning of names; of the root only the slash is there. */
export function renamer(from: string, to: string): (name: string) => string {
  const old = from === '/' ? '' : from
  return (name) => name.replace(old, () => to)
}

/** Names in the archive of a source: its own, or the one the user wrote for a followed link. */
export function sourceNames({ path, rebaseName }: CopyEnd): (name: string) => string {
  if (rebaseName === '') return (name) => name
  return renamer(splitEntry(path).entry, rebaseName === '/' ? '' : rebaseName)
}
