/** Rows of images: what is there, and the statements that change it. Decides nothing. */
import {
  type ImageConfig,
  type Reference,
  canonicalName,
  fromCanonicalName,
  parseImageConfig,
} from '@tdocker/oci'
import { system } from '../base/errors.ts'
import { type Statement, type Store, sql } from '../store/store.ts'

export interface ImageRecord {
  id: string
  manifestDigest: string | undefined
  os: string
  architecture: string
  variant: string
  /** Unpacked bytes of all layers. */
  size: number
  /** Milliseconds since 1970; 0 when the config says none. */
  createdAt: number
  /** Image it was made from on this machine. */
  parentId: string | undefined
}

export interface ImageRow {
  id: string
  manifest_digest: string | null
  os: string
  architecture: string
  variant: string
  size: number
  created_at: number
  parent_id: string | null
}

export interface StoredDocument {
  digest: string
  mediaType: string
  body: Uint8Array
}

export interface NewImage {
  id: string
  config: ImageConfig
  /** The config and whatever named it: manifest, index. */
  documents: readonly StoredDocument[]
  manifestDigest: string | undefined
  /** Bottom first. */
  layerKeys: readonly string[]
  size: number
  /** Image it was made from on this machine (commit, build). */
  parentId?: string | undefined
}

export const IMAGE_COLUMNS =
  'id, manifest_digest, os, architecture, variant, size, created_at, parent_id'

/** Of digests that may be an image's id. */
const ALGORITHMS = ['sha256', 'sha384', 'sha512']

export class ImageRecords {
  readonly #store: Store
  /** Configs never change, as their digest is the key. */
  readonly #configs = new Map<string, ImageConfig>()

  constructor(store: Store) {
    this.#store = store
  }

