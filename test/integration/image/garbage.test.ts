import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from '@tdocker/engine/store/store.ts'
import { makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import { FaultRegistry } from '../../lib/registry.ts'

const made = async (content: string) =>
  makeImage({ layers: [makeLayer(await tarOf([{ name: 'f', content }]))] })

async function pulled(rig: ImagesRig, registry: FaultRegistry, name: string): Promise<string> {
  const image = await made(name)
  registry.add(`${name}:1`, image)
  await rig.pull(`${registry.host}/${name}:1`)
  return image.config.digest
}

/** Until the background sync marked every layer. */
async function durable(rig: ImagesRig): Promise<void> {
  while (rig.store.get('SELECT 1 FROM layer WHERE durable = 0')) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('what a crash left is gone after the next start, images stay', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  await pulled(rig, registry, 'kept')
  await durable(rig)
  const before = await rig.files()
  const layers = join(rig.dataRoot, 'layers')
  const stray = `sha256-${'0'.repeat(64)}`
  const workspace = `unpacking-${'1'.repeat(24)}`
  for (const name of [stray, workspace, 'something else']) {
    await mkdir(join(layers, name, 'diff/deep'), { recursive: true })
    await writeFile(join(layers, name, 'diff/deep/file'), 'x')
  }
  await writeFile(join(rig.dataRoot, 'content/blobs/sha256', '2'.repeat(64)), 'x')
  await writeFile(join(rig.dataRoot, 'content/partial', '3'.repeat(64)), 'x')
  const unreferenced = `sha256:${'4'.repeat(64)}`
  await mkdir(join(layers, unreferenced.replace(':', '-'), 'diff'), { recursive: true })
  await rig.store.write([
    sql`INSERT INTO layer (key, diff_id, size, entries, state, created_at)
        VALUES (${workspace}, '', 0, 0, 'unpacking', 0)`,
    sql`INSERT INTO layer (key, diff_id, size, entries, state, durable, created_at)
        VALUES (${unreferenced}, ${unreferenced}, 0, 0, 'ready', 1, 0)`,
    sql`INSERT INTO partial (digest, size, received, updated_at)
        VALUES (${`sha256:${'5'.repeat(64)}`}, 1, 0, 0)`,
  ])
  await rig.restart()
  assert.deepEqual(await rig.files(), before)
  assert.equal(rig.store.all('SELECT key FROM layer').length, 1)
  assert.deepEqual(rig.store.all('SELECT digest FROM partial'), [])
  assert.deepEqual(rig.problems, [])
})

test('layers that were not synced when the machine went down are given up', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const torn = await pulled(rig, registry, 'torn')
  const safe = await pulled(rig, registry, 'safe')
  await durable(rig)
  const [layer] = rig.store.all<{ key: string }>(
    'SELECT layer_key AS key FROM image_layer WHERE image_id = ?',
    torn,
  )
  await rig.store.write([
    sql`UPDATE layer SET durable = 0 WHERE key = ${layer?.key ?? ''}`,
    sql`UPDATE meta SET value = 'an earlier boot' WHERE key = 'content_boot_id'`,
  ])
  await rig.restart()
  await assert.rejects(rig.images.source.resolve(torn), { kind: 'notFound' })
  assert.equal((await rig.images.source.resolve(safe)).id, safe)
  assert.equal((await rig.files()).layers.length, 2)
  assert.match(rig.problems.join(), /was not safe on disk/)
  await rig.pull(`${registry.host}/torn:1`)
  assert.equal((await rig.images.source.resolve(torn)).id, torn)
})

test('within one boot an unsynced layer is as good as any', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const id = await pulled(rig, registry, 'fresh')
  await durable(rig)
  await rig.store.write([sql`UPDATE layer SET durable = 0`])
  await rig.restart()
  assert.equal((await rig.images.source.resolve(id)).id, id)
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const row = rig.store.get<{ value: string }>(
    `SELECT value FROM meta WHERE key = 'content_boot_id'`,
  )
  assert.equal(row?.value, boot)
})
