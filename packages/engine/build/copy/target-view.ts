/** The image that files are copied into: what is there in their way. */
import { posix } from 'node:path'
import type { FileStat } from '@tdocker/kernel/native.ts'
import type { Tree } from './tree.ts'

/** Paths are absolute, and without links but for their last part. */
export class TargetView {
  readonly #tree: Tree | undefined
  /** Names in directories that are there; undefined for those that are not. */
  readonly #names = new Map<string, Promise<ReadonlySet<string> | undefined>>()

  constructor(tree: Tree | undefined) {
    this.#tree = tree
  }

  /** Links not followed; undefined when nothing is there. Below what is not there it asks nobody. */
  async kind(path: string): Promise<FileStat['type'] | undefined> {
    const tree = this.#tree
    if (!tree) return undefined
    if (path === '/') return 'directory'
    const names = await this.#namesIn(posix.dirname(path))
    if (!names?.has(posix.basename(path))) return undefined
    return (await tree.native.statIn({ root: tree.root, path }))?.type
  }

  /** Links followed, as far as there is something. */
  async resolve(path: string): Promise<string> {
    return (await this.#tree?.resolve(path)) ?? path
  }

  #namesIn(directory: string): Promise<ReadonlySet<string> | undefined> {
    const known = this.#names.get(directory)
    if (known) return known
    const found = this.kind(directory).then(async (kind) =>
      kind === 'directory' ? new Set(await this.#tree!.list(directory)) : undefined,
    )
    this.#names.set(directory, found)
    return found
  }
}

/**
 * Where the entries of an archive go: it is unpacked as into a running system, so links on the way,
 * of the image or of the archive itself, are followed unless it brings a directory in their place.
 */
export class ArchivePlaces {
  readonly #view: TargetView
  readonly #top: string
  readonly #directories = new Set<string>()
  readonly #links = new Map<string, string>()

  constructor(view: TargetView, top: string) {
    this.#view = view
    this.#top = top
  }

  /** Of an entry that is to be at `path`, which is below the top. */
  async of(path: string): Promise<string> {
    return posix.join(await this.#directory(posix.dirname(path), 0), posix.basename(path))
  }

  wrote(path: string, type: string, linkname: string): void {
    this.#directories.delete(path)
    this.#links.delete(path)
    if (type === '5') this.#directories.add(path)
    if (type === '2') this.#links.set(path, linkname)
  }

  async #directory(path: string, depth: number): Promise<string> {
    if (path === this.#top || path === '/' || this.#directories.has(path)) return path
    const above = await this.#directory(posix.dirname(path), depth)
    const place = posix.join(above, posix.basename(path))
    if (this.#directories.has(place)) return place
    const link = this.#links.get(place)
    if (link !== undefined && depth < MAX_LINKS)
      return this.#directory(posix.resolve('/', above, link), depth + 1)
    if ((await this.#view.kind(toText(place))) !== 'symlink') return place
    return toLatin1(await this.#view.resolve(toText(place)))
  }
}

/** As many as the kernel follows. */
const MAX_LINKS = 40

function toText(path: string): string {
  return Buffer.from(path, 'latin1').toString()
}

function toLatin1(path: string): string {
  return Buffer.from(path).toString('latin1')
}
