/** Manifests, indexes and configs that registries lie with: refused, and nothing stays. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MEDIA_TYPE } from '@tdocker/oci'
import {
  type Blob,
  type LayerBlob,
  type MadeImage,
  blob,
  descriptorOf,
  jsonBlob,
  makeImage,
  makeLayer,
  tarOf,
} from '../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../lib/images-rig.ts'
import { FaultRegistry } from '../lib/registry.ts'

let rig: ImagesRig
let registry: FaultRegistry
let layer: LayerBlob
let good: MadeImage
before(async () => {
  ;[rig, registry] = [await imagesRig(), await FaultRegistry.start()]
  layer = makeLayer(await tarOf([{ name: 'file', content: 'content' }]))
  good = makeImage({ layers: [layer] })
  registry.add('good:1', good)
})
after(async () => {
  await rig[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

async function nothingLeft(what: string): Promise<void> {
  const files = await rig.files()
  assert.deepEqual(files, { layers: ['empty'], blobs: [], partials: [] }, what)
  for (const table of ['layer', 'blob', 'partial', 'image', 'image_tag', 'document'])
    assert.deepEqual(rig.store.all(`SELECT * FROM ${table}`), [], `${what}: ${table}`)
  assert.deepEqual(rig.problems, [], what)
}

/** Pulls `x:1`, whose manifest is these bytes. */
async function refused(name: string, manifest: Blob, sentence: RegExp): Promise<void> {
  registry.addManifest('x', '1', manifest)
  await assert.rejects(rig.pull(`${registry.host}/x:1`), sentence, name)
  await nothingLeft(name)
}

const { ociManifest, ociIndex, dockerManifest, dockerList } = MEDIA_TYPE
const config = (): object => descriptorOf(good.config)
const layers = (): object[] => [descriptorOf(layer)]
const zeros = `sha256:${'0'.repeat(64)}`

test('a document that is manifest and index at once (CVE-2021-41190)', async () => {
  const both = { schemaVersion: 2, config: config(), layers: layers(), manifests: [] }
  for (const mediaType of [ociManifest, ociIndex, dockerManifest, dockerList])
    for (const stated of [{ mediaType }, {}])
      await refused(
        `${mediaType} ${JSON.stringify(stated)}`,
        jsonBlob({ ...both, ...stated }, mediaType),
        /should not have|cannot determine/,
      )
  const legacy = { ...both, manifests: undefined, fsLayers: [{ blobSum: zeros }] }
  await refused(
    'fsLayers too',
    jsonBlob({ ...legacy, mediaType: ociManifest }, ociManifest),
    /fsLayers/,
  )
})

test('media types that differ', async () => {
  const manifest = { schemaVersion: 2, mediaType: ociManifest, config: config(), layers: layers() }
  await refused('an index by its header', jsonBlob(manifest, ociIndex), /should be/)
  await refused('another by its header', jsonBlob(manifest, dockerManifest), /should be/)
  const unknown = { ...manifest, mediaType: 'application/vnd.evil+json' }
  await refused('unknown', jsonBlob(unknown, 'application/vnd.evil+json'), /unsupported media type/)
  const entry = { ...descriptorOf(good.manifest), mediaType: ociManifest }
  registry.addManifest('x', good.manifest.digest, good.manifest)
  const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [entry] }
  await refused('of an entry', jsonBlob(index, ociIndex), /should be/)
})

