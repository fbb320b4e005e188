/**
 * The files of a context by their digests: what a copy of them is, is told without unpacking or reading
 * them. Only of plain trees: whatever needs a file system to say what it means (links to other entries,
 * entries below links, twice the same name) has no index.
 */
import { NO_ENTRY, type TarEntry } from '../copy/tar-entry.ts'
import { EntryHasher, type HashedEntry } from '../copy/content-digest.ts'
import { TarScanner } from '../copy/scan-tar.ts'

/** A hundred thousand of them are in memory: what follows from the rest is made when it is asked for. */
export class IndexedFile implements HashedEntry {
  readonly digest: string
  /** Where its content is, for whoever has it. */
  readonly at: number
  /** Its place in a walk: a directory, then all below it, by the bytes of their names. */
  readonly order: string
  readonly type: string
  readonly size: number
  readonly #mode: number
  readonly #mtime: number
  readonly #linkname: string

  constructor(
    name: string,
    entry: Omit<TarEntry, 'name'>,
    { digest, at }: { digest: string; at: number },
  ) {
    // No name has a zero byte: what is below a directory comes before its neighbours.
    this.order = name.replaceAll('/', '\0')
    this.digest = digest
    this.at = at
    this.type = entry.type
    this.size = entry.size
    this.#mode = entry.mode
    this.#mtime = Math.floor(Number(entry.mtime))
    this.#linkname = entry.linkname
  }

  get name(): string {
    return this.order.replaceAll('\0', '/')
  }

  get entry(): TarEntry {
    return {
      name: this.name,
      type: this.type,
      mode: this.#mode,
      // Files of a context are root's.
      uid: 0,
      gid: 0,
      size: this.size,
      mtime: String(this.#mtime),
      linkname: this.#linkname,
      devMajor: 0,
      devMinor: 0,
      attributes: NONE,
    }
  }
}

const NONE: TarEntry['attributes'] = new Map()

/** More entries, or as many out of order, take too much memory and time. */
const MAX_ENTRIES = 100_000
const MAX_SORTED = 10_000

/** What no file system has, or takes too long to look at: the unpacker tells. */
const MAX_NAME = 4096
const MAX_DEPTH = 100

export class FileIndex {
  /** By path, without a slash before it. */
  readonly #files = new Map<string, IndexedFile>()
  #walk: IndexedFile[] = []
  #isSorted = true

  /** False: no index can tell what this means. Names as in a tar, a character for each byte. */
  add(entry: TarEntry, digest: string, at: number): boolean {
    if (entry.name.length > MAX_NAME) return false
    const parts = entry.name.split('/').filter((part) => part !== '' && part !== '.')
    if (entry.name.startsWith('/') || parts.includes('..') || parts.length > MAX_DEPTH) return false
    if (!['0', '2', '5'].includes(entry.type) || entry.attributes.size > 0) return false
    // The root's own entry.
    if (parts.length === 0) return entry.type === '5'
    const name = parts.join('/')
    const path = textOf(name)
    if (path === undefined || this.#files.has(path) || this.#files.size >= MAX_ENTRIES) return false
    if (!this.#hasParents(parts)) return false
    this.#put(path, new IndexedFile(name, entry, { digest, at }))
    return true
  }

  /** Sorts; false when there is too much to be sorted. */
  end(): boolean {
    if (this.#isSorted) return true
    if (this.#walk.length > MAX_SORTED) return false
    this.#walk.sort((a, b) => (a.order < b.order ? -1 : 1))
    return true
  }

  find(path: string): IndexedFile | undefined {
    return this.#files.get(path)
  }

  /** A plain file only; false where there is none. */
  remove(path: string): boolean {
    const file = this.#files.get(path)
    if (file?.type !== '0') return false
    this.#files.delete(path)
    this.#walk = this.#walk.filter((each) => each !== file)
    return true
  }

  /** All below a directory, in order of a walk; empty for the root. */
  *below(path: string): Generator<IndexedFile> {
    const prefix = path === '' ? '' : `${this.#files.get(path)!.order}\0`
    for (let at = this.#firstAfter(prefix); at < this.#walk.length; at++) {
      const file = this.#walk[at]!
      if (!file.order.startsWith(prefix)) return
      yield file
    }
  }

  #firstAfter(order: string): number {
    let low = 0
    let high = this.#walk.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#walk[middle]!.order < order) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Directories that have no entry are made as an unpacker makes them. */
  #hasParents(parts: readonly string[]): boolean {
    for (let depth = 1; depth < parts.length; depth++) {
      const name = parts.slice(0, depth).join('/')
      const path = textOf(name)
      if (path === undefined) return false
      const known = this.#files.get(path)
      if (known && known.type !== '5') return false
      if (known) continue
      const implied = { ...IMPLIED, mtime: String(Date.now() / 1000) }
      this.#put(path, new IndexedFile(name, implied, { digest: '', at: 0 }))
    }
    return true
  }

  #put(path: string, file: IndexedFile): void {
    const last = this.#walk.at(-1)
    if (last && last.order > file.order) this.#isSorted = false
    this.#walk.push(file)
    this.#files.set(path, file)
  }
}

const IMPLIED: TarEntry = { ...NO_ENTRY, type: '5', mode: 0o755 }

/** undefined for bytes that are no UTF-8. */
function textOf(name: string): string | undefined {
  // oxlint-disable-next-line no-control-regex
  if (/^[\x00-\x7F]*$/.test(name)) return name
  const bytes = Buffer.from(name, 'latin1')
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? text : undefined
}

/** Makes the index of a tar as it comes. */
export class TarIndexer {
  readonly #index = new FileIndex()
  readonly #hasher = new EntryHasher()
  readonly #scanner = new TarScanner(this.#hasher)
  #isPlain = true

  push(chunk: Uint8Array): void {
    if (!this.#isPlain) return
    try {
      this.#scanner.push(chunk)
    } catch {
      // The unpacker words it.
      this.#isPlain = false
      return
    }
    for (const { entry, digest, at } of this.#hasher.take())
      if (!this.#index.add(entry, digest, at)) this.#isPlain = false
  }

  /** undefined where only an unpacker can tell. */
  end(): FileIndex | undefined {
    if (!this.#isPlain || !this.#scanner.ended) return undefined
    return this.#index.end() ? this.#index : undefined
  }
}
