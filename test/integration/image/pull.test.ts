import assert from 'node:assert/strict'
import { readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ProgressMessage } from '@tdocker/engine/image/image-backend.ts'
import { shortId } from '@tdocker/oci'
import {
  type Compression,
  type Format,
  busyboxImage,
  makeImage,
  makeIndex,
  makeLayer,
  tarOf,
} from '../../lib/image-maker.ts'
import { imagesRig } from '../../lib/images-rig.ts'
import { type TestRegistry, startRegistry } from '../../lib/registry.ts'

let registry: TestRegistry

before(async () => {
  registry = await startRegistry()
})
after(() => registry[Symbol.asyncDispose]())

const status = (told: readonly ProgressMessage[]): string[] =>
  told
    .filter((message) => message.progressDetail?.current === undefined)
    .map((message) => (message.id ? `${message.id}: ${message.status}` : (message.status ?? '')))

test('a pull tells what moby tells, and the second one that nothing is new', async () => {
  await using rig = await imagesRig()
  const image = await busyboxImage()
  const name = `${registry.host}/${await registry.push('library/busybox:1.36', image)}`
  const layer = shortId(image.layers[0]?.digest ?? '')
  assert.deepEqual(status(await rig.pull(name)), [
    '1.36: Pulling from library/busybox',
    `${layer}: Pulling fs layer`,
    `${layer}: Verifying Checksum`,
    `${layer}: Download complete`,
    `${layer}: Pull complete`,
    `Digest: ${image.manifest.digest}`,
    `Status: Downloaded newer image for ${name}`,
  ])
  assert.deepEqual(status(await rig.pull(name)), [
    '1.36: Pulling from library/busybox',
    `Digest: ${image.manifest.digest}`,
    `Status: Image is up to date for ${name}`,
  ])
  assert.deepEqual(
    rig.events().map(({ action, actorId, attributes }) => [action, actorId, attributes['name']]),
    [
      ['pull', name, `${registry.host}/library/busybox`],
      ['pull', name, `${registry.host}/library/busybox`],
    ],
  )
  assert.deepEqual(rig.problems, [])
})

test('what is unpacked is what was in the tar', async () => {
  await using rig = await imagesRig()
  await registry.push('busybox:tree', await busyboxImage())
  await rig.pull(`${registry.host}/busybox:tree`)
  const { lowers } = await rig.images.source.resolve(`${registry.host}/busybox:tree`)
  const root = lowers[0] ?? ''
  const busybox = await stat(join(root, 'bin/busybox'))
  assert.equal(busybox.mode & 0o7777, 0o755)
  assert.equal(busybox.mtimeMs, 1_700_000_000_000)
  assert.equal((await stat(join(root, 'bin/sh'))).ino, busybox.ino)
  assert.equal((await stat(join(root, 'tmp'))).mode & 0o7777, 0o1777)
  assert.equal((await stat(root)).mode & 0o7777, 0o755)
})

for (const format of ['docker', 'oci'] as const satisfies Format[]) {
  for (const compression of ['none', 'gzip', 'zstd'] as const satisfies Compression[]) {
    test(`an ${format} image of ${compression} layers`, async () => {
      await using rig = await imagesRig()
      const layers = await Promise.all(
        ['one', 'two', 'three'].map(async (name) =>
          makeLayer(await tarOf([{ name, content: `${name} ${compression} ${format}` }]), {
            compression,
            format,
          }),
        ),
      )
      const name = await registry.push(
        `mixed:${format}-${compression}`,
        makeImage({ layers, format }),
      )
      await rig.pull(`${registry.host}/${name}`)
      const { lowers, id } = await rig.images.source.resolve(`${registry.host}/${name}`)
      assert.match(id, /^sha256:[0-9a-f]{64}$/)
      assert.equal(lowers.length, 3)
      // Topmost first.
      const top = await readFile(join(lowers[0] ?? '', 'three'), 'utf8')
      assert.equal(top, `three ${compression} ${format}`)
      assert.deepEqual(rig.problems, [])
    })
  }
}

