/** A directory told to the daemon, and as much of its files as the daemon asks for. */
import { listingDigest, type ListingRow, type RowKind } from '@tdocker/api/build-session/listing.ts'
import {
  type Held,
  MessageStream,
  ROWS_PER_MESSAGE,
  type Want,
} from '@tdocker/api/build-session/messages.ts'
import type { IgnoreMatcher } from '@tdocker/api/dockerignore.ts'
import { createHash, type Hash } from 'node:crypto'
import { readlinkSync, type Stats } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { deviceNumbers, packFile } from '../../../archive/pack.ts'
import { walkDirectory } from '../walk.ts'
import type { RememberedDigests } from './remembered-digests.ts'

export interface SentDirectory {
  readonly root: string
  readonly matcher: IgnoreMatcher
}

/** Files that are read at a time for their digests. */
const WIDTH = 8
/** Pieces of the tar that go together. */
const BATCH = 256 * 1024

export async function sendDirectory(
  stream: Duplex,
  directory: SentDirectory,
  digests: RememberedDigests,
): Promise<void> {
  const { root } = directory
  const messages = new MessageStream(stream)
  await messages.send({ client: digests.client, root })
  const listing = new Listing(directory, digests)
  const { held, digests: areOfUse } = (await messages.message()) as Held
  if (areOfUse) await listing.readDigests()
  const whole = await listingDigest(listing.rows)
  if (whole !== '' && held.includes(whole)) await messages.send({ same: whole })
  else {
    await sendRows(messages, listing.rows)
    await listing.send(messages, await wanted(messages))
  }
  messages.end()
  digests.save()
}

async function sendRows(messages: MessageStream, rows: ListingRow[]): Promise<void> {
  for (let at = 0; at === 0 || at < rows.length; at += ROWS_PER_MESSAGE) {
    const part = rows.slice(at, at + ROWS_PER_MESSAGE)
    await messages.send({ rows: part, last: at + ROWS_PER_MESSAGE >= rows.length })
  }
}

async function wanted(messages: MessageStream): Promise<number[]> {
  const numbers: number[] = []
  for (;;) {
    const { want, last } = (await messages.message()) as Want
    for (const [first, count] of want) for (let at = 0; at < count; at++) numbers.push(first + at)
    if (last) return numbers
  }
}

class Listing {
  readonly rows: ListingRow[] = []
  readonly #stats: Stats[] = []
  readonly #root: string
  readonly #digests: RememberedDigests
  /** First name of each file that has several. */
  readonly #first = new Map<string, string>()

  constructor({ root, matcher }: SentDirectory, digests: RememberedDigests) {
    this.#root = root
    this.#digests = digests
    for (const { name, stat } of walkDirectory(root, matcher)) {
      const row = this.#rowOf(name, stat)
      if (!row) continue
      this.rows.push(row)
      this.#stats.push(stat)
    }
  }

  /** Undefined for a socket. */
  #rowOf(name: string, stat: Stats): ListingRow | undefined {
    const row = (kind: RowKind, size: number, value: string): ListingRow => [
      kind,
      name,
      stat.mode & 0o7777,
      size,
      Math.trunc(stat.mtimeMs / 1000),
      value,
    ]
    if (stat.isFile()) {
      const first = this.#firstName(name, stat)
      if (first !== undefined) return row('h', 0, first)
      return row('f', stat.size, this.#digests.find(name, stat) ?? '')
    }
    if (stat.isDirectory()) return row('d', 0, '')
    if (stat.isSymbolicLink()) return row('l', 0, readlinkSync(join(this.#root, name)))
    if (stat.isSocket()) return undefined
    const isDevice = stat.isCharacterDevice() || stat.isBlockDevice()
    const { major, minor } = isDevice ? deviceNumbers(stat.rdev) : { major: 0, minor: 0 }
    return row('o', 0, `${major}:${minor}`)
  }

  #firstName(name: string, stat: Stats): string | undefined {
    if (stat.nlink < 2) return undefined
    const inode = inodeOf(stat)
    const first = this.#first.get(inode)
    if (first === undefined) this.#first.set(inode, name)
    return first
  }

  /** Of all files of which none is remembered. */
  async readDigests(): Promise<void> {
    const left = this.rows.entries()
    const worker = async (): Promise<void> => {
      for (const [number, row] of left)
        if (row[0] === 'f' && row[5] === '') row[5] = await this.#read(number, row[1])
    }
    await Promise.all(Array.from({ length: WIDTH }, worker))
  }

  /** Empty where it cannot be read, which its sending tells. */
  async #read(number: number, name: string): Promise<string> {
    const began = Date.now()
    const hash = createHash('sha256')
    try {
      await using file = await open(join(this.#root, name))
      for await (const chunk of file.createReadStream({ highWaterMark: 1 << 20 }))
        hash.update(chunk as Buffer)
    } catch {
      return ''
    }
    const digest = hash.digest('hex')
    this.#digests.learn(name, this.#stats[number]!, digest, began)
    return digest
  }

  /** The rows of these numbers as a tar. */
  async send(messages: MessageStream, numbers: readonly number[]): Promise<void> {
    if (numbers.length === 0) return
    const wants = new Set(numbers)
    const seen = new Map<string, string>()
    for (const [number, [kind, name]] of this.rows.entries())
      if (kind === 'f' && !wants.has(number) && this.#stats[number]!.nlink > 1)
        seen.set(inodeOf(this.#stats[number]!), name)
    let parts: Buffer[] = []
    let size = 0
    const flush = async (): Promise<void> => {
      if (size > 0) await messages.sendTar(Buffer.concat(parts))
      parts = []
      size = 0
    }
    for (const number of numbers)
      for await (const part of this.#pack(number, seen)) {
        parts.push(part)
        if ((size += part.length) >= BATCH) await flush()
      }
    parts.push(Buffer.alloc(1024))
    size += 1024
    await flush()
    await messages.endTar()
  }

  /** What is read on the way is not read again for its digest. */
  async *#pack(number: number, seen: Map<string, string>): AsyncGenerator<Buffer> {
    const [kind, name, , , , known] = this.rows[number]!
    const same = (path: string): string => path
    const began = Date.now()
    let hash: Hash | undefined
    let left = kind === 'f' && known === '' ? this.#stats[number]!.size : -1
    for await (const part of packFile(join(this.#root, name), name, same, seen)) {
      // The first part is the head.
      if (left >= 0 && hash) {
        hash.update(part.subarray(0, left))
        left -= Math.min(left, part.length)
      } else if (left >= 0) hash = createHash('sha256')
      yield part
    }
    if (left === 0 && hash)
      this.#digests.learn(name, this.#stats[number]!, hash.digest('hex'), began)
  }
}

function inodeOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}