const DIGESTS = [
  'sha256:../../../../etc/passwd',
  `sha256:${'../'.repeat(21)}x`,
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'0'.repeat(63)}`,
  `sha256:${'0'.repeat(65)}`,
  `sha256:${'0'.repeat(63)}/`,
  `sha256:${'0'.repeat(64)}\n`,
  `sha256:${'0'.repeat(64)}\0`,
  `md5:${'0'.repeat(32)}`,
  `__proto__:${'0'.repeat(64)}`,
  `constructor:${'0'.repeat(64)}`,
  `../sha256:${'0'.repeat(64)}`,
  '0'.repeat(64),
  'sha256:',
  ':',
  '',
]

test('digests that are none', async () => {
  const as = (digest: unknown): object => ({ mediaType: layer.mediaType, size: 10, digest })
  for (const digest of [...DIGESTS, 7, null, {}, ['sha256:x']]) {
    const base = { schemaVersion: 2, mediaType: ociManifest }
    const named = JSON.stringify(digest)
    const sentence = /digest|could not validate/
    const [c, l] = [
      { ...base, config: as(digest), layers: [] },
      { ...base, config: config() },
    ]
    await refused(`config ${named}`, jsonBlob(c, ociManifest), sentence)
    await refused(`layer ${named}`, jsonBlob({ ...l, layers: [as(digest)] }, ociManifest), sentence)
    const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [as(digest)] }
    await refused(`entry ${named}`, jsonBlob(index, ociIndex), sentence)
  }
})

test('sizes that lie', async () => {
  const manifest = (o: { c?: unknown; l?: unknown }): Blob =>
    jsonBlob(
      {
        schemaVersion: 2,
        mediaType: ociManifest,
        config: { ...config(), ...('c' in o && { size: o.c }) },
        layers: [{ ...descriptorOf(layer), ...('l' in o && { size: o.l }) }],
      },
      ociManifest,
    )
  for (const size of [-1, 1.5, 1e300, '10', null, true]) {
    await refused(`config ${String(size)}`, manifest({ c: size }), /size/)
    await refused(`layer ${String(size)}`, manifest({ l: size }), /size/)
  }
  for (const difference of [-1, 1])
    await refused(
      `layer ${difference}`,
      manifest({ l: layer.size + difference }),
      /verification failed|unexpected EOF/,
    )
  await refused('config shorter', manifest({ c: good.config.size - 1 }), /larger|verification/)
  await refused('config of 9 MB', manifest({ c: 9 << 20 }), /larger/)
})

test('manifests that are too large, too deep, no JSON', async () => {
  const text = (bytes: string | Buffer): Blob => blob(Buffer.from(bytes), ociManifest)
  const open = '{"schemaVersion":2,"mediaType":'
  await refused('5 MB', text(`${open}"${'x'.repeat(5 << 20)}"}`), /larger than/)
  registry.faults.push((request, response, url) => {
    if (request.method !== 'GET' || !url.pathname.includes('/unending/manifests/')) return false
    response.writeHead(200, { 'content-type': ociManifest })
    const timer = setInterval(() => response.write(Buffer.alloc(1 << 20, ' ')), 1)
    response.on('close', () => clearInterval(timer))
    return true
  })
  await assert.rejects(rig.pull(`${registry.host}/unending:1`), /larger than|not found/)
  await refused('deep arrays', text(`${open}${'['.repeat(1_000_000)}`), /unsupported manifest/)
  const depth = 300_000
  const deep = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  await refused('deep objects', text(`{"config":${deep},"mediaType":"${ociManifest}"}`), /digest/)
  for (const bytes of ['', 'null', '[]', '"x"', '1', '{', '\ufeff{}', '<html>'])
    await refused(bytes, text(bytes), /manifest|cannot determine/)
  await refused('no UTF-8', text(Buffer.from([0x22, 0xff, 0x22])), /unsupported manifest/)
})

test('layers and entries without end', async () => {
  const many = (count: number): object[] =>
    Array.from({ length: count }, () => ({ mediaType: '', digest: zeros, size: 1 }))
  const base = { schemaVersion: 2, mediaType: ociManifest, config: config() }
  await refused('501', jsonBlob({ ...base, layers: many(501) }, ociManifest), /more than 500/)
  await refused('30,000', jsonBlob({ ...base, layers: many(30_000) }, ociManifest), /more than 500/)
  const index = { schemaVersion: 2, mediaType: ociIndex, manifests: many(30_000) }
  await refused('an index of 30,000', jsonBlob(index, ociIndex), /too many entries/)
})

test('indexes in indexes', async () => {
  let inner: Blob = good.manifest
  for (let depth = 0; depth < 6; depth++) {
    registry.addManifest('x', inner.digest, inner)
    const manifests = [descriptorOf(inner)]
    inner = jsonBlob({ schemaVersion: 2, mediaType: ociIndex, manifests }, ociIndex)
  }
  await refused('six', inner, /nested too deeply/)
})

/** An image with this config, whatever it is. */
async function refusedConfig(what: string, body: Buffer, sentence: RegExp): Promise<void> {
  const made = blob(body, MEDIA_TYPE.ociConfig)
  registry.addBlob(made)
  const manifest = {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: descriptorOf(made),
    layers: layers(),
  }
  await refused(what, jsonBlob(manifest, ociManifest), sentence)
}

test('configs that are none', async () => {
  const rootfs = { type: 'layers', diff_ids: [layer.diffId] }
  const bad: unknown[] = [
    null,
    [],
    'x',
    {},
    { rootfs: null },
    { rootfs: [] },
    { rootfs: { ...rootfs, diff_ids: 'x' } },
    { rootfs: { ...rootfs, diff_ids: [] } },
    { rootfs: { ...rootfs, diff_ids: [layer.diffId, layer.diffId] } },
    { rootfs: { ...rootfs, diff_ids: [zeros] } },
    ...DIGESTS.map((digest) => ({ rootfs: { ...rootfs, diff_ids: [digest] } })),
    { rootfs: { ...rootfs, diff_ids: [{}] } },
    { rootfs, os: 'windows' },
    { rootfs, os: 7 },
    { rootfs, history: 'x' },
    { rootfs, history: [null] },
    { rootfs, config: [] },
    { rootfs, config: { Env: 'x' } },
    { rootfs, config: { Env: [1] } },
    { rootfs, config: { Volumes: ['/x'] } },
    { rootfs, config: { ExposedPorts: 'x' } },
    { rootfs, config: { Labels: { a: 1 } } },
    { rootfs, config: { Labels: ['x'] } },
    { rootfs, config: { User: {} } },
    { rootfs, config: { WorkingDir: ['/'] } },
    { rootfs, config: { Cmd: 'sh' } },
    { rootfs, config: { Healthcheck: 'x' } },
    { rootfs, config: { Healthcheck: { Interval: '1s' } } },
  ]
  for (const value of bad)
    await refusedConfig(JSON.stringify(value), Buffer.from(JSON.stringify(value)), /./)
  await refusedConfig('no JSON', Buffer.from('{"rootfs"'), /not JSON/)
  const depth = 500_000
  await refusedConfig('deep', Buffer.from(`${'['.repeat(depth)}${']'.repeat(depth)}`), /config/)
})

test('what a descriptor or an annotation names is not trusted', async () => {
  await using second = await FaultRegistry.start()
  const manifest = {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: { ...config(), urls: [`http://${second.host}/config`] },
    layers: [
      {
        ...descriptorOf(layer),
        urls: [`http://${second.host}/layer`, 'file:///etc/passwd', 'http://169.254.169.254/'],
      },
    ],
    annotations: {
      'org.opencontainers.image.ref.name': 'stolen:latest',
      'io.containerd.image.name': 'docker.io/library/stolen:latest',
      'containerd.io/gc.root': 'x',
    },
  }
  for (const made of [good.config, layer]) registry.addBlob(made)
  registry.addManifest('named', '1', jsonBlob(manifest, ociManifest))
  await rig.pull(`${registry.host}/named:1`)
  assert.deepEqual(second.seen, [])
  const tags = rig.store.all<{ n: number }>('SELECT count(*) AS n FROM image_tag')
  assert.deepEqual(tags, [{ n: 1 }])
  await rig.images.backend.remove(`${registry.host}/named:1`, { force: true, noprune: false })
  await nothingLeft('named')
})

test('of name:tag@digest the digest counts', async () => {
  const other = makeImage({ layers: [layer], created: '2020-01-01T00:00:00Z' })
  registry.add('pinned:1', other)
  registry.addManifest('pinned', good.manifest.digest, good.manifest)
  const pinned = `${registry.host}/pinned:1@${good.manifest.digest}`
  await rig.pull(pinned)
  const ids = rig.store.all<{ id: string }>('SELECT id FROM image').map(({ id }) => id)
  assert.deepEqual(ids, [good.config.digest])
  await rig.images.backend.remove(good.config.digest, { force: true, noprune: false })
  await nothingLeft('pinned')
  // The registry sends something else than was asked for.
  registry.faults.push((request, response, url) => {
    if (request.method !== 'GET' || !url.pathname.endsWith(good.manifest.digest)) return false
    response.writeHead(200, { 'content-type': other.manifest.mediaType })
    response.end(other.manifest.bytes)
    return true
  })
  await assert.rejects(rig.pull(pinned), /verification failed/)
  await nothingLeft('another document')
})
