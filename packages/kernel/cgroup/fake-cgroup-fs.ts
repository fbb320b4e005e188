import { KernelError } from '../native.ts'
import type { CgroupFs } from './fs.ts'

/**
 * A cgroup tree in memory for unit tests. A new directory gets files as the kernel would make them
 * (`filesOf`), writes are recorded in order, and errors can be laid in wait.
 */
export class FakeCgroupFs implements CgroupFs {
  readonly files: Map<string, string> = new Map<string, string>()
  readonly dirs: Set<string> = new Set<string>()
  readonly links: Map<string, string> = new Map<string, string>()
  readonly writes: string[] = []
  readonly #filesOf: (directory: string) => Record<string, string>
  readonly #failures: Array<{ operation: string; path: string; code: string; times: number }> = []

  constructor(filesOf: (directory: string) => Record<string, string>) {
    this.#filesOf = filesOf
  }

  /** A directory that was there before, with its parents. */
  addDirectory(path: string): void {
    this.dirs.add(path)
    for (const [name, content] of Object.entries(this.#filesOf(path))) {
      this.files.set(`${path}/${name}`, content)
    }
  }

  /** The next `times` calls of an operation on a path fail. */
  fail(operation: string, path: string, code: string, times = 1): void {
    this.#failures.push({ operation, path, code, times })
  }

  read(path: string): string {
    this.#check('read', path)
    const content = this.files.get(path)
    if (content === undefined) throw error('ENOENT', 'read', path)
    return content
  }

  write(path: string, ...values: readonly string[]): void {
    if (!this.files.has(path)) throw error('ENOENT', 'write', path)
    for (const value of values) {
      this.#check('write', path)
      this.writes.push(`${path} ${value}`)
      this.files.set(path, value)
    }
  }

  async writeAside(path: string, value: string): Promise<void> {
    this.write(path, value)
  }

  exists(path: string): boolean {
    return this.files.has(path) || this.dirs.has(path)
  }

  mkdir(path: string): void {
    this.#check('mkdir', path)
    if (this.dirs.has(path)) throw error('EEXIST', 'mkdir', path)
    if (!this.dirs.has(path.slice(0, path.lastIndexOf('/')))) throw error('ENOENT', 'mkdir', path)
    this.addDirectory(path)
  }

  rmdir(path: string): void {
    this.#check('rmdir', path)
    if (!this.dirs.has(path)) throw error('ENOENT', 'rmdir', path)
    if (this.directories(path).length > 0) throw error('EBUSY', 'rmdir', path)
    this.dirs.delete(path)
    for (const file of this.files.keys()) if (file.startsWith(`${path}/`)) this.files.delete(file)
  }

  directories(path: string): string[] {
    if (!this.dirs.has(path)) throw error('ENOENT', 'readdir', path)
    const prefix = `${path}/`
    return [...this.dirs]
      .filter((dir) => dir.startsWith(prefix) && !dir.slice(prefix.length).includes('/'))
      .map((dir) => dir.slice(prefix.length))
  }

  realpath(path: string): string {
    const target = this.links.get(path) ?? path
    if (!this.dirs.has(target)) throw error('ENOENT', 'realpath', path)
    return target
  }

  #check(operation: string, path: string): void {
    const waiting = this.#failures.find(
      (one) => one.times > 0 && one.operation === operation && one.path === path,
    )
    if (waiting === undefined) return
    waiting.times--
    throw error(waiting.code, operation, path)
  }
}

function error(code: string, syscall: string, path: string): KernelError {
  return new KernelError(code, 1, syscall, path)
}
