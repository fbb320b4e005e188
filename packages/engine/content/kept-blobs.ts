/** What is known of layers' compressed forms: which are kept here, and where registries have them. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type Descriptor, DigestVerifier } from '@tdocker/oci'
import { type Statement, type Store, sql } from '../store/store.ts'
import type { LayerStore } from './layer-store.ts'

interface BlobRow {
  digest: string
  size: number
  media_type: string
}

export class KeptBlobs {
  readonly #store: Store
  readonly #layers: LayerStore

  constructor(o: { store: Store; layers: LayerStore }) {
    this.#store = o.store
    this.#layers = o.layers
  }

  /** Compressed forms of a layer, those kept here first. */
  formsOf(diffId: string): Descriptor[] {
    const rows = this.#store.all<BlobRow>(
      `SELECT digest, size, media_type FROM (
         SELECT b.digest, b.size, b.media_type, 0 AS rank
           FROM layer l JOIN blob b ON b.digest = l.blob_digest WHERE l.diff_id = ?
         UNION ALL
         SELECT f.digest, f.size, f.media_type,
                NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = f.digest) AS rank
           FROM layer_blob f WHERE f.diff_id = ?)
       GROUP BY digest ORDER BY min(rank), digest LIMIT 8`,
      diffId,
      diffId,
    )
    return rows.map((row) => ({ digest: row.digest, size: row.size, mediaType: row.media_type }))
  }

  /** The path of a blob's file, or undefined when it is not kept, or not whole. */
  async find(blob: { digest: string; size: number }): Promise<string | undefined> {
    if (!this.#store.get('SELECT 1 FROM blob WHERE digest = ?', blob.digest)) return undefined
    const path = this.#layers.paths.blob(blob.digest)
    try {
      return (await stat(path)).size === blob.size ? path : undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** Reads a kept blob again; one that is not what it should be (a power loss) is given up. */
  async isSound(digest: string, path: string): Promise<boolean> {
    const verifier = new DigestVerifier(digest)
    const pieces = createReadStream(path, { highWaterMark: 1024 * 1024 })
    for await (const piece of pieces as AsyncIterable<Buffer>) verifier.update(piece)
    if (verifier.verified()) return true
    await this.#store.write([sql`DELETE FROM blob WHERE digest = ${digest}`])
    await this.#layers.removeStrayBlob(digest)
    return false
  }

  /** Other repositories of the registry that had the blob, the last seen first. */
  locations(digest: string, o: { host: string; except: string }): string[] {
    return this.#store
      .all<{ repository: string }>(
        `SELECT repository FROM blob_location WHERE digest = ? AND host = ? AND repository <> ?
         ORDER BY seen_at DESC, repository LIMIT 2`,
        digest,
        o.host,
        o.except,
      )
      .map((row) => row.repository)
  }

  /** A registry did not mount it from there. */
  async forgetLocation(digest: string, host: string, repository: string): Promise<void> {
    await this.#store.write([
      sql`DELETE FROM blob_location
          WHERE digest = ${digest} AND host = ${host} AND repository = ${repository}`,
    ])
  }

  async remember(diffId: string, blob: Descriptor, at: BlobPlace): Promise<void> {
    await this.#store.write(blobSeen(diffId, blob, at))
  }
}

export interface BlobPlace {
  host: string
  /** Path on that host. */
  repository: string
}

/** A registry's repository has this form of the layer. */
export function blobSeen(diffId: string, blob: Descriptor, at: BlobPlace): Statement[] {
  const { digest, size, mediaType } = blob
  return [
    sql`INSERT INTO layer_blob (diff_id, digest, size, media_type)
        VALUES (${diffId}, ${digest}, ${size}, ${mediaType}) ON CONFLICT DO NOTHING`,
    sql`INSERT INTO blob_location (digest, host, repository, seen_at)
        VALUES (${digest}, ${at.host}, ${at.repository}, ${Date.now()})
        ON CONFLICT (digest, host, repository) DO UPDATE SET seen_at = excluded.seen_at`,
  ]
}
