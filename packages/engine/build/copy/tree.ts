/** A tree that files are copied from or to, by descriptors alone. */
import { readdir, statfs } from 'node:fs/promises'
import { posix } from 'node:path'
import { type FileStat, KernelError, type Native } from '@tdocker/kernel/native.ts'
import { notFound } from '../../base/errors.ts'
import { type HashedEntry, hashedEntries } from './content-digest.ts'
import type { PackOptions, SourceTree } from './source-tree.ts'

export type TreeNative = Pick<
  Native,
  | 'closeFd'
  | 'openRoot'
  | 'overlayOpen'
  | 'pathOpen'
  | 'readFileIn'
  | 'resolveIn'
  | 'statIn'
  | 'tarPacker'
>

/** Owns the descriptor. */
export class Tree implements SourceTree {
  readonly native: TreeNative
  readonly root: number

  constructor(native: TreeNative, root: number) {
    this.native = native
    this.root = root
  }

  static async ofLayers(native: TreeNative, lowers: readonly string[]): Promise<Tree> {
    return new Tree(native, await native.overlayOpen({ lowers }))
  }

  static ofDirectory(native: TreeNative, directory: string): Tree {
    return new Tree(native, native.openRoot(directory))
  }

  /** What the path leads to, links followed within the tree; undefined when nothing is there. */
  async open(path: string): Promise<(Disposable & { fd: number; stat: FileStat }) | undefined> {
    try {
      const pinned = await this.native.pathOpen({ root: this.root, path, follow: true })
      return { ...pinned, [Symbol.dispose]: () => this.native.closeFd(pinned.fd) }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async stat(path: string): Promise<FileStat | undefined> {
    using pinned = await this.open(path)
    return pinned?.stat
  }

  /** Names in a directory; empty where there is none. */
  async list(path: string): Promise<string[]> {
    using pinned = await this.open(path)
    if (pinned?.stat.type !== 'directory') return []
    // What the descriptor pins, whatever its name leads to by now.
    const names = await readdir(`/proc/self/fd/${pinned.fd}`)
    return names.toSorted()
  }

  /** Without links, as far as there is something. */
  async resolve(path: string): Promise<string> {
    return posix.resolve('/', await this.native.resolveIn({ root: this.root, path }))
  }

  async *pack(path: string, { name, signal }: PackOptions): AsyncGenerator<Buffer> {
    using pinned = await this.open(path)
    if (!pinned) throw notFound(`${path} is gone`)
    const packer = this.native.tarPacker({ fd: pinned.fd, ...(name !== undefined && { name }) })
    try {
      for (let part = await packer.read(); part; part = await packer.read()) {
        signal.throwIfAborted()
        yield part
      }
    } finally {
      await packer.close()
    }
  }

  async *entries(path: string, o: PackOptions): AsyncGenerator<HashedEntry> {
    const { bavail, bsize } = await statfs(`/proc/self/fd/${this.root}`)
    yield* hashedEntries(this.pack(path, o), bavail * bsize)
  }

  [Symbol.dispose](): void {
    this.native.closeFd(this.root)
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof KernelError && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code)
}