test('an index gives the image of this machine, or the one asked for', async () => {
  await using rig = await imagesRig()
  const make = async (architecture: string, variant?: string) => ({
    platform: { os: 'linux', architecture, ...(variant !== undefined && { variant }) },
    image: makeImage({
      format: 'oci',
      layers: [makeLayer(await tarOf([{ name: 'arch', content: architecture + variant }]))],
      platform: { os: 'linux', architecture, ...(variant !== undefined && { variant }) },
    }),
  })
  const entries = [
    await make('arm64', 'v8'),
    await make('arm', 'v6'),
    await make('arm', 'v7'),
    await make('amd64'),
  ]
  const index = makeIndex(entries)
  const name = `${registry.host}/${await registry.push('multi:1', index)}`
  await rig.pull(name)
  const native = await rig.images.backend.inspect(name, { version: '1.51' })
  assert.equal(native.Architecture, process.arch === 'arm64' ? 'arm64' : 'amd64')
  assert.deepEqual(native.RepoDigests, [`${registry.host}/multi@${index.index.digest}`])
  await rig.pull(name, { platform: 'linux/arm/v7' })
  const arm = await rig.images.backend.inspect(name, { version: '1.51' })
  assert.equal(arm.Id, entries[2]?.image.config.digest)
  assert.equal(arm.Variant, 'v7')
  await assert.rejects(rig.pull(name, { platform: 'linux/s390x' }), {
    kind: 'notFound',
    message: 'no matching manifest for linux/s390x in the manifest list entries',
  })
  await assert.rejects(rig.images.source.resolve(name, 'linux/amd64'), {
    kind: 'notFound',
    message: `image with reference ${name} was found but its platform (linux/arm/v7) does not match the specified platform (linux/amd64)`,
  })
})

test('a single image of another platform is taken, with a warning', async () => {
  await using rig = await imagesRig()
  const image = makeImage({
    layers: [makeLayer(await tarOf([{ name: 'x', content: 'riscv' }]))],
    platform: { os: 'linux', architecture: 'riscv64' },
  })
  const name = `${registry.host}/${await registry.push('other:1', image)}`
  const told = await rig.pull(name, { platform: 'linux/amd64' })
  assert.match(told.at(-1)?.status ?? '', /^WARNING: image with reference .* was found but/)
})

test('by digest, by tag and digest, and all tags', async () => {
  await using rig = await imagesRig()
  const one = makeImage({ layers: [makeLayer(await tarOf([{ name: 'a', content: '1' }]))] })
  const two = makeImage({ layers: [makeLayer(await tarOf([{ name: 'a', content: '2' }]))] })
  await registry.push('tags:1', one)
  await registry.push('tags:2', two)
  const repository = `${registry.host}/tags`
  const pinned = `${repository}@${one.manifest.digest}`
  const told = await rig.pull(repository, { tag: one.manifest.digest })
  assert.equal(told[0]?.id, pinned)
  assert.equal(told.at(-1)?.status, `Status: Downloaded newer image for ${pinned}`)
  const found = await rig.images.backend.inspect(pinned, { version: '1.51' })
  assert.deepEqual(found.RepoTags, [])
  assert.deepEqual(found.RepoDigests, [pinned])
  await rig.pull(`${repository}:2@${two.manifest.digest}`)
  await rig.pull(repository)
  const list = await rig.images.backend.list({
    all: false,
    filters: new Map(),
    sharedSize: false,
    digests: true,
    version: '1.51',
  })
  assert.deepEqual(list.flatMap((image) => image.RepoTags).toSorted(), [
    `${repository}:1`,
    `${repository}:2`,
  ])
})

