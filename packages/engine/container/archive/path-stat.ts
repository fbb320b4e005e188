import type { FileStat } from '@tdocker/kernel/native.ts'
import type { PathStat } from '../../backend-types.ts'
import { formatTime } from '../clock.ts'
import type { Context } from '../context.ts'

/** Go's `fs.FileMode` bits above the nine of permission. */
const TYPE_BITS: Readonly<Record<FileStat['type'], number>> = {
  file: 0,
  directory: 2 ** 31,
  symlink: 2 ** 27,
  block: 2 ** 26,
  char: 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
}
const SETUID = 2 ** 23
const SETGID = 2 ** 22
const STICKY = 2 ** 20

export function goFileMode(stat: Pick<FileStat, 'type' | 'mode'>): number {
  const special =
    (stat.mode & 0o4000 ? SETUID : 0) +
    (stat.mode & 0o2000 ? SETGID : 0) +
    (stat.mode & 0o1000 ? STICKY : 0)
  return TYPE_BITS[stat.type] + special + (stat.mode & 0o777)
}

/** What `X-Docker-Container-Path-Stat` tells of `path`. */
export async function pathStat(
  ctx: Context,
  root: number,
  path: string,
  stat: FileStat,
): Promise<PathStat> {
  return {
    name: baseName(path),
    size: stat.size,
    mode: goFileMode(stat),
    mtime: formatTime(printable(stat.mtimeNs)),
    // As far as it can be followed.
    linkTarget: stat.type === 'symlink' ? await ctx.native.resolveIn({ root, path }) : '',
  }
}

const SECOND = 1_000_000_000n

/** Before 1970 in whole seconds; years of five digits, which RFC 3339 has not, as the last of four. */
export function printable(ns: bigint): bigint {
  const limit = 253_402_300_799n * SECOND
  if (ns >= 0n) return ns < limit ? ns : limit
  const floor = ns - (((ns % SECOND) + SECOND) % SECOND)
  const year0 = -62_135_596_800n * SECOND
  return floor > year0 ? floor : year0
}

/** Go's `filepath.Base`. */
export function baseName(path: string): string {
  if (path === '') return '.'
  return path.replace(/\/+$/, '').split('/').pop() || '/'
}

/** Cleaned and absolute; `/.` or `/` at the end stay, as they ask for what a link leads to. */
export function absolutePath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  const clean = `/${parts.join('/')}`
  const slash = clean === '/' ? '' : '/'
  if (baseName(path) === '.') return `${clean}${slash}.`
  return path.endsWith('/') ? `${clean}${slash}` : clean
}
