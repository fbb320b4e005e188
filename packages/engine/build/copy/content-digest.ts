/**
 * What files hold, in one digest: names, kinds, modes, owners, content, no times. The same whether the
 * files lie in a directory, come in a tar, or are known by their digests alone.
 */
import { createHash, hash } from 'node:crypto'
import { system } from '../../base/errors.ts'
import { TarScanner } from './scan-tar.ts'
import type { TarEntry } from './tar-entry.ts'

export interface HashedEntry {
  /** A directory's are relative to it. */
  entry: TarEntry
  /** Of a file's content; empty for what has none. */
  digest: string
}

/**
 * Reads a tar to its end. Parts must stay as they are until the next is asked for. `room`: bytes; a
 * sparse file of more is not even begun, as nobody would live to see its end.
 */
export async function* hashedEntries(
  parts: AsyncIterable<Uint8Array>,
  room: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<HashedEntry> {
  const hasher = new EntryHasher(room)
  const scanner = new TarScanner(hasher)
  for await (const part of parts) {
    scanner.push(part)
    yield* hasher.take()
    if (scanner.ended) break
  }
  scanner.end()
}

/** A tar's handler that knows each entry's digest once its content is over. */
export class EntryHasher {
  #open:
    | { entry: TarEntry; at: number; left: number; hash: ReturnType<typeof createHash> | undefined }
    | undefined
  #ready: Array<HashedEntry & { at: number }> = []
  #room: number

  constructor(room: number = Number.POSITIVE_INFINITY) {
    this.#room = room
  }

  entry(entry: TarEntry, at: number): void {
    this.#open = undefined
    if (entry.type === '0') this.#room -= entry.size
    if (this.#room < 0) throw system(`${entry.name}: no space left on device`)
    if (entry.type !== '0') this.#ready.push({ entry, at, digest: '' })
    else if (entry.size === 0) this.#ready.push({ entry, at, digest: EMPTY })
    else this.#open = { entry, at, left: entry.size, hash: undefined }
  }

  content(piece: Buffer): void {
    const open = this.#open
    if (!open) return
    const { entry, at } = open
    const data = piece.length > open.left ? piece.subarray(0, open.left) : piece
    open.left -= data.length
    if (open.left > 0) {
      open.hash ??= createHash('sha256')
      open.hash.update(data)
      return
    }
    this.#open = undefined
    const digest = open.hash ? open.hash.update(data).digest('hex') : hash('sha256', data, 'hex')
    this.#ready.push({ entry, at, digest })
  }

  /** Entries that are whole; `at`: where in the archive their content begins. */
  take(): Array<HashedEntry & { at: number }> {
    const ready = this.#ready
    this.#ready = []
    return ready
  }
}

const EMPTY = hash('sha256', '', 'hex')

/** Of files and directories in the order of a walk: by the bytes of their names. */
export class EntriesDigest {
  readonly #hash = createHash('sha256')
  #lines = ''

  /** `head`: what else counts. */
  constructor(head: string) {
    this.#lines = `${head}\n`
  }

  add({ entry, digest }: HashedEntry): void {
    this.#lines += lineOf(entry, digest)
    if (this.#lines.length < 64 * 1024) return
    this.#hash.update(this.#lines)
    this.#lines = ''
  }

  hex(): string {
    return this.#hash.update(this.#lines).digest('hex')
  }
}

function lineOf(entry: TarEntry, digest: string): string {
  const { type, uid, gid, linkname, devMajor, devMinor, attributes } = entry
  const name = entry.name.replace(/^(\.?\/)+|\/+$/g, '')
  const mode = type === '2' ? 0 : entry.mode
  const device = type === '3' || type === '4' ? [devMajor, devMinor] : []
  const others = [linkname, ...device, ...[...attributes].flat()]
  return `${JSON.stringify([name, type, mode, uid, gid, digest, ...others])}\n`
}