test('layers are shared, and brought once when two pulls want them at the same time', async () => {
  await using rig = await imagesRig()
  const base = makeLayer(await tarOf([{ name: 'base', content: Buffer.alloc(3_000_000, 'b') }]))
  const make = async (name: string) =>
    makeImage({ layers: [base, makeLayer(await tarOf([{ name, content: name }]))] })
  const a = `${registry.host}/${await registry.push('shared:a', await make('a'))}`
  const b = `${registry.host}/${await registry.push('shared:b', await make('b'))}`
  await Promise.all([rig.pull(a), rig.pull(b), rig.pull(a)])
  const files = await rig.files()
  assert.equal(files.layers.filter((name) => name.startsWith('sha256-')).length, 3)
  assert.equal(files.layers.filter((name) => name.startsWith('unpacking')).length, 0)
  const [first, second] = await Promise.all([
    rig.images.source.resolve(a),
    rig.images.source.resolve(b),
  ])
  assert.equal(first.lowers.at(-1), second.lowers.at(-1))
  const c = `${registry.host}/${await registry.push('shared:c', await make('c'))}`
  const told = status(await rig.pull(c))
  assert.ok(told.includes(`${shortId(base.digest)}: Already exists`), told.join('\n'))
  assert.deepEqual(rig.problems, [])
})

test('the same layer twice in one image', async () => {
  await using rig = await imagesRig()
  const empty = makeLayer(await tarOf([]))
  const file = makeLayer(await tarOf([{ name: 'f', content: 'f' }]))
  const image = makeImage({ layers: [empty, file, empty, empty] })
  const name = `${registry.host}/${await registry.push('twice:1', image)}`
  await rig.pull(name)
  const { lowers } = await rig.images.source.resolve(name)
  assert.equal(lowers.length, 4)
  assert.equal(new Set(lowers).size, 2)
  await rig.images.backend.remove(name, { force: false, noprune: false })
  assert.deepEqual((await rig.files()).layers, ['empty'])
})

test('an image without layers has an empty directory to stand on', async () => {
  await using rig = await imagesRig()
  const name = `${registry.host}/${await registry.push('nothing:1', makeImage({ layers: [] }))}`
  await rig.pull(name)
  const { lowers } = await rig.images.source.resolve(name)
  assert.equal(lowers.length, 1)
  assert.ok((await stat(lowers[0] ?? '')).isDirectory())
})

test('a moved tag leaves the old image without a name', async () => {
  await using rig = await imagesRig()
  const make = async (content: string) =>
    makeImage({ layers: [makeLayer(await tarOf([{ name: 'v', content }]))] })
  const [old, fresh] = [await make('old'), await make('new')]
  const name = `${registry.host}/${await registry.push('moving:latest', old)}`
  await rig.pull(name)
  await registry.push('moving:latest', fresh)
  const told = await rig.pull(name)
  assert.equal(told.at(-1)?.status, `Status: Downloaded newer image for ${name}`)
  assert.equal((await rig.images.source.resolve(name)).id, fresh.config.digest)
  const before = await rig.images.backend.inspect(old.config.digest, { version: '1.51' })
  assert.deepEqual(before.RepoTags, [])
})

test('a restart keeps everything', async () => {
  await using rig = await imagesRig()
  const name = `${registry.host}/${await registry.push('kept:1', await busyboxImage())}`
  await rig.pull(name)
  const files = await rig.files()
  await rig.restart()
  assert.deepEqual(await rig.files(), files)
  const { lowers, config } = await rig.images.source.resolve(name)
  assert.deepEqual(config.config?.Cmd, ['sh'])
  assert.equal(
    await readlink(join(lowers[0] ?? '', 'bin/sh')).catch(() => 'a hard link'),
    'a hard link',
  )
})

test('unknown names, in moby words', async () => {
  await using rig = await imagesRig()
  await registry.push('known:1', await busyboxImage())
  const { host } = registry
  const cases: Array<[string, string, string]> = [
    [
      `${host}/known:2`,
      'notFound',
      `manifest for ${host}/known:2 not found: manifest unknown: manifest unknown`,
    ],
    [
      `${host}/Known:1`,
      'invalidParameter',
      'invalid reference format: repository name (Known) must be lowercase',
    ],
    [`${host}/a b`, 'invalidParameter', 'invalid reference format'],
    ['scratch', 'forbidden', "'scratch' is a reserved name"],
    [
      '127.0.0.1:1/x:1',
      'system',
      'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
  ]
  for (const [name, kind, message] of cases) {
    await assert.rejects(rig.pull(name), { kind, message })
  }
  await assert.rejects(rig.images.source.resolve('nosuch'), {
    kind: 'notFound',
    message: 'No such image: nosuch:latest',
  })
})
