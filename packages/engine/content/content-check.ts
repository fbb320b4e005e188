/** Rows of the content store and what lies behind them. */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from '../store/store.ts'
import { layerDirectory } from './content-paths.ts'
import type { Finding } from './finding.ts'
import { type GarbageOptions, bytesAt, contentGarbage } from './garbage.ts'
import { isSound, layerDamage } from './layer-verify.ts'

export interface CheckOptions {
  /** Rebuild each layer's tar, and read each blob again. */
  deep: boolean
  signal: AbortSignal
}

/** What becomes of a layer without files, decided by who holds it. */
export interface LostLayers {
  /** `; with it …`, for the message. */
  told(key: string): string
  drop(key: string): Promise<void>
}

/**
 * Safe beside verbs at work: what is in use is passed by, and what looks lost is looked at twice, as
 * the row may have gone with it.
 */
export async function* checkContent(
  o: GarbageOptions,
  { deep, signal }: CheckOptions,
  lost: LostLayers,
): AsyncGenerator<Finding> {
  for await (const finding of contentGarbage(o)) {
    signal.throwIfAborted()
    yield { ...finding, bytes: await bytesAt(o.native, pathOf(o, finding)) }
  }
  yield* unreferencedLayers(o)
  yield* checkLayers(o, { deep, signal }, lost)
  yield* checkBlobs(o, { deep, signal })
}

function pathOf(o: GarbageOptions, { what }: Finding): string {
  return join(o.layers.paths.layers, '..', what)
}

async function* unreferencedLayers(o: GarbageOptions): AsyncGenerator<Finding> {
  for (const key of o.layers.unreferenced()) {
    const path = o.layers.paths.layer(key)
    yield {
      kind: 'garbage',
      owner: 'layer',
      what: join('layers', layerDirectory(key)),
      message: 'a layer that no image holds',
      bytes: await bytesAt(o.native, path),
      repair: () => o.layers.sweep(),
    }
  }
}

interface LayerRow {
  key: string
  diff_id: string
  blob_digest: string | null
}

/** Asked of what is there now: the list of layers may be of before. */
const NAMES_NO_BLOB = `SELECT 1 FROM layer WHERE key = ? AND blob_digest = ?
  AND NOT EXISTS (SELECT 1 FROM blob WHERE digest = layer.blob_digest)`

async function* checkLayers(
  o: GarbageOptions,
  { deep, signal }: CheckOptions,
  lost: LostLayers,
): AsyncGenerator<Finding> {
  const { paths } = o.layers
  const ready = `SELECT key, diff_id, blob_digest FROM layer WHERE state = 'ready'`
  for (const { key, diff_id: diffId, blob_digest: blob } of o.store.all<LayerRow>(ready)) {
    signal.throwIfAborted()
    const isThere = (): boolean =>
      o.store.get(`${ready} AND key = ?`, key) !== undefined && !o.layers.isGoing(key)
    const finding = { owner: 'layer', what: join('layers', layerDirectory(key)), bytes: 0 }
    if (!(await exists(paths.diff(key)))) {
      if (!isThere()) continue
      const message = `the files of layer ${key} are lost${lost.told(key)}`
      yield { ...finding, kind: 'missing', message, repair: () => lost.drop(key) }
      continue
    }
    if (!(await exists(join(paths.layer(key), 'tar-metadata'))) && isThere()) {
      yield {
        ...finding,
        kind: 'missing',
        message: 'without it the layer cannot be pushed or saved',
        what: join(finding.what, 'tar-metadata'),
      }
      continue
    }
    if (blob !== null && o.store.get(NAMES_NO_BLOB, key, blob))
      yield {
        ...finding,
        kind: 'missing',
        message: `it names the blob ${blob}, which is not kept`,
        repair: () =>
          o.store.write([
            sql`UPDATE layer SET blob_digest = NULL WHERE key = ${key} AND blob_digest = ${blob}
                AND NOT EXISTS (SELECT 1 FROM blob WHERE digest = ${blob})`,
          ]),
      }
    if (!deep) continue
    const tar = { key, diffId, blobDigest: blob ?? undefined }
    const damage = await layerDamage({ native: o.native, paths }, tar, signal)
    if (damage !== undefined && isThere()) yield { ...finding, kind: 'damaged', message: damage }
  }
}

interface BlobRow {
  digest: string
  size: number
}

async function* checkBlobs(
  o: GarbageOptions,
  { deep, signal }: CheckOptions,
): AsyncGenerator<Finding> {
  for (const { digest, size } of o.store.all<BlobRow>('SELECT digest, size FROM blob')) {
    signal.throwIfAborted()
    const letGo = o.layers.holdBlob(digest, { isUse: false })
    try {
      const problem = await blobProblem(o, { digest, size }, { deep, signal })
      if (!problem || !o.store.get('SELECT 1 FROM blob WHERE digest = ?', digest)) continue
      yield {
        ...problem,
        owner: 'blob',
        what: digest,
        bytes:
          problem.kind === 'missing' ? 0 : await bytesAt(o.native, o.layers.paths.blob(digest)),
        repair: async () => {
          await o.store.write([
            sql`DELETE FROM blob WHERE digest = ${digest}`,
            sql`UPDATE layer SET blob_digest = NULL WHERE blob_digest = ${digest}`,
          ])
          await o.layers.removeStrayBlob(digest)
        },
      }
    } finally {
      letGo()
    }
  }
}

async function blobProblem(
  o: GarbageOptions,
  { digest, size }: BlobRow,
  { deep, signal }: CheckOptions,
): Promise<{ kind: 'missing' | 'damaged'; message: string } | undefined> {
  const path = o.layers.paths.blob(digest)
  const found = await lstat(path).catch(() => undefined)
  if (!found) return { kind: 'missing', message: 'the blob has a row and no file' }
  if (found.size !== size)
    return { kind: 'damaged', message: `the blob has ${found.size} bytes instead of ${size}` }
  if (!deep || (await isSound(digest, path, signal))) return undefined
  return { kind: 'damaged', message: 'the bytes of the blob are not those of its digest' }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
