/** Pushes to Debian's docker-registry: what arrives, what is said, and what costs no upload. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { digestHex, digestOf, shortId } from '@tdocker/oci'
import {
  type MadeImage,
  busyboxImage,
  makeImage,
  makeIndex,
  makeLayer,
  tarOf,
} from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import { CREDENTIALS, startRegistry } from '../../lib/registry.ts'

type Told = Awaited<ReturnType<ImagesRig['push']>>

/** Every status once per id, in order; counters left out. */
function statuses(told: Told, id?: string): string[] {
  const lines = told.filter((one) => one.id === id).map((one) => one.status ?? '')
  return lines.filter((line, at) => line !== lines[at - 1] && line !== '')
}

/** What the last line says. */
function pushedDigest(told: Told): string | undefined {
  return (told.at(-1)?.aux as { Digest: string } | undefined)?.Digest
}

async function manifestAt(
  host: string,
  name: string,
  target: string,
): Promise<{ bytes: Buffer; digest: string; type: string }> {
  const accept =
    'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json'
  const response = await fetch(`http://${host}/v2/${name}/manifests/${target}`, {
    headers: { accept },
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  assert.equal(response.status, 200, bytes.toString())
  return { bytes, digest: digestOf(bytes), type: response.headers.get('content-type') ?? '' }
}

async function blobAt(host: string, name: string, digest: string): Promise<Buffer> {
  const response = await fetch(`http://${host}/v2/${name}/blobs/${digest}`)
  assert.equal(response.status, 200)
  return Buffer.from(await response.arrayBuffer())
}

async function tag(rig: ImagesRig, from: string, to: string): Promise<void> {
  const at = to.lastIndexOf(':')
  await rig.images.backend.tag(from, { repo: to.slice(0, at), tag: to.slice(at + 1) })
}

async function twoLayers(): Promise<MadeImage> {
  const base = await busyboxImage()
  const file = { name: 'etc/motd', content: 'welcome\n' }
  return makeImage({ layers: [...base.layers, makeLayer(await tarOf([file]))] })
}

/** Imports a tar as an image of one layer that came from no registry. */
async function importTar(rig: ImagesRig, tar: Buffer, repo: string, name: string): Promise<void> {
  await rig.images.backend.import({
    body: Readable.from([tar]),
    repo,
    tag: name,
    message: '',
    changes: [],
    signal: new AbortController().signal,
    progress: () => {},
  })
}

for (const format of ['docker', 'oci'] as const) {
  test(`a pulled ${format} image keeps its digest wherever it goes`, async () => {
    await using from = await startRegistry()
    await using to = await startRegistry()
    await using rig = await imagesRig()
    const layer = makeLayer(await tarOf([{ name: 'a', content: 'a' }]), { format })
    const image = makeImage({ layers: [layer], format, config: { Labels: { a: 'b' } } })
    const name = `${from.host}/${await from.push('team/app:1', image)}`
    await rig.pull(name)
    await tag(rig, name, `${to.host}/other/name:2`)
    const told = await rig.push(`${to.host}/other/name`, { tag: '2' })
    const { digest, size } = image.manifest
    const id = shortId(layer.diffId)
    assert.deepEqual(told[0], {
      status: `The push refers to repository [${to.host}/other/name]`,
    })
    assert.deepEqual(told[1], { status: 'Preparing', progressDetail: {}, id })
    assert.deepEqual(statuses(told, id), ['Preparing', 'Pushing', 'Pushed'])
    assert.deepEqual(told.slice(-2), [
      { status: `2: digest: ${digest} size: ${size}` },
      { progressDetail: {}, aux: { Tag: '2', Digest: digest, Size: size } },
    ])
    const stored = await manifestAt(to.host, 'other/name', '2')
    assert.ok(stored.bytes.equals(image.manifest.bytes))
    assert.equal(stored.type, image.manifest.mediaType)
    const event = rig.events().at(-1)
    assert.deepEqual(event, {
      action: 'push',
      actorId: `${to.host}/other/name:2`,
      attributes: { a: 'b', name: `${to.host}/other/name` },
    })
    const found = await rig.images.backend.inspect(`${to.host}/other/name:2`, { version: '1.51' })
    assert.ok(found.RepoDigests?.includes(`${to.host}/other/name@${digest}`))
    assert.deepEqual(rig.problems, [])
  })
}

test('a second push uploads nothing', async () => {
  await using registry = await startRegistry()
  await using rig = await imagesRig()
  const image = await twoLayers()
  await rig.pull(`${registry.host}/${await registry.push('app:1', image)}`)
  const told = await rig.push(`${registry.host}/app`, { tag: '1' })
  for (const { diffId } of image.layers) {
    assert.deepEqual(statuses(told, shortId(diffId)), ['Preparing', 'Layer already exists'])
  }
  // Docker tells of the topmost layer first.
  const order = told.filter((one) => one.status === 'Preparing').map((one) => one.id)
  assert.deepEqual(order, image.layers.map(({ diffId }) => shortId(diffId)).toReversed())
})

test('layers known to be elsewhere on the registry are mounted from there', async () => {
  await using registry = await startRegistry()
  await using rig = await imagesRig()
  const image = await twoLayers()
  const name = `${registry.host}/${await registry.push('library/base:1', image)}`
  await rig.pull(name)
  // The bytes are not needed.
  await rm(join(rig.dataRoot, 'content/blobs'), { recursive: true })
  await tag(rig, name, `${registry.host}/mine/copy:1`)
  const told = await rig.push(`${registry.host}/mine/copy`, { tag: '1' })
  for (const { diffId } of image.layers) {
    const id = shortId(diffId)
    assert.deepEqual(statuses(told, id), ['Preparing', 'Mounted from library/base'])
  }
  const { digest } = await manifestAt(registry.host, 'mine/copy', '1')
  assert.equal(digest, image.manifest.digest)
})

test('without its blobs a layer is rebuilt, compressed once and kept', async () => {
  await using from = await startRegistry()
  await using to = await startRegistry()
  await using again = await startRegistry()
  await using rig = await imagesRig()
  const image = await twoLayers()
  const name = `${from.host}/${await from.push('app:1', image)}`
  await rig.pull(name)
  await rm(join(rig.dataRoot, 'content/blobs'), { recursive: true })
  await rig.store.write([{ sql: 'DELETE FROM blob', parameters: [] }])
  await tag(rig, name, `${to.host}/app:1`)
  await rig.push(`${to.host}/app`, { tag: '1' })
  const pushed = await manifestAt(to.host, 'app', '1')
  const { layers, config } = JSON.parse(pushed.bytes.toString()) as {
    layers: Array<{ digest: string; size: number; mediaType: string }>
    config: { digest: string }
  }
  assert.equal(config.digest, image.config.digest)
  for (const [at, { digest, size }] of layers.entries()) {
    const blob = await blobAt(to.host, 'app', digest)
    assert.equal(blob.length, size)
    assert.equal(digestOf(gunzipSync(blob)), image.layers[at]?.diffId)
  }
  const kept = layers.map(({ digest }) => digestHex(digest)).toSorted()
  assert.deepEqual((await rig.files()).blobs, kept)
  assert.deepEqual((await rig.files()).partials, [])
  await tag(rig, name, `${again.host}/app:1`)
  const told = await rig.push(`${again.host}/app`, { tag: '1' })
  assert.equal((await manifestAt(again.host, 'app', '1')).digest, pushed.digest)
  assert.ok(!told.some((one) => one.status === 'Preparing' && one.progressDetail?.current))
  // They go with their layers.
  for (const tagged of [name, `${to.host}/app:1`, `${again.host}/app:1`]) {
    await rig.images.backend.remove(tagged, { force: true, noprune: false })
  }
  assert.deepEqual(await rig.files(), { layers: ['empty'], blobs: [], partials: [] })
})

test('an image made here gets a manifest as Docker makes it, and is pulled back the same', async () => {
  await using registry = await startRegistry()
  await using rig = await imagesRig()
  const big = randomBytes(3 * 1024 * 1024)
  const tar = await tarOf([
    { name: 'big', content: big },
    { name: 'text', content: 'x'.repeat(1_000_000) },
  ])
  const name = `${registry.host}/made`
  await importTar(rig, tar, name, 'v1')
  const told = await rig.push(name, { tag: 'v1' })
  const { bytes, digest, type } = await manifestAt(registry.host, 'made', 'v1')
  assert.equal(type, 'application/vnd.docker.distribution.manifest.v2+json')
  assert.deepEqual(told.at(-1)?.aux, { Tag: 'v1', Digest: digest, Size: bytes.length })
  const before = await rig.images.backend.inspect(`${name}:v1`, { version: '1.51' })
  await using other = await imagesRig()
  await other.pull(`${name}:v1`)
  const after = await other.images.backend.inspect(`${name}:v1`, { version: '1.51' })
  assert.equal(after.Id, before.Id)
  assert.deepEqual(after.RootFS, { Type: 'layers', Layers: [digestOf(tar)] })
})

test('all tags of a repository, each told', async () => {
  await using registry = await startRegistry()
  await using rig = await imagesRig()
  const name = `${registry.host}/app`
  const image = await busyboxImage()
  await rig.pull(`${registry.host}/${await registry.push('src:1', image)}`)
  for (const to of ['b', 'a', 'c']) await tag(rig, `${registry.host}/src:1`, `${name}:${to}`)
  const told = await rig.push(name)
  const ended = told.flatMap((one) => (one.aux ? [(one.aux as { Tag: string }).Tag] : []))
  assert.deepEqual(ended, ['a', 'b', 'c'])
  const list = await fetch(`http://${registry.host}/v2/app/tags/list`)
  assert.deepEqual(((await list.json()) as { tags: string[] }).tags.toSorted(), ['a', 'b', 'c'])
  assert.equal(rig.events().at(-1)?.actorId, name)
})

test('of an index the image that is here is pushed', async () => {
  await using registry = await startRegistry()
  await using to = await startRegistry()
  await using rig = await imagesRig()
  const image = await busyboxImage()
  const platform = { os: 'linux', architecture: 'amd64' }
  const name = `${registry.host}/${await registry.push('multi:1', makeIndex([{ image, platform }]))}`
  await rig.pull(name)
  await tag(rig, name, `${to.host}/multi:1`)
  await rig.push(`${to.host}/multi`, { tag: '1', platform: 'linux/amd64' })
  assert.equal((await manifestAt(to.host, 'multi', '1')).digest, image.manifest.digest)
  await assert.rejects(rig.push(`${to.host}/multi`, { tag: '1', platform: 'linux/s390x' }), {
    kind: 'notFound',
    message: `image with reference ${to.host}/multi:1 was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)`,
  })
})

test('names that cannot be pushed', async () => {
  await using registry = await startRegistry()
  await using rig = await imagesRig()
  const { host } = registry
  const name = `${host}/${await registry.push('app:1', await busyboxImage())}`
  const told: Told = []
  const refused = async (what: string, o: Parameters<ImagesRig['push']>[1], message: string) =>
    assert.rejects(rig.push(what, { progress: (one) => told.push(one), ...o }), { message }, what)
  await refused('none', { tag: 'x' }, 'An image does not exist locally with the tag: none')
  assert.deepEqual(told, [{ status: 'The push refers to repository [docker.io/library/none]' }])
  await rig.pull(name)
  await refused(`${host}/app`, { tag: '2' }, `tag does not exist: ${host}/app:2`)
  await refused(
    'UPPER',
    {},
    'invalid reference format: repository name (library/UPPER) must be lowercase',
  )
  await refused(`${host}/app`, { tag: '-x' }, 'invalid tag format')
  const { digest } = (await busyboxImage()).manifest
  await refused(`${host}/app@${digest}`, {}, 'cannot push a digest reference')
  await refused(`${host}/app@${digest}`, { tag: '1' }, 'cannot import digest reference')
  await rig.images.backend.remove(`${host}/app:1`, { force: false, noprune: false })
  await rig.pull(`${host}/app@${digest}`)
  await refused(`${host}/app`, {}, `no tags to push for ${host}/app`)
  await tag(rig, `${host}/app@${digest}`, '127.0.0.1:1/app:1')
  await refused(
    '127.0.0.1:1/app',
    {},
    'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  )
})

test('credentials: right, wrong and none', async () => {
  await using registry = await startRegistry({ htpasswd: true })
  await using rig = await imagesRig()
  const image = await twoLayers()
  const name = `${registry.host}/${await registry.push('app:1', image)}`
  await rig.pull(name, { auth: CREDENTIALS })
  await tag(rig, name, `${registry.host}/app:2`)
  await assert.rejects(rig.push(`${registry.host}/app`, { tag: '2' }), {
    message: 'no basic auth credentials',
  })
  const wrong = { username: 'test', password: 'wrong' }
  await assert.rejects(rig.push(`${registry.host}/app`, { tag: '2', auth: wrong }), {
    message: 'unauthorized: authentication required',
  })
  const told = await rig.push(`${registry.host}/app`, { tag: '2', auth: CREDENTIALS })
  assert.equal(pushedDigest(told), image.manifest.digest)
})

test('a layer changed behind our back is not pushed as what it was', async () => {
  await using registry = await startRegistry()
  await using rig = await imagesRig()
  const name = `${registry.host}/made`
  await importTar(rig, await tarOf([{ name: 'file', content: 'good' }]), name, '1')
  const [key = ''] = (await rig.files()).layers.filter((layer) => layer !== 'empty')
  await rm(join(rig.dataRoot, 'layers', key, 'diff/file'))
  await assert.rejects(
    rig.push(name, { tag: '1' }),
    /^EngineError: layer sha256:[0-9a-f]{64} (could not be read|is damaged)/,
  )
  assert.deepEqual((await rig.files()).partials, [])
  assert.deepEqual((await rig.files()).blobs, [])
})

test('a kept blob that a power loss tore is told by its digest, and made again', async () => {
  await using registry = await startRegistry()
  await using to = await startRegistry()
  await using rig = await imagesRig()
  const image = await busyboxImage()
  const name = `${registry.host}/${await registry.push('app:1', image)}`
  await rig.pull(name)
  const [layer] = image.layers
  assert.ok(layer)
  const path = join(rig.dataRoot, 'content/blobs/sha256', digestHex(layer.digest))
  await writeFile(path, Buffer.alloc(layer.size))
  await tag(rig, name, `${to.host}/app:1`)
  await rig.push(`${to.host}/app`, { tag: '1' })
  const { bytes } = await manifestAt(to.host, 'app', '1')
  const [pushed] = (JSON.parse(bytes.toString()) as { layers: Array<{ digest: string }> }).layers
  const blob = gunzipSync(await blobAt(to.host, 'app', pushed?.digest ?? ''))
  assert.equal(`sha256:${createHash('sha256').update(blob).digest('hex')}`, layer.diffId)
})