  /** By full id; images removed by force are found only when asked for. */
  find(id: string, o: { removed?: boolean } = {}): ImageRecord | undefined {
    const row = this.#store.get<ImageRow>(
      `SELECT ${IMAGE_COLUMNS} FROM image WHERE id = ? AND removed <= ?`,
      id,
      o.removed ? 1 : 0,
    )
    return row && fromImageRow(row)
  }

  all(): ImageRecord[] {
    return this.#store
      .all<ImageRow>(`SELECT ${IMAGE_COLUMNS} FROM image WHERE removed = 0`)
      .map(fromImageRow)
  }

  count(): number {
    return (
      this.#store.get<{ n: number }>('SELECT count(*) AS n FROM image WHERE removed = 0')?.n ?? 0
    )
  }

  /** Ids that begin with `hex`, two at most: enough to tell whether it is unique. */
  findByPrefix(hex: string): string[] {
    const found = ALGORITHMS.flatMap((algorithm) =>
      this.#store.all<{ id: string }>(
        'SELECT id FROM image WHERE id >= ? AND id < ? AND removed = 0 LIMIT 2',
        `${algorithm}:${hex}`,
        // Behind every hex digit.
        `${algorithm}:${hex}g`,
      ),
    )
    return found.map((row) => row.id)
  }

  findTag(reference: Reference): string | undefined {
    return this.#store.get<{ image_id: string }>(
      'SELECT image_id FROM image_tag WHERE repository = ? AND tag = ?',
      canonicalName(reference),
      reference.tag ?? '',
    )?.image_id
  }

  /** Images of a repository, by tag and those that have a digest of it only, in order of name. */
  ofRepository(reference: Reference): Array<{ tag: string | undefined; imageId: string }> {
    const repository = canonicalName(reference)
    const rows = this.#store.all<{ tag: string | null; image_id: string }>(
      `SELECT tag, image_id FROM image_tag WHERE repository = ?
       UNION ALL SELECT NULL, image_id FROM image_digest WHERE repository = ?
       ORDER BY tag NULLS LAST, image_id`,
      repository,
      repository,
    )
    return rows.map((row) => ({ tag: row.tag ?? undefined, imageId: row.image_id }))
  }

  /** Images of a digest: several when an index was pulled for several platforms; newest first. */
  findDigest(reference: Reference): string[] {
    return this.#store
      .all<{ image_id: string }>(
        `SELECT d.image_id FROM image_digest d JOIN image i ON i.id = d.image_id
         WHERE d.repository = ? AND d.digest = ? AND i.removed = 0
         ORDER BY i.pulled_at DESC`,
        canonicalName(reference),
        reference.digest ?? '',
      )
      .map((row) => row.image_id)
  }

  /** Tags and digests of an image, each in order of name. */
  references(id: string): Reference[] {
    const tags = this.#store.all<{ repository: string; tag: string }>(
      'SELECT repository, tag FROM image_tag WHERE image_id = ? ORDER BY repository, tag',
      id,
    )
    const digests = this.#store.all<{ repository: string; digest: string }>(
      'SELECT repository, digest FROM image_digest WHERE image_id = ? ORDER BY repository, digest',
      id,
    )
    return [
      ...tags.map(({ repository, tag }) => ({ ...fromCanonicalName(repository), tag })),
      ...digests.map(({ repository, digest }) => ({ ...fromCanonicalName(repository), digest })),
    ]
  }

  /** Tags of a repository in order of name. */
  tagsOf(reference: Reference): Array<{ tag: string; imageId: string }> {
    return this.#store
      .all<{ tag: string; image_id: string }>(
        'SELECT tag, image_id FROM image_tag WHERE repository = ? ORDER BY tag',
        canonicalName(reference),
      )
      .map((row) => ({ tag: row.tag, imageId: row.image_id }))
  }

  /** Whether a tag or digest of the repository names an image. */
  hasRepository(reference: Reference): boolean {
    const name = canonicalName(reference)
    const found = this.#store.get(
      `SELECT 1 FROM image_tag WHERE repository = ?
       UNION ALL SELECT 1 FROM image_digest WHERE repository = ? LIMIT 1`,
      name,
      name,
    )
    return found !== undefined
  }

  lastTaggedAt(id: string): number | undefined {
    const row = this.#store.get<{ at: number | null }>(
      'SELECT max(tagged_at) AS at FROM image_tag WHERE image_id = ?',
      id,
    )
    return row?.at ?? undefined
  }

  /** Bottom first. */
  layers(id: string): Array<{ key: string; size: number }> {
    return this.#store.all(
      `SELECT l.key, l.size FROM image_layer i JOIN layer l ON l.key = i.layer_key
       WHERE i.image_id = ? ORDER BY i.position`,
      id,
    )
  }

  /** Digest of a layer's compressed form that is kept here. */
  blobOfLayer(key: string): string | undefined {
    return this.#store.get<{ digest: string }>(
      'SELECT b.digest FROM layer l JOIN blob b ON b.digest = l.blob_digest WHERE l.key = ?',
      key,
    )?.digest
  }

  /** Bottom first, with what their tars can be made of. */
  layerTars(id: string): Array<{ key: string; diffId: string; blobDigest: string | undefined }> {
    const rows = this.#store.all<{ key: string; diff_id: string; blob: string | null }>(
      `SELECT l.key, l.diff_id, b.digest AS blob FROM image_layer i JOIN layer l ON l.key = i.layer_key
       LEFT JOIN blob b ON b.digest = l.blob_digest
       WHERE i.image_id = ? ORDER BY i.position`,
      id,
    )
    return rows.map((row) => ({
      key: row.key,
      diffId: row.diff_id,
      blobDigest: row.blob ?? undefined,
    }))
  }

  /** Bytes of the layers that images hold, each counted once. */
  layersSize(): number {
    const row = this.#store.get<{ bytes: number | null }>(
      'SELECT sum(size) AS bytes FROM layer WHERE key IN (SELECT layer_key FROM image_layer)',
    )
    return row?.bytes ?? 0
  }

  /** Layers that only this image holds. */
  ownLayers(id: string): string[] {
    return this.#store
      .all<{ key: string }>(
        `SELECT DISTINCT layer_key AS key FROM image_layer a WHERE image_id = ?
         AND NOT EXISTS (SELECT 1 FROM image_layer b
                         WHERE b.layer_key = a.layer_key AND b.image_id <> a.image_id)`,
        id,
      )
      .map((row) => row.key)
  }

  /** Whether an image that is listed was made from it. */
  hasChildren(id: string): boolean {
    return (
      this.#store.get('SELECT 1 FROM image WHERE parent_id = ? AND removed = 0 LIMIT 1', id) !==
      undefined
    )
  }

  removed(): string[] {
    return this.#store
      .all<{ id: string }>('SELECT id FROM image WHERE removed = 1')
      .map((row) => row.id)
  }

  imagesWithLayer(key: string): string[] {
    return this.#store
      .all<{ image_id: string }>(
        'SELECT DISTINCT image_id FROM image_layer WHERE layer_key = ?',
        key,
      )
      .map((row) => row.image_id)
  }

  /** Digests of the documents that tell of an image: config, manifest, and what it was pulled by. */
  documentsOf(id: string): string[] {
    const names = this.#store.all<{ digest: string }>(
      `SELECT digest FROM image_digest WHERE image_id = ?
       UNION SELECT manifest_digest FROM image WHERE id = ? AND manifest_digest IS NOT NULL`,
      id,
      id,
    )
    return [id, ...names.map((row) => row.digest)]
  }

  document(digest: string): StoredDocument | undefined {
    const row = this.#store.get<{ media_type: string; body: Uint8Array }>(
      'SELECT media_type, body FROM document WHERE digest = ?',
      digest,
    )
    return row && { digest, mediaType: row.media_type, body: row.body }
  }

  /** The parsed config of an image that is there. */
  config(id: string): ImageConfig {
    const known = this.#configs.get(id)
    if (known) return known
    const document = this.document(id)
    if (!document) throw system(`configuration of image ${id} is missing`)
    const config = parseImageConfig(document.body)
    if (this.#configs.size >= 512) this.#configs.clear()
    this.#configs.set(id, config)
    return config
  }
}

