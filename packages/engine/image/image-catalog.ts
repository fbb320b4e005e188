/** All images as lists need them, in memory for as long as no image changes. */
import { setImmediate as turn } from 'node:timers/promises'
import type { OCIDescriptor } from '@tdocker/api'
import { type Reference, fromCanonicalName } from '@tdocker/oci'
import type { Store } from '../store/store.ts'
import { IMAGE_COLUMNS, type ImageRecord, type ImageRow, fromImageRow } from './image-records.ts'

export interface CatalogImage {
  readonly record: ImageRecord
  readonly labels: Readonly<Record<string, string>> | null
  /** What the registry served under the image's digest. */
  readonly descriptor: OCIDescriptor | undefined
  /** Tags, then digests, each in order of name. */
  readonly references: readonly Reference[]
}

/** Tables whose changes make what was read stale. */
const IMAGE_TABLES = ['image', 'image_tag', 'image_digest', 'image_layer'] as const
/** Rows read at a time, and how long it may go on before others get their turn. */
const PAGE = 500
const SLICE_MS = 4
/** Where images change all the time, a list is at last one of about now. */
const ATTEMPTS = 3

/** A number that changes with every commit that changes images. */
export function imageChanges(store: Store): number {
  return IMAGE_TABLES.reduce((sum, table) => sum + store.changes(table), 0)
}

export class ImageCatalog {
  readonly #store: Store
  #images: Promise<readonly CatalogImage[]> | undefined
  #unique: Promise<ReadonlyMap<string, number>> | undefined
  #at = -1

  constructor(store: Store) {
    this.#store = store
  }

  /** Images that are not removed, by id. */
  images(): Promise<readonly CatalogImage[]> {
    this.#forgetStale()
    this.#images ??= this.#settled(() => readImages(this.#store))
    return this.#images
  }

  /** Bytes of each image's layers that no other image holds; images without any are absent. */
  uniqueSizes(): Promise<ReadonlyMap<string, number>> {
    this.#forgetStale()
    this.#unique ??= this.#settled(() => readUniqueSizes(this.#store))
    return this.#unique
  }

  #forgetStale(): void {
    const at = imageChanges(this.#store)
    if (at === this.#at) return
    this.#at = at
    this.#images = undefined
    this.#unique = undefined
  }

  /** Reads again when something changed between two pages. */
  async #settled<T>(read: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const before = imageChanges(this.#store)
      const found = await read()
      if (imageChanges(this.#store) === before || attempt === ATTEMPTS) return found
    }
  }
}

async function readImages(store: Store): Promise<CatalogImage[]> {
  const pacer = new Pacer()
  const references = await readReferences(store, pacer)
  const images: CatalogImage[] = []
  let after = ''
  for (;;) {
    const rows = store.all<CatalogRow>(IMAGES, after, PAGE)
    for (const row of rows) images.push(catalogImage(row, references.get(row.id) ?? []))
    if (rows.length < PAGE) return images
    after = rows.at(-1)?.id ?? after
    await pacer.pause()
  }
}

interface CatalogRow extends ImageRow {
  labels_json: string | null
  manifest_type: string | null
  manifest_size: number | null
}

const IMAGES = `SELECT ${IMAGE_COLUMNS}, labels_json, manifest_type, manifest_size FROM image
  WHERE removed = 0 AND id > ? ORDER BY id LIMIT ?`

function catalogImage(row: CatalogRow, references: readonly Reference[]): CatalogImage {
  const { manifest_digest: digest, manifest_type: mediaType, manifest_size: size } = row
  const isKnown = digest !== null && mediaType !== null && size !== null
  return {
    record: fromImageRow(row),
    labels:
      row.labels_json === null ? null : (JSON.parse(row.labels_json) as CatalogImage['labels']),
    descriptor: isKnown ? { mediaType, digest, size } : undefined,
    references,
  }
}

/** By image id. */
async function readReferences(store: Store, pacer: Pacer): Promise<Map<string, Reference[]>> {
  const found = new Map<string, Reference[]>()
  const add = (id: string, reference: Reference): void => {
    const known = found.get(id)
    if (known) known.push(reference)
    else found.set(id, [reference])
  }
  const parse = (row: NameRow): Reference => fromCanonicalName(row.repository)
  for await (const row of names(store, TAGS, pacer))
    add(row.image_id, { ...parse(row), tag: row.name })
  for await (const row of names(store, DIGESTS, pacer))
    add(row.image_id, { ...parse(row), digest: row.name })
  return found
}

interface NameRow {
  repository: string
  name: string
  image_id: string
}

async function* names(store: Store, text: string, pacer: Pacer): AsyncGenerator<NameRow> {
  let last: NameRow = { repository: '', name: '', image_id: '' }
  for (;;) {
    const rows = store.all<NameRow>(text, last.repository, last.name, last.image_id, PAGE)
    yield* rows
    if (rows.length < PAGE) return
    last = rows.at(-1) ?? last
    await pacer.pause()
  }
}

const TAGS = `SELECT repository, tag AS name, image_id FROM image_tag
  WHERE (repository, tag, image_id) > (?, ?, ?) ORDER BY repository, tag LIMIT ?`
const DIGESTS = `SELECT repository, digest AS name, image_id FROM image_digest
  WHERE (repository, digest, image_id) > (?, ?, ?) ORDER BY repository, digest, image_id LIMIT ?`

async function readUniqueSizes(store: Store): Promise<Map<string, number>> {
  const pacer = new Pacer()
  const sizes = new Map<string, number>()
  let after = ''
  for (;;) {
    const rows = store.all<LayerUse>(LAYER_USE, after, PAGE)
    for (const { image_id: id, holders, bytes } of rows)
      if (holders === 1) sizes.set(id, (sizes.get(id) ?? 0) + bytes)
    if (rows.length < PAGE) return sizes
    after = rows.at(-1)?.key ?? after
    await pacer.pause()
  }
}

interface LayerUse {
  key: string
  /** One of its holders. */
  image_id: string
  holders: number
  /** As often as its holders have it. */
  bytes: number
}

const LAYER_USE = `SELECT key, min(image_id) AS image_id, count(DISTINCT image_id) AS holders,
  count(*) * size AS bytes
  FROM layer JOIN image_layer ON layer_key = key WHERE key > ? GROUP BY key ORDER BY key LIMIT ?`

/** Gives the event loop to others when a slice of time is used up. */
class Pacer {
  #since = performance.now()

  async pause(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return
    await turn()
    this.#since = performance.now()
  }
}
