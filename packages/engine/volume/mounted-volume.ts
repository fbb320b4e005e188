import { KernelError, type Native } from '@tdocker/kernel/native.ts'
import { errnoText } from '../base/errno.ts'
import type { VolumeTree } from '../container/needs.ts'
import { invalidParameter, notFound, system } from '../base/errors.ts'

export type TreeNative = Pick<Native, 'volumeTree'>

/**
 * `subpath` of a directory of the host, or of what a mount namespace has as its root. Nothing in it
 * is followed: another container may write there. Throws in moby's words (daemon/volume/safepath).
 */
export async function treeOf(
  native: TreeNative,
  o: { keeper?: number; path: string; subpath: string; recursive?: boolean },
): Promise<VolumeTree> {
  const { keeper, path, subpath } = o
  if (keeper === undefined && subpath === '') return { source: { path }, directory: true }
  const inside = keeper === undefined ? { base: path } : { base: '/', mntnsFd: keeper }
  try {
    const { fd, directory } = await native.volumeTree({
      ...inside,
      subpath,
      recursive: o.recursive ?? true,
    })
    return { source: { fd }, directory, ...(keeper === undefined ? {} : { keeper }) }
  } catch (error) {
    throw treeError(error, path, subpath)
  }
}

/** What keeps a part of a tree from being mounted, in moby's words. */
export function treeError(error: unknown, base: string, subpath: string): Error {
  if (!(error instanceof KernelError)) return error as Error
  const reason = errnoText(error.errno)
  if (error.syscall === 'openat2') {
    if (error.code === 'EXDEV')
      return invalidParameter(
        `path concatenation escapes the base directory, base: ${base}, subpath: ${subpath}`,
      )
    const absent = error.code === 'ENOENT' || error.code === 'ELOOP'
    return absent
      ? notFound(`cannot access path ${base}/${subpath}: ${reason}`, error)
      : system(`openat2 ${subpath}: ${reason}`, error)
  }
  if (error.syscall === 'open') return notFound(`cannot access path ${base}: ${reason}`, error)
  return system(`failed to mount resolved path: ${reason}`, error)
}
