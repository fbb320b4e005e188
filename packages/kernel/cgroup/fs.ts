import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  statSync,
  writeSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { KernelError } from '../native.ts'

/**
 * The few file operations of the cgroup drivers. All are synchronous: cgroupfs is memory of the
 * kernel, an operation takes microseconds, a trip through the thread pool would take longer.
 * Failures are `KernelError`s.
 */
export interface CgroupFs {
  read(path: string): string
  /** One write(2) per value on one descriptor: the kernel reads each as a command of its own. */
  write(path: string, ...values: readonly string[]): void
  /** On a pool thread: for limits whose writer reclaims memory before he returns. */
  writeAside(path: string, value: string): Promise<void>
  exists(path: string): boolean
  mkdir(path: string): void
  rmdir(path: string): void
  /** Names of the directories below `path`. */
  directories(path: string): string[]
  realpath(path: string): string
}

export const kernelCgroupFs: CgroupFs = {
  read: (path) => call('read', path, () => readFileSync(path, 'utf8')),
  write: (path, ...values) =>
    call('write', path, () => {
      // Without O_CREAT: a missing file is ENOENT, not the EACCES cgroupfs says to creation.
      const fd = openSync(path, constants.O_WRONLY)
      try {
        for (const value of values) writeSync(fd, value)
      } finally {
        closeSync(fd)
      }
    }),
  writeAside: async (path, value) => {
    try {
      await writeFile(path, value, { flag: constants.O_WRONLY })
    } catch (error) {
      throw kernelError(error, 'write', path)
    }
  },
  exists: (path) => existsSync(path),
  mkdir: (path) => call('mkdir', path, () => mkdirSync(path, 0o755)),
  rmdir: (path) => call('rmdir', path, () => rmdirSync(path)),
  directories: (path) =>
    call('readdir', path, () => {
      // Two links are its own: kernfs counts directories, and the usual group has none below.
      if (statSync(path).nlink === 2) return []
      return readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
    }),
  realpath: (path) => call('realpath', path, () => realpathSync(path)),
}

/** A value that the kernel, or the driver in its stead, refuses; `message` is the OCI runtimes'. */
export class RefusedLimit extends KernelError {
  constructor(o: { code: string; errno: number; path: string; message: string }) {
    super(o.code, o.errno, 'write', o.path)
    this.message = o.message
  }
}

/** Why a limit could not be set, as runc tells it: the words of Docker's answers. */
export function limitError(error: unknown, path: string, value: string): unknown {
  if (!(error instanceof KernelError) || error instanceof RefusedLimit) return error
  const { code, errno } = error
  const reason = errnoTexts[code] ?? code
  const message = `failed to write ${JSON.stringify(value)}: write ${path}: ${reason}`
  return new RefusedLimit({ code, errno, path, message })
}

export function setLimit(fs: CgroupFs, path: string, value: string): void {
  try {
    fs.write(path, value)
  } catch (error) {
    throw limitError(error, path, value)
  }
}

/** strerror(3) of what limits are refused with. */
const errnoTexts: Readonly<Record<string, string>> = {
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EBUSY: 'device or resource busy',
  ENODEV: 'no such device',
  EINVAL: 'invalid argument',
  ERANGE: 'numerical result out of range',
  ENOSPC: 'no space left on device',
  EOPNOTSUPP: 'operation not supported',
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof KernelError && codes.includes(error.code)
}

function call<T>(syscall: string, path: string, operation: () => T): T {
  try {
    return operation()
  } catch (error) {
    throw kernelError(error, syscall, path)
  }
}

function kernelError(error: unknown, syscall: string, path: string): KernelError {
  const { code = 'EIO', errno = -5 } = error as NodeJS.ErrnoException
  return new KernelError(code, Math.abs(errno), syscall, path)
}
