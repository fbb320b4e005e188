/** Files of a kept directory, known by its listing: what they hold is told without looking at them. */
import type { ListingRow } from '@tdocker/api/build-session/listing.ts'
import { createReadStream } from 'node:fs'
import { FileIndex } from '../cache/file-index.ts'
import { type IndexedContent, IndexedTree } from '../cache/indexed-tree.ts'
import type { PackOptions } from '../copy/source-tree.ts'
import type { TarEntry } from '../copy/tar-entry.ts'
import { Tree, type TreeNative } from '../copy/tree.ts'

/** Rows that are taken in at a time. */
const PART = 2000
const TYPES: Readonly<Record<string, string>> = { f: '0', l: '2', d: '5' }

/** By their listings, which are never changed. */
const known = new WeakMap<readonly ListingRow[], Promise<ListedTree | undefined>>()

export class ListedTree extends IndexedTree {
  readonly digests: Map<string, string> = new Map()
  readonly #open: () => Tree

  private constructor(index: FileIndex, content: IndexedContent, open: () => Tree) {
    super(index, content)
    this.#open = open
  }

  /** The same for all builds that have these rows; undefined where only the files can tell. */
  static of(
    native: TreeNative,
    directory: string,
    rows: readonly ListingRow[],
  ): Promise<ListedTree | undefined> {
    const tree = known.get(rows) ?? ListedTree.#make(native, directory, rows)
    known.set(rows, tree)
    return tree
  }

  static async #make(
    native: TreeNative,
    directory: string,
    rows: readonly ListingRow[],
  ): Promise<ListedTree | undefined> {
    const index = new FileIndex()
    for (const [at, row] of rows.entries()) {
      if (at > 0 && at % PART === 0) await new Promise((go) => setImmediate(go))
      const type = TYPES[row[0]]
      if (type === undefined || (type === '0' && row[5] === '')) return undefined
      if (!index.add(entryOf(type, row), type === '0' ? row[5] : '', at)) return undefined
    }
    if (!index.end()) return undefined
    const open = (): Tree => Tree.ofDirectory(native, directory)
    return new ListedTree(index, contentOf(rows, open), open)
  }

  /** By the packer: it reads thousands of files faster than we open them. */
  override async *pack(path: string, o: PackOptions): AsyncGenerator<Buffer> {
    using tree = this.#open()
    yield* tree.pack(path, o)
  }
}

/** Names as in a tar: a character for each byte. */
function entryOf(type: string, [, path, mode, size, mtime, value]: ListingRow): TarEntry {
  return {
    name: Buffer.from(path).toString('latin1'),
    type,
    mode,
    uid: 0,
    gid: 0,
    size,
    mtime: String(mtime),
    linkname: type === '2' ? Buffer.from(value).toString('latin1') : '',
    devMajor: 0,
    devMinor: 0,
    attributes: new Map(),
  }
}

function contentOf(rows: readonly ListingRow[], open: () => Tree): IndexedContent {
  return {
    async reader() {
      const tree = open()
      return {
        async *read(at: number, length: number): AsyncGenerator<Buffer> {
          if (length === 0) return
          using file = await tree.open(`/${rows[at]![1]}`)
          if (!file) throw new Error('the build context has lost a file')
          yield* createReadStream(`/proc/self/fd/${file.fd}`, { end: length - 1 })
        },
        [Symbol.asyncDispose]: async () => tree[Symbol.dispose](),
      }
    },
  }
}
