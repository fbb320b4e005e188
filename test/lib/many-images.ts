/** A data root with thousands of images, written as an engine would have left it. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { ContentPaths } from '@tdocker/engine/content/content-paths.ts'
import { addDigest, insertImage, setTag } from '@tdocker/engine/image/image-records.ts'
import { openStore } from '@tdocker/engine/store/sqlite-store.ts'
import { type Statement, sql } from '@tdocker/engine/store/store.ts'
import { MEDIA_TYPE, parseImageConfig, parseReference } from '@tdocker/oci'

const LAYERS = 20
/** Of each image: layers that all have, that its group has, and that are its own. */
const [COMMON, GROUPED] = [10, 8]
const GROUPS = 100
const BLOB_SIZE = 1000
/** Images in one transaction. */
const BATCH = 50

interface MadeLayer {
  diffId: string
  blob: string
}

/**
 * `count` images of 20 layers each, `scale/app-N:1`, with busybox at the bottom: directories, blobs,
 * documents, names and rows. No daemon may run on the data root.
 */
export async function makeManyImages(dataRoot: string, count: number): Promise<void> {
  mkdirSync(dataRoot, { recursive: true, mode: 0o710 })
  const paths = new ContentPaths(dataRoot)
  mkdirSync(paths.layers, { recursive: true })
  mkdirSync(paths.blobDirectory(digest('any')), { recursive: true })
  const store = openStore({ path: join(dataRoot, 'state.db') })
  const made = new Map<string, MadeLayer>()
  let statements: Statement[] = []
  const layer = (name: string): MadeLayer => {
    const known = made.get(name)
    if (known) return known
    const fresh = { diffId: digest(`diff ${name}`), blob: digest(`blob ${name}`) }
    writeLayer(paths, fresh, name)
    statements.push(...layerRows(fresh))
    made.set(name, fresh)
    return fresh
  }
  for (let n = 0; n < count; n++) {
    const layers = layerNames(n).map(layer)
    statements.push(...imageRows(n, layers))
    if (n % BATCH < BATCH - 1 && n < count - 1) continue
    await store.write(statements)
    statements = []
  }
  await store.close()
}

function layerNames(n: number): string[] {
  return Array.from({ length: LAYERS }, (_, at) => {
    if (at < COMMON) return `common ${at}`
    return at < COMMON + GROUPED ? `group ${n % GROUPS} ${at}` : `own ${n} ${at}`
  })
}

function writeLayer(paths: ContentPaths, { diffId, blob }: MadeLayer, name: string): void {
  const diff = paths.diff(diffId)
  mkdirSync(join(diff, 'bin'), { recursive: true })
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
  if (name === 'common 0' && busybox) copyFileSync(busybox, join(diff, 'bin/sleep'))
  else writeFileSync(join(diff, 'bin', name), name)
  writeFileSync(join(paths.layer(diffId), 'tar-metadata'), name)
  writeFileSync(paths.blob(blob), Buffer.alloc(BLOB_SIZE, name))
}

function layerRows({ diffId, blob }: MadeLayer): Statement[] {
  return [
    sql`INSERT INTO layer (key, diff_id, size, entries, durable, state, blob_digest, created_at)
        VALUES (${diffId}, ${diffId}, 4096, 2, 1, 'ready', ${blob}, 0)`,
    sql`INSERT INTO blob (digest, size, media_type, created_at, last_used_at)
        VALUES (${blob}, ${BLOB_SIZE}, ${MEDIA_TYPE.dockerLayerGzip}, 0, 0)`,
    sql`INSERT INTO layer_blob (diff_id, digest, size, media_type)
        VALUES (${diffId}, ${blob}, ${BLOB_SIZE}, ${MEDIA_TYPE.dockerLayerGzip})`,
  ]
}

function imageRows(n: number, layers: readonly MadeLayer[]): Statement[] {
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: new Date(1_700_000_000_000 + n * 1000).toISOString(),
      config: { Cmd: ['sleep', '1000'], Labels: { number: String(n), group: String(n % GROUPS) } },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  )
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.dockerManifest,
      config: { mediaType: MEDIA_TYPE.dockerConfig, digest: digestOf(config), size: config.length },
      layers: layers.map(({ blob }) => ({
        mediaType: MEDIA_TYPE.dockerLayerGzip,
        digest: blob,
        size: BLOB_SIZE,
      })),
    }),
  )
  const [id, manifestDigest] = [digestOf(config), digestOf(manifest)]
  const reference = parseReference(`scale/app-${n}:1`)
  return [
    ...insertImage({
      id,
      config: parseImageConfig(config),
      documents: [
        { digest: id, mediaType: MEDIA_TYPE.dockerConfig, body: config },
        { digest: manifestDigest, mediaType: MEDIA_TYPE.dockerManifest, body: manifest },
      ],
      manifestDigest,
      layerKeys: layers.map(({ diffId }) => diffId),
      size: LAYERS * 4096,
    }),
    setTag(reference, id),
    addDigest(reference, manifestDigest, id),
  ]
}

function digestOf(body: Uint8Array): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`
}

function digest(text: string): string {
  return digestOf(Buffer.from(text))
}