export function fromImageRow(row: ImageRow): ImageRecord {
  return {
    id: row.id,
    manifestDigest: row.manifest_digest ?? undefined,
    os: row.os,
    architecture: row.architecture,
    variant: row.variant,
    size: row.size,
    createdAt: row.created_at,
    parentId: row.parent_id ?? undefined,
  }
}

export function createdAt(config: ImageConfig): number {
  const time = Date.parse(config.created ?? '')
  return Number.isNaN(time) ? 0 : time
}

/** Makes the image, or brings one back that was removed by force. */
export function insertImage(image: NewImage): Statement[] {
  const now = Date.now()
  const { id, config } = image
  return [
    ...image.documents.map(
      (d) => sql`INSERT INTO document (digest, media_type, body)
        VALUES (${d.digest}, ${d.mediaType}, ${d.body}) ON CONFLICT (digest) DO NOTHING`,
    ),
    sql`INSERT INTO image (id, manifest_digest, os, architecture, variant, size, created_at, pulled_at,
                           last_used_at, parent_id, labels_json)
        VALUES (${id}, ${image.manifestDigest ?? null}, ${config.os || 'linux'}, ${config.architecture},
                ${config.variant ?? ''}, ${image.size}, ${createdAt(config)}, ${now}, ${now},
                (SELECT id FROM image WHERE id = ${image.parentId ?? null} AND removed = 0), ${labelsJson(config)})
        ON CONFLICT (id) DO UPDATE SET removed = 0, pulled_at = excluded.pulled_at,
          last_used_at = excluded.last_used_at,
          manifest_digest = coalesce(image.manifest_digest, excluded.manifest_digest)`,
    ...image.layerKeys.map(
      (key, position) => sql`INSERT INTO image_layer (image_id, position, layer_key)
        VALUES (${id}, ${position}, ${key}) ON CONFLICT DO NOTHING`,
    ),
  ]
}

export function setParent(id: string, parentId: string): Statement {
  return sql`UPDATE image SET parent_id = ${parentId} WHERE id = ${id}`
}

export function setTag(reference: Reference, id: string): Statement {
  return sql`INSERT INTO image_tag (repository, tag, image_id, tagged_at)
    VALUES (${canonicalName(reference)}, ${reference.tag ?? ''}, ${id}, ${Date.now()})
    ON CONFLICT (repository, tag) DO UPDATE
      SET image_id = excluded.image_id, tagged_at = excluded.tagged_at`
}

export function addDigest(reference: Reference, digest: string, id: string): Statement {
  return sql`INSERT INTO image_digest (repository, digest, image_id)
    VALUES (${canonicalName(reference)}, ${digest}, ${id}) ON CONFLICT DO NOTHING`
}

function labelsJson(config: ImageConfig): string | null {
  const labels = config.config?.Labels
  return labels ? JSON.stringify(labels) : null
}

/** Takes a name away; the document of a digest goes with its last name. */
export function dropReference(reference: Reference, id: string): Statement[] {
  const { digest } = reference
  const repository = canonicalName(reference)
  if (digest === undefined) {
    const tag = reference.tag ?? ''
    return [sql`DELETE FROM image_tag WHERE repository = ${repository} AND tag = ${tag}`]
  }
  return [
    sql`DELETE FROM image_digest WHERE repository = ${repository} AND digest = ${digest}
        AND image_id = ${id}`,
    dropDocument(digest),
  ]
}

/** The rows of an image and the documents that nothing else names. */
export function dropImage(records: ImageRecords, id: string): Statement[] {
  return [
    sql`DELETE FROM image_tag WHERE image_id = ${id}`,
    sql`DELETE FROM image WHERE id = ${id}`,
    sql`UPDATE image SET parent_id = NULL WHERE parent_id = ${id}`,
    ...records.documentsOf(id).map(dropDocument),
  ]
}

/** Reasons for a document to stay; `document` is the row in question. */
const IS_ORPHAN = `NOT EXISTS (SELECT 1 FROM image WHERE id = document.digest)
  AND NOT EXISTS (SELECT 1 FROM image WHERE manifest_digest = document.digest)
  AND NOT EXISTS (SELECT 1 FROM image_digest WHERE digest = document.digest)`

function dropDocument(digest: string): Statement {
  return { sql: `DELETE FROM document WHERE digest = ? AND ${IS_ORPHAN}`, parameters: [digest] }
}

/** Documents that no image and no name speaks of. */
export const DROP_ORPHAN_DOCUMENTS: Statement = {
  sql: `DELETE FROM document WHERE ${IS_ORPHAN}`,
  parameters: [],
}

export function orphanDocuments(store: Store): Array<{ digest: string; size: number }> {
  return store.all(`SELECT digest, length(body) AS size FROM document WHERE ${IS_ORPHAN}`)
}

export function hideImage(id: string): Statement[] {
  return [
    sql`DELETE FROM image_tag WHERE image_id = ${id}`,
    sql`DELETE FROM image_digest WHERE image_id = ${id}`,
    sql`UPDATE image SET removed = 1 WHERE id = ${id}`,
  ]
}
