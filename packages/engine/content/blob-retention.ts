/**
 * Compressed blobs of layers are a cache: a pushed image keeps its digest and costs no compression as
 * long as they are here. `keep` never gives one up, `drop` keeps none longer than it is worked with,
 * `auto` gives up the least recently used ones when the file system of the data root runs low: when
 * less than a tenth of it or 5 GiB is free, whichever is less, until a quarter more than that is.
 */
import { statfs } from 'node:fs/promises'
import { type Store, sql } from '../store/store.ts'
import type { LayerStore } from './layer-store.ts'

export type ContentRetention = 'keep' | 'auto' | 'drop'

export interface Space {
  freeBytes: number
  totalBytes: number
}

export interface GivenUp {
  digests: string[]
  bytes: number
}

const LOW_SHARE = 0.1
const LOW_BYTES = 5 * 1024 ** 3
/** So much more than the mark is made free, so that not every pull begins anew. */
const AMPLE = 1.25
/** Blobs given up in one transaction. */
const BATCH = 100

interface RetentionOptions {
  store: Store
  layers: Pick<LayerStore, 'flushUse' | 'isBlobInUse' | 'leaveBlobs' | 'removeStrayBlob'>
  space: () => Promise<Space>
  /** Whether a blob is more than a cache: a layer cannot be made again without it. */
  isNeeded: (digest: string) => Promise<boolean>
  onError: (what: string, error: unknown) => void
}

export class BlobRetention {
  readonly #o: RetentionOptions
  policy: ContentRetention
  #checking: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(o: RetentionOptions & { policy: ContentRetention }) {
    this.#o = o
    this.policy = o.policy
  }

  /** Looks in the background whether something has to go; cheap where nothing has. */
  check(): void {
    if (this.#closed || this.policy === 'keep') return
    this.#again = true
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined))
  }

  async #check(): Promise<void> {
    try {
      while (this.#again && !this.#closed) {
        this.#again = false
        if (this.policy === 'drop') await this.giveUp()
        else if (this.policy === 'auto') await this.#makeRoom()
      }
    } catch (error) {
      this.#o.onError('retention of content', error)
    }
  }

  async #makeRoom(): Promise<void> {
    const { freeBytes, totalBytes } = await this.#o.space()
    const low = lowMark(totalBytes)
    if (freeBytes >= low) return
    await this.giveUp(low * AMPLE - freeBytes)
  }

  /**
   * Gives up blobs, the least recently used first, until `enough` bytes are freed; all of them where
   * nothing is said. Those that somebody reads or brings stay. Resolves when the files are gone.
   */
  async giveUp(enough: number = Infinity): Promise<GivenUp> {
    const { store, layers } = this.#o
    await layers.flushUse()
    const given: GivenUp = { digests: [], bytes: 0 }
    const order = store.all<{ digest: string; size: number }>(
      'SELECT digest, size FROM blob ORDER BY last_used_at, digest',
    )
    for (let at = 0; at < order.length && given.bytes < enough; at += BATCH) {
      const batch: typeof order = []
      for (const blob of order.slice(at, at + BATCH)) {
        if (given.bytes >= enough) break
        if (await this.#o.isNeeded(blob.digest)) continue
        if (layers.isBlobInUse(blob.digest)) continue
        batch.push(blob)
        given.bytes += blob.size
      }
      const digests = batch.map(({ digest }) => digest)
      const gone = layers.leaveBlobs(digests)
      try {
        await store.write(digests.flatMap(forget))
        for (const digest of digests) await layers.removeStrayBlob(digest)
      } finally {
        gone()
      }
      given.digests.push(...digests)
    }
    return given
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#checking
  }
}

/** Below so many free bytes the cache begins to go. */
export function lowMark(totalBytes: number): number {
  return Math.min(LOW_SHARE * totalBytes, LOW_BYTES)
}

/** `layer_blob` still knows the digest, by which registries may be asked for it. */
function forget(digest: string): ReturnType<typeof sql>[] {
  return [
    sql`DELETE FROM blob WHERE digest = ${digest}`,
    sql`UPDATE layer SET blob_digest = NULL WHERE blob_digest = ${digest}`,
  ]
}

/** Of the file system that holds a path. */
export async function spaceAt(path: string): Promise<Space> {
  const { bavail, blocks, bsize } = await statfs(path)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}
