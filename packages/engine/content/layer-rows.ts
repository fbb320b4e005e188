/** Statements that change the rows of layers and of their compressed forms. */
import { type Statement, sql } from '../store/store.ts'
import type { NewLayer } from './layer-store.ts'

export function commitStatements(made: NewLayer): Statement[] {
  const { workspace, key, diffId, extracted, blob } = made
  return [
    sql`DELETE FROM layer WHERE key = ${workspace.key}`,
    sql`INSERT INTO layer (key, diff_id, size, entries, durable, state, blob_digest, created_at)
        VALUES (${key}, ${diffId}, ${extracted.bytes}, ${extracted.entries}, 0, 'ready',
                ${blob?.digest ?? null}, ${Date.now()})`,
    ...blobStatements(made),
  ]
}

export function blobStatements({ diffId, blob }: NewLayer): Statement[] {
  if (!blob) return []
  const { digest, size, mediaType } = blob
  const now = Date.now()
  return [
    sql`INSERT INTO blob (digest, size, media_type, created_at, last_used_at)
        VALUES (${digest}, ${size}, ${mediaType}, ${now}, ${now})
        ON CONFLICT (digest) DO UPDATE SET last_used_at = excluded.last_used_at`,
    sql`INSERT INTO layer_blob (diff_id, digest, size, media_type)
        VALUES (${diffId}, ${digest}, ${size}, ${mediaType}) ON CONFLICT DO NOTHING`,
    sql`DELETE FROM partial WHERE digest = ${digest}`,
  ]
}

/** What is known of its compressed forms goes with the last layer of that content. */
export function dropLayer(key: string, diffId: string): Statement[] {
  return [
    sql`DELETE FROM layer WHERE key = ${key}`,
    sql`DELETE FROM layer_blob WHERE diff_id = ${diffId}
        AND NOT EXISTS (SELECT 1 FROM layer WHERE diff_id = ${diffId})`,
  ]
}

/** The same blob may be the compressed form of another layer that stays. */
export function dropBlobOfNobody(digest: string): Statement[] {
  return [
    sql`DELETE FROM blob WHERE digest = ${digest}
        AND NOT EXISTS (SELECT 1 FROM layer WHERE blob_digest = ${digest})
        AND NOT EXISTS (SELECT 1 FROM layer_blob WHERE digest = ${digest})`,
    sql`DELETE FROM blob_location WHERE digest = ${digest}
        AND NOT EXISTS (SELECT 1 FROM layer_blob WHERE digest = ${digest})`,
  ]
}
