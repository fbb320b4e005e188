/**
 * A client's tar on its way into a kept directory: only what was asked for may be in it, and what its
 * files hold is seen here and taken from no client, as the cache of steps goes by it.
 */
import type { ListingRow, RowKind } from '@tdocker/api/build-session/listing.ts'
import { invalidParameter } from '../../../base/errors.ts'
import { EntryHasher } from '../../copy/content-digest.ts'
import { TarScanner } from '../../copy/scan-tar.ts'
import type { TarEntry } from '../../copy/tar-entry.ts'

const KINDS: Readonly<Record<string, RowKind>> = {
  '0': 'f',
  '1': 'h',
  '2': 'l',
  '3': 'o',
  '4': 'o',
  '5': 'd',
  '6': 'o',
}

/** A file that went away before it was sent has no kind any more. */
export function isThere(row: ListingRow): boolean {
  return row[2] >= 0
}

export class WantedEntries {
  readonly #rows: ListingRow[]
  readonly #missing: Map<string, number>

  /** `rows` are changed to what comes. */
  constructor(rows: ListingRow[], want: readonly number[]) {
    this.#rows = rows
    this.#missing = new Map(want.map((number) => [rows[number]![1], number]))
  }

  async *watch(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const hasher = new EntryHasher()
    const scanner = new TarScanner(hasher)
    for await (const part of tar) {
      scanner.push(part)
      for (const { entry, digest } of hasher.take()) this.#take(entry, digest)
      yield part
    }
    scanner.end()
  }

  /** Throws for a directory that is not there: what lies in it cannot be either. */
  end(): void {
    for (const [path, number] of this.#missing) {
      const row = this.#rows[number]!
      if (row[0] === 'd') throw invalidParameter(`${path} went away while it was sent`)
      this.#rows[number] = ['o', path, -1, 0, 0, '']
    }
  }

  #take(entry: TarEntry, digest: string): void {
    const path = textOf(entry.name).replace(/\/$/, '')
    const number = this.#missing.get(path)
    const kind = KINDS[entry.type]
    if (number === undefined || kind === undefined)
      throw invalidParameter(`${path} was not asked for`)
    // The files are told by their rows, which have no room for such.
    if (entry.attributes.size > 0) throw invalidParameter(`${path} has extended attributes`)
    if ((kind === 'd') !== (this.#rows[number]![0] === 'd'))
      throw invalidParameter(`${path} changed while it was sent`)
    this.#missing.delete(path)
    const mtime = Math.floor(Number(entry.mtime))
    this.#rows[number] = [kind, path, entry.mode, entry.size, mtime, valueOf(kind, entry, digest)]
  }
}

function valueOf(kind: RowKind, entry: TarEntry, digest: string): string {
  if (kind === 'f') return digest
  if (kind === 'l' || kind === 'h') return textOf(entry.linkname)
  return kind === 'd' ? '' : `${entry.devMajor}:${entry.devMinor}`
}

/** A character for each byte, as archives have names. */
function textOf(name: string): string {
  return Buffer.from(name, 'latin1').toString()
}
