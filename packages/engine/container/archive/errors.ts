import { getSystemErrorMessage } from 'node:util'
import { KernelError } from '@tdocker/kernel/native.ts'
import { type EngineError, notFound, system } from '../../base/errors.ts'

/** Go's words where they differ from libuv's. */
const WORDS: Readonly<Record<string, string>> = {
  ENOTDIR: 'not a directory',
  ELOOP: 'too many levels of symbolic links',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  EBUSY: 'device or resource busy',
  ENOSPC: 'no space left on device',
  ENAMETOOLONG: 'file name too long',
  EDQUOT: 'disk quota exceeded',
  EOPNOTSUPP: 'operation not supported',
}

/** `container` as the client called it. */
export const fileNotFound = (path: string, container: string): EngineError =>
  notFound(`Could not find the file ${path} in container ${container}`)

/** A path that could not be looked up, as moby says it. */
export function lookupError(error: unknown, path: string, container: string): unknown {
  if (!(error instanceof KernelError)) return error
  if (error.code === 'ENOENT') return fileNotFound(path, container)
  return system(`${error.syscall} ${path}: ${reason(error)}`, error)
}

export function reason(error: KernelError): string {
  return WORDS[error.code] ?? getSystemErrorMessage(-Math.abs(error.errno))
}
