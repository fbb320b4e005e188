import { KernelError } from '@tdocker/kernel'
import { EngineError, cancelled, system } from '../base/errors.ts'
import { StoreError } from '../store/store.ts'

const KERNEL: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on device',
  EDQUOT: 'disk quota exceeded',
  // The limit given is the space that is free.
  EFBIG: 'no space left on device',
  EBADMSG: 'unexpected EOF',
  EINVAL: 'archive/tar: invalid tar header',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ENAMETOOLONG: 'file name too long',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  ELOOP: 'too many levels of symbolic links',
  EOPNOTSUPP: 'operation not supported',
  EXDEV: 'outside of the layer',
}

/** zlib's codes in the words of Go's compress packages. */
const ZLIB: Readonly<Record<string, string>> = {
  Z_DATA_ERROR: 'gzip: invalid header',
  Z_BUF_ERROR: 'unexpected EOF',
}

/** What went wrong while a layer was unpacked, as moby says it. */
export function unpackError(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  if (error instanceof Error && error.name === 'AbortError') return cancelled('context canceled')
  return system(`failed to register layer: ${reasonOf(error)}`, error)
}

/** Failures of this machine while a layer comes, not of the registry: passed on in moby's words. */
export function localError(error: unknown): unknown {
  if (error instanceof StoreError || error instanceof KernelError) return unpackError(error)
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' && Object.hasOwn(KERNEL, code) ? unpackError(error) : error
}

/** Without what was being done. */
export function reasonOf(error: unknown): string {
  if (error instanceof StoreError && error.code === 'SQLITE_FULL') return 'no space left on device'
  if (error instanceof KernelError) {
    const reason = KERNEL[error.code] ?? error.code
    return error.path === undefined ? reason : `${error.syscall} ${error.path}: ${reason}`
  }
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: string }
  return KERNEL[code ?? ''] ?? ZLIB[code ?? ''] ?? error.message
}
