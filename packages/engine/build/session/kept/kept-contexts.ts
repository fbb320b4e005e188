/**
 * Directories of clients, kept for their next builds: a build whose files are as they were begins with
 * them in place, another one asks for what differs alone. Nobody writes to one while a build has it.
 *
 * A directory belongs to one client, which says what is in it and can deceive only itself. Its row says
 * nothing of what it holds while that changes, so a crash leaves either what was or nothing.
 */
import { type ListingRow, listingDigest } from '@tdocker/api/build-session/listing.ts'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Native } from '@tdocker/kernel/native.ts'
import { KeyedLock } from '../../../base/keyed-lock.ts'
import { type Store, sql } from '../../../store/store.ts'
import type { KeptNative } from './apply.ts'
import { readListing, writeListing } from './listing-file.ts'

export interface KeptDeps {
  native: KeptNative & Pick<Native, 'syncFs'>
  store: Store
  /** build-contexts/ID/{files,listing}. */
  directory: string
  /** Of this run of the machine. */
  bootId: string
  log(what: string, error: unknown): void
}

export interface KeptContext {
  readonly id: string
  /** Of the client's directory. */
  readonly key: string
  readonly client: string
  /** Digest; empty while it changes, and where not all is known. */
  listing: string
  size: number
  readonly created: number
  lastUsed: number
  uses: number
  /** Builds that have it. */
  users: number
}

interface Row {
  id: string
  key: string
  client: string
  listing: string
  size: number
  created_at: number
  last_used_at: number
  uses: number
  boot_id: string
  durable: number
}

/** Of all together; and of the disk no more than a tenth. */
const MAX_BYTES = 10 * 1024 ** 3
const MAX_SHARE = 0.1
/** Of the disk. */
const MIN_FREE = 0.05
/** Of one client's directory. */
const MAX_VERSIONS = 3
/** Rows of listings that stay in memory. */
const MAX_ROWS = 200_000

export class KeptContexts {
  readonly deps: KeptDeps
  readonly locks: KeyedLock = new KeyedLock()
  readonly #known = new Map<string, KeptContext>()
  /** Listings, those used last at the end. */
  readonly #listings = new Map<string, readonly ListingRow[]>()

  constructor(deps: KeptDeps) {
    this.deps = deps
    for (const row of deps.store.all<Row>('SELECT * FROM build_context')) {
      const { id, key, client, listing, size, uses } = row
      const [created, lastUsed] = [row.created_at, row.last_used_at]
      // What a crash of the machine left of one that was not written out is anybody's guess.
      const whole = listing !== '' && (row.durable === 1 || row.boot_id === deps.bootId)
      if (!whole) continue
      this.#known.set(id, { id, key, client, listing, size, created, lastUsed, uses, users: 0 })
    }
  }

