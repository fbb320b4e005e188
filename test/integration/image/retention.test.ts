/** Compressed layers are a cache: kept, given up, and never while somebody works with them. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { lowMark, spaceAt } from '@tdocker/engine/content/blob-retention.ts'
import { makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import { FaultRegistry } from '../../lib/registry.ts'
import { until } from '../../lib/test-daemon.ts'

async function pulled(
  rig: ImagesRig,
  registry: FaultRegistry,
  name: string,
  content: string | Buffer = name,
): Promise<{ id: string; digest: string }> {
  const layer = makeLayer(await tarOf([{ name: 'f', content }]))
  const image = makeImage({ layers: [layer] })
  registry.add(`${name}:1`, image)
  await rig.pull(`${registry.host}/${name}:1`)
  return { id: image.config.digest, digest: layer.digest }
}

test('prune of content frees all blobs, tells bytes, and images go on', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const one = await pulled(rig, registry, 'one')
  const two = await pulled(rig, registry, 'two')
  const given = await rig.images.pruneContent()
  assert.deepEqual(given.digests.toSorted(), [one.digest, two.digest].toSorted())
  assert.ok(given.bytes > 0)
  assert.deepEqual((await rig.files()).blobs, [])
  assert.deepEqual(rig.store.all('SELECT digest FROM blob'), [])
  assert.equal((await rig.images.source.resolve(one.id)).id, one.id)
  // Registries may still be asked for them.
  assert.equal(rig.store.all('SELECT digest FROM layer_blob').length, 2)
  assert.deepEqual(await rig.images.pruneContent(), { digests: [], bytes: 0 })
  await rig.images.backend.remove(one.id, { force: false, noprune: false })
  assert.equal(rig.store.all('SELECT digest FROM layer_blob').length, 1)
  assert.deepEqual(rig.problems, [])
})

test('a blob that its layer cannot be made again from stays', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const tar = await tarOf([
    { name: 'f', content: 'first' },
    { name: 'f', content: 'second, which replaces it' },
  ])
  const layer = makeLayer(tar)
  registry.add('twice:1', makeImage({ layers: [layer] }))
  await rig.pull(`${registry.host}/twice:1`)
  await pulled(rig, registry, 'once')
  assert.equal((await rig.images.pruneContent()).digests.length, 1)
  assert.deepEqual((await rig.files()).blobs, [layer.digest.slice('sha256:'.length)])
  const signal = new AbortController().signal
  for await (const finding of rig.images.check({ deep: true, signal })) assert.fail(finding.message)
})

test('drop: nothing stays after a pull, nor after a change of the configuration', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig({ config: { contentRetention: 'drop' } })
  const none = async (): Promise<boolean> => (await rig.files()).blobs.length === 0
  await pulled(rig, registry, 'dropped')
  await until('the blob to go', none)
  const options = {
    registryMirrors: [],
    insecureRegistries: [],
    maxConcurrentDownloads: 3,
    maxConcurrentUploads: 5,
    maxDownloadAttempts: 5,
  }
  rig.images.reload({ ...options, contentRetention: 'keep' })
  const { digest } = await pulled(rig, registry, 'kept')
  assert.deepEqual((await rig.files()).blobs, [digest.slice('sha256:'.length)])
  rig.images.reload({ ...options, contentRetention: 'drop' })
  await until('the blob to go', none)
  assert.deepEqual(rig.problems, [])
})

test('auto: on a small disk pulls go on, and the oldest blobs make room', async () => {
  const scratch = mkdtempSync('/dev/shm/tdocker-retention-')
  const disk = join(scratch, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tdocker-test', disk])
  try {
    await using registry = await FaultRegistry.start()
    await using rig = await imagesRig({ dataRoot: disk, config: { contentRetention: 'auto' } })
    const digests: string[] = []
    const kept = async (): Promise<string[]> =>
      rig.store.all<{ digest: string }>('SELECT digest FROM blob').map((row) => row.digest)
    const isLow = async (): Promise<boolean> => {
      const { freeBytes, totalBytes } = await spaceAt(disk)
      return freeBytes < lowMark(totalBytes) || (await kept()).length < digests.length
    }
    // Of each, layer and blob take 1.3 MiB: one more never fills what is left above the mark.
    for (let n = 0; !(await isLow()); n++) {
      const content = randomBytes(1.3 * 1024 * 1024)
      digests.push((await pulled(rig, registry, `large-${n}`, content)).digest)
    }
    await until('room', async () => (await kept()).length < digests.length)
    assert.ok(!(await kept()).includes(digests[0]!), 'the least recently used went')
    assert.ok((await kept()).includes(digests.at(-1)!), 'the last one is kept')
    assert.deepEqual(rig.problems, [])
  } finally {
    execFileSync('umount', [disk])
    rmSync(scratch, { recursive: true })
  }
})

test('two pulls of one layer in two compressions keep it whole', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  for (let round = 0; round < 5; round++) {
    const tar = await tarOf([{ name: 'f', content: randomBytes(200_000) }])
    const images = (['gzip', 'zstd', 'none'] as const).map((compression) =>
      makeImage({ layers: [makeLayer(tar, { compression, format: 'oci' })], format: 'oci' }),
    )
    images.forEach((image, at) => registry.add(`same-${at}:${round}`, image))
    await Promise.all(images.map((_, at) => rig.pull(`${registry.host}/same-${at}:${round}`)))
  }
  const layers = rig.store.all<{ key: string }>(`SELECT key FROM layer`)
  assert.equal(layers.length, 5)
  const files = await rig.files()
  assert.equal(files.layers.filter((name) => name.startsWith('sha256-')).length, 5)
  // Every blob that is there has a row.
  assert.equal(files.blobs.length, rig.store.all('SELECT digest FROM blob').length)
  const signal = new AbortController().signal
  for await (const finding of rig.images.check({ deep: true, signal })) assert.fail(finding.message)
  assert.deepEqual(rig.problems, [])
})
