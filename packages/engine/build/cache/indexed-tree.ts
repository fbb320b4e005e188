/** Sources of a copy, told by an index; their content comes from wherever it is kept. */
import { posix } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { notFound } from '../../base/errors.ts'
import { compressionOf } from '../../content/inflate.ts'
import type { HashedEntry } from '../copy/content-digest.ts'
import type { PackOptions, SourceStat, SourceTree } from '../copy/source-tree.ts'
import { TAR_END } from '../copy/rewrite-tar.ts'
import { findSources } from '../copy/sources.ts'
import { BLOCK, isZero, paddingOf, readHead, writeHead } from '../copy/tar-entry.ts'
import type { CopyOperation } from '../graph/operation.ts'
import type { FileIndex, IndexedFile } from './file-index.ts'

/** A symlink on the way: only the files tell where it leads. */
class LeadsElsewhere extends Error {}

export interface IndexedContent {
  /** The caller disposes of it. */
  reader(): Promise<AsyncDisposable & { read(at: number, length: number): AsyncIterable<Buffer> }>
}

/** Entries at a time. */
const TURN = 1000
/** Small files go on together. */
const PART = 1024 * 1024

const TYPES = { '0': 'file', '2': 'symlink', '5': 'directory' } as const

export class IndexedTree implements SourceTree {
  readonly #index: FileIndex
  readonly #content: IndexedContent

  constructor(index: FileIndex, content: IndexedContent) {
    this.#index = index
    this.#content = content
  }

  /** Whether it can tell all that the operation asks: nothing leads over links, nothing is unpacked. */
  async covers({ instruction, sources, unpack }: CopyOperation): Promise<boolean> {
    const mayUnpack = unpack ?? instruction === 'ADD'
    try {
      for (const source of sources)
        for (const { path } of await findSources(this, source)) {
          // Throws where links are on the way.
          const stat = await this.stat(path)
          if (mayUnpack && stat?.type === 'file' && (await this.#mayBeArchive(path))) return false
        }
      return true
    } catch (error) {
      if (error instanceof LeadsElsewhere) return false
      throw error
    }
  }

  /** Forgets a plain file; false where there is none of that name. */
  remove(path: string): boolean {
    return this.#index.remove(path)
  }

  /** A file's bytes; undefined for what is no plain file, or a larger one. */
  async content(path: string, max: number): Promise<Buffer | undefined> {
    const file = this.#index.find(path)
    if (file?.type !== '0' || file.size > max) return undefined
    const parts: Buffer[] = []
    await using reader = await this.#content.reader()
    for await (const part of reader.read(file.at, file.size)) parts.push(part)
    return Buffer.concat(parts)
  }

  async list(path: string): Promise<string[]> {
    const own = inner(path)
    const found = own === '' ? undefined : this.#find(path)
    if (own !== '' && found?.type !== '5') return []
    const names: string[] = []
    const depth = own === '' ? 1 : found!.name.split('/').length + 1
    for (const { name } of this.#index.below(own)) {
      const parts = name.split('/')
      if (parts.length === depth) names.push(Buffer.from(parts.at(-1)!, 'latin1').toString())
    }
    return names.toSorted()
  }

  async stat(path: string): Promise<SourceStat | undefined> {
    if (inner(path) === '') return { type: 'directory', mode: 0o755 }
    const file = this.#find(path)
    if (!file) return undefined
    const { type, mode, mtime } = file.entry
    return { type: TYPES[type as keyof typeof TYPES], mode, mtimeNs: nanoseconds(mtime) }
  }

  /** Nothing that is covered is looked into. */
  async open(): Promise<undefined> {
    return undefined
  }

  async *pack(path: string, o: PackOptions): AsyncGenerator<Buffer> {
    await using reader = await this.#content.reader()
    let parts: Buffer[] = []
    let size = 0
    for (const { entry, at } of this.#entries(path, o)) {
      parts.push(writeHead(entry))
      for await (const piece of reader.read(at, entry.size)) {
        parts.push(piece)
        size += piece.length
        if (size < PART) continue
        o.signal.throwIfAborted()
        yield Buffer.concat(parts)
        parts = []
        size = 0
      }
      parts.push(Buffer.alloc(paddingOf(entry.size)))
    }
    parts.push(TAR_END)
    yield Buffer.concat(parts)
  }

  async *entries(path: string, o: PackOptions): AsyncGenerator<HashedEntry> {
    let count = 0
    for (const entry of this.#entries(path, o)) {
      yield entry
      // Nothing here waits for anything: others have their turn.
      if (++count % TURN === 0) await setImmediate()
    }
  }

  [Symbol.dispose](): void {}

  *#entries(path: string, { name }: PackOptions): Generator<HashedEntry & { at: number }> {
    const own = inner(path)
    const file = own === '' ? undefined : this.#find(path)
    if (own !== '' && !file) throw notFound(`${path} is gone`)
    if (file && file.type !== '5') {
      const said = Buffer.from(name ?? posix.basename(own)).toString('latin1')
      yield { entry: { ...file.entry, name: said }, digest: file.digest, at: file.at }
      return
    }
    const cut = file ? file.order.length + 1 : 0
    for (const each of this.#index.below(own)) {
      const { entry, digest, at } = each
      const below = entry.name.slice(cut)
      yield { entry: { ...entry, name: entry.type === '5' ? `${below}/` : below }, digest, at }
    }
  }

  /** False where it surely is none. */
  async #mayBeArchive(path: string): Promise<boolean> {
    const file = this.#find(path)
    if (file?.type !== '0') return false
    await using reader = await this.#content.reader()
    const parts: Buffer[] = []
    for await (const part of reader.read(file.at, Math.min(BLOCK, file.size))) parts.push(part)
    const head = Buffer.concat(parts)
    if (compressionOf(head) !== 'none') return true
    if (head.length < BLOCK || isZero(head)) return false
    try {
      readHead(head)
      return true
    } catch {
      return false
    }
  }

  #find(path: string): IndexedFile | undefined {
    const parts = inner(path).split('/')
    for (let depth = 1; depth <= parts.length; depth++)
      if (this.#index.find(parts.slice(0, depth).join('/'))?.type === '2')
        throw new LeadsElsewhere(path)
    return this.#index.find(parts.join('/'))
  }
}

function inner(path: string): string {
  return posix.resolve('/', path).slice(1)
}

/** Of a tar's time: seconds, maybe with a fraction. */
function nanoseconds(mtime: string): bigint {
  const [seconds = '0', fraction = ''] = mtime.split('.', 2)
  const rest = BigInt(fraction.padEnd(9, '0').slice(0, 9))
  return BigInt(seconds) * 1_000_000_000n + (seconds.startsWith('-') ? -rest : rest)
}