  /** Removes what belongs to no row, or to one that tells nothing. */
  async restore(): Promise<void> {
    const { store, native, directory } = this.deps
    await mkdir(directory, { recursive: true, mode: 0o700 })
    for (const name of await readdir(directory))
      if (!this.#known.has(name)) await native.removeTree(join(directory, name))
    const lost = store
      .all<{ id: string }>('SELECT id FROM build_context')
      .filter(({ id }) => !this.#known.has(id))
    if (lost.length > 0)
      await store.write(lost.map(({ id }) => sql`DELETE FROM build_context WHERE id = ${id}`))
  }

  static key(client: string, root: string): string {
    return createHash('sha256')
      .update(JSON.stringify([client, root]))
      .digest('hex')
  }

  /** Of one client's directory, those used last first. */
  of(key: string): KeptContext[] {
    return [...this.#known.values()]
      .filter((kept) => kept.key === key)
      .toSorted((a, b) => b.lastUsed - a.lastUsed)
  }

  /** All of a client's that are whole. */
  ofClient(client: string): KeptContext[] {
    return [...this.#known.values()].filter((kept) => kept.client === client && kept.listing !== '')
  }

  files({ id }: Pick<KeptContext, 'id'>): string {
    return join(this.deps.directory, id, 'files')
  }

  async rows({ id }: KeptContext): Promise<readonly ListingRow[]> {
    const rows = this.#listings.get(id) ?? (await readListing(this.#listingFile(id)))
    this.#remember(id, rows)
    return rows
  }

  #listingFile(id: string): string {
    return join(this.deps.directory, id, 'listing')
  }

  #remember(id: string, rows: readonly ListingRow[]): void {
    this.#listings.delete(id)
    this.#listings.set(id, rows)
    let total = 0
    for (const [other, each] of [...this.#listings].toReversed()) {
      total += each.length
      if (total > MAX_ROWS && other !== id) this.#listings.delete(other)
    }
  }

  /** An empty one, of which nothing is known: its row is there first. */
  async create(key: string, client: string): Promise<KeptContext> {
    const id = randomBytes(16).toString('hex')
    const { store, bootId } = this.deps
    const now = Date.now()
    const times = { created: now, lastUsed: now, uses: 0 }
    const kept: KeptContext = { id, key, client, listing: '', size: 0, ...times, users: 0 }
    this.#known.set(id, kept)
    await store.write([
      sql`INSERT INTO build_context
            (id, key, client, listing, size, created_at, last_used_at, uses, boot_id, durable)
          VALUES (${id}, ${key}, ${client}, '', 0, ${now}, ${now}, 0, ${bootId}, 0)`,
    ])
    await mkdir(this.files(kept), { recursive: true, mode: 0o755 })
    return kept
  }

  /** Before a change. */
  async open(kept: KeptContext): Promise<void> {
    kept.listing = ''
    this.#listings.delete(kept.id)
    await this.deps.store.write([
      sql`UPDATE build_context SET listing = '', durable = 0 WHERE id = ${kept.id}`,
    ])
  }

  /** After it: from here on it is what `rows` say. */
  async close(kept: KeptContext, rows: readonly ListingRow[]): Promise<void> {
    await writeListing(this.#listingFile(kept.id), rows)
    const size = rows.reduce((sum, row) => sum + row[3], 0)
    const digest = await listingDigest(rows)
    // Where a digest is missing it is still a good beginning for the next one.
    const listing = digest || `partial-${randomBytes(8).toString('hex')}`
    Object.assign(kept, { listing, size, lastUsed: Date.now() })
    this.#remember(kept.id, rows)
    await this.deps.store.write([
      sql`UPDATE build_context SET listing = ${listing}, size = ${size}, boot_id = ${this.deps.bootId},
            last_used_at = ${kept.lastUsed} WHERE id = ${kept.id}`,
    ])
    this.#inBackground('kept contexts on disk', this.#settle(kept, listing))
  }

  async #settle(kept: KeptContext, listing: string): Promise<void> {
    const { native, store } = this.deps
    await this.#evict()
    if (!this.#known.has(kept.id)) return
    await native.syncFs(this.files(kept))
    await store.write([
      sql`UPDATE build_context SET durable = 1 WHERE id = ${kept.id} AND listing = ${listing}`,
    ])
  }

  #inBackground(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.deps.log(what, error))
  }

  /** Notes a build that has it; disposing of the answer lets it go. */
  use(kept: KeptContext): Disposable {
    kept.lastUsed = Date.now()
    kept.uses++
    const { id, lastUsed, uses } = kept
    const used = sql`UPDATE build_context SET last_used_at = ${lastUsed}, uses = ${uses} WHERE id = ${id}`
    this.#inBackground('use of a kept context', this.deps.store.write([used]))
    return this.hold(kept)
  }

  /** Nobody else changes or removes it meanwhile. */
  hold(kept: KeptContext): Disposable {
    kept.users++
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (held) kept.users--
        held = false
      },
    }
  }

  /** Bytes freed; 0 for one that a build has. */
  async remove(kept: KeptContext): Promise<number> {
    if (kept.users > 0 || !this.#known.delete(kept.id)) return 0
    const { native, store, directory } = this.deps
    this.#listings.delete(kept.id)
    await store.write([sql`UPDATE build_context SET listing = '' WHERE id = ${kept.id}`])
    await native.removeTree(join(directory, kept.id))
    await store.write([sql`DELETE FROM build_context WHERE id = ${kept.id}`])
    return kept.size
  }

  /** As `remove`, for who does not wait. */
  discard(kept: KeptContext): void {
    this.#inBackground('removal of a context', this.remove(kept))
  }

  all(): KeptContext[] {
    return [...this.#known.values()]
  }

  /** The least recently used go until the others fit; the last one stays where there is room for it. */
  async #evict(): Promise<void> {
    const { bsize, blocks, bavail } = await statfs(this.deps.directory)
    const share = Math.min(MAX_BYTES, bsize * blocks * MAX_SHARE)
    const isTight = bavail < blocks * MIN_FREE
    const versions = new Map<string, number>()
    let total = 0
    for (const kept of this.all().toSorted((a, b) => b.lastUsed - a.lastUsed)) {
      const version = (versions.get(kept.key) ?? 0) + 1
      versions.set(kept.key, version)
      total += kept.size
      const room = total === kept.size && !isTight ? Infinity : share
      if (kept.listing !== '' && (total > room || version > MAX_VERSIONS)) {
        await this.remove(kept)
        total -= kept.size
      }
    }
  }
}
