import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Filters } from '@tdocker/engine/backend-types.ts'
import { shortId } from '@tdocker/oci'
import { type MadeImage, makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import { type TestRegistry, startRegistry } from '../../lib/registry.ts'

let registry: TestRegistry

before(async () => {
  registry = await startRegistry()
})
after(() => registry[Symbol.asyncDispose]())

const version = '1.51'
const plain = { force: false, noprune: false }
const forced = { force: true, noprune: false }

async function image(
  content: string,
  o: { created?: string; labels?: Record<string, string> } = {},
) {
  return makeImage({
    layers: [makeLayer(await tarOf([{ name: 'content', content }]))],
    config: { ...(o.labels && { Labels: o.labels }) },
    ...(o.created && { created: o.created }),
  })
}

/** Pulls it under each of these names. */
async function have(rig: ImagesRig, made: MadeImage, ...names: string[]): Promise<string> {
  const reference = `${registry.host}/${await registry.push('made:1', made)}`
  await rig.pull(reference)
  for (const name of names) {
    const at = name.lastIndexOf(':')
    const target = { repo: name.slice(0, at), tag: name.slice(at + 1) }
    await rig.images.backend.tag(reference, target)
  }
  await rig.images.backend.remove(reference, plain)
  return made.config.digest
}

async function names(rig: ImagesRig, filters: Record<string, string[]> = {}): Promise<string[]> {
  const map: Filters = new Map(Object.entries(filters))
  const options = { all: false, filters: map, sharedSize: true, digests: true, version }
  const list = await rig.images.backend.list(options)
  return list.flatMap((one) => (one.RepoTags.length > 0 ? one.RepoTags : ['<none>']))
}

test('list: newest first, filters', async () => {
  await using rig = await imagesRig()
  const old = await image('old', { created: '2020-01-01T00:00:00Z', labels: { tier: 'base' } })
  const mid = await image('mid', { created: '2021-01-01T00:00:00Z', labels: { tier: 'app' } })
  const late = await image('late', { created: '2022-01-01T00:00:00Z' })
  await have(rig, old, 'old:1', 'old:2')
  await have(rig, mid, 'user/mid:1')
  await have(rig, late, 'late:x')
  assert.deepEqual(await names(rig), ['late:x', 'user/mid:1', 'old:1', 'old:2'])
  const cases: Array<[Record<string, string[]>, string[]]> = [
    [{ reference: ['old'] }, ['old:1', 'old:2']],
    [{ reference: ['old:2'] }, ['old:2']],
    [{ reference: ['*/*'] }, ['user/mid:1']],
    [{ reference: ['docker.io/library/l*'] }, ['late:x']],
    [{ reference: ['nosuch'] }, []],
    [{ label: ['tier'] }, ['user/mid:1', 'old:1', 'old:2']],
    [{ label: ['tier=app'] }, ['user/mid:1']],
    [{ 'label!': ['tier'] }, ['late:x']],
    [{ before: ['user/mid:1'] }, ['old:1', 'old:2']],
    [{ since: ['user/mid:1'] }, ['late:x']],
    [{ until: ['2020-06-01'] }, ['old:1', 'old:2']],
    [{ dangling: ['true'] }, []],
    [{ dangling: ['false'] }, ['late:x', 'user/mid:1', 'old:1', 'old:2']],
  ]
  for (const [filters, expected] of cases) {
    assert.deepEqual(await names(rig, filters), expected, JSON.stringify(filters))
  }
  await assert.rejects(names(rig, { dangling: ['perhaps'] }), {
    kind: 'invalidParameter',
    message: "invalid filter 'dangling=[perhaps]'",
  })
  await assert.rejects(names(rig, { before: ['nosuch'] }), { kind: 'notFound' })
  await assert.rejects(names(rig, { reference: ['[a-'] }), { message: 'syntax error in pattern' })
})

test('lookup: names, ids, prefixes', async () => {
  await using rig = await imagesRig()
  const made = await image('lookup')
  const id = await have(rig, made, 'look:1', 'look:latest')
  for (const name of [
    'look',
    'look:1',
    'docker.io/library/look:1',
    id,
    id.slice(7),
    id.slice(0, 19),
    shortId(id),
  ]) {
    assert.equal((await rig.images.source.resolve(name)).id, id, name)
  }
  const cases: Array<[string, string, string]> = [
    ['look:2', 'notFound', 'No such image: look:2'],
    ['other', 'notFound', 'No such image: other:latest'],
    [`sha256:${'0'.repeat(64)}`, 'notFound', `No such image: sha256:${'0'.repeat(64)}`],
    ['0'.repeat(64), 'notFound', `No such image: sha256:${'0'.repeat(64)}`],
    [
      'UPPER',
      'invalidParameter',
      'invalid reference format: repository name (library/UPPER) must be lowercase',
    ],
    ['', 'invalidParameter', 'invalid reference format'],
  ]
  for (const [name, kind, message] of cases) {
    await assert.rejects(rig.images.source.resolve(name), { kind, message }, name)
  }
})

test('tag', async () => {
  await using rig = await imagesRig()
  const id = await have(rig, await image('tag'), 'a:1')
  const { backend } = rig.images
  await backend.tag('a:1', { repo: 'localhost:5000/b/c', tag: '' })
  assert.deepEqual(await names(rig), ['a:1', 'localhost:5000/b/c:latest'])
  const event = rig.events().at(-1)
  assert.equal(event?.action, 'tag')
  assert.equal(event?.actorId, id)
  assert.equal(event?.attributes['name'], 'localhost:5000/b/c:latest')
  const cases: Array<[{ repo: string; tag: string }, string]> = [
    [
      { repo: `x@sha256:${'a'.repeat(64)}`, tag: '' },
      'refusing to create a tag with a digest reference',
    ],
    [
      { repo: 'sha256', tag: 'x' },
      'refusing to create an ambiguous tag using digest algorithm as name',
    ],
    [{ repo: 'x', tag: '-bad' }, 'invalid tag format'],
    [{ repo: 'a b', tag: '' }, 'invalid reference format'],
    [{ repo: '', tag: 'x' }, 'invalid reference format'],
  ]
  for (const [target, message] of cases) {
    await assert.rejects(backend.tag('a:1', target), { kind: 'invalidParameter', message })
  }
  await assert.rejects(backend.tag('nosuch', { repo: 'x', tag: '' }), { kind: 'notFound' })
  const other = await have(rig, await image('other'), 'o:1')
  await backend.tag('o:1', { repo: 'a', tag: '1' })
  assert.equal((await rig.images.source.resolve('a:1')).id, other)
})

test('remove: by name, by id, shared layers, and what is told', async () => {
  await using rig = await imagesRig()
  const { backend } = rig.images
  const base = makeLayer(await tarOf([{ name: 'base', content: 'base' }]))
  const upper = async (name: string) =>
    makeImage({ layers: [base, makeLayer(await tarOf([{ name, content: name }]))] })
  const [a, b] = [await upper('a'), await upper('b')]
  await have(rig, a, 'a:1', 'a:2')
  await have(rig, b, 'b:1')
  assert.deepEqual(await backend.remove('a:1', plain), [{ Untagged: 'a:1' }])
  const gone = await backend.remove('a:2', plain)
  assert.deepEqual(gone[0], { Untagged: 'a:2' })
  assert.deepEqual(gone[1], { Deleted: a.config.digest })
  assert.equal(gone.length, 3)
  await assert.rejects(backend.remove('a:2', plain), { message: 'No such image: a:2' })
  assert.equal((await rig.images.source.resolve('b:1')).lowers.length, 2)
  const last = await backend.remove(shortId(b.config.digest), plain)
  assert.deepEqual(
    last.map((item) => Object.keys(item)[0]),
    ['Untagged', 'Deleted', 'Deleted', 'Deleted'],
  )
  assert.deepEqual(await rig.files(), { layers: ['empty'], blobs: [], partials: [] })
  assert.deepEqual(rig.store.all('SELECT digest FROM document'), [])
  assert.deepEqual(
    rig
      .events()
      .slice(-2)
      .map((event) => event.action),
    ['untag', 'delete'],
  )
})

test('remove: conflicts in moby words', async () => {
  await using rig = await imagesRig()
  const { backend } = rig.images
  const id = await have(rig, await image('used'), 'used:1')
  const container = 'c'.repeat(64)
  rig.users.set(id, [{ id: container, running: false }])
  await assert.rejects(backend.remove('used:1', plain), {
    kind: 'conflict',
    message: `conflict: unable to remove repository reference "used:1" (must force) - container ${'c'.repeat(12)} is using its referenced image ${shortId(id)}`,
  })
  await assert.rejects(backend.remove(id, plain), {
    kind: 'conflict',
    message: `conflict: unable to delete ${shortId(id)} (must be forced) - image is being used by stopped container ${'c'.repeat(12)}`,
  })
  rig.users.set(id, [{ id: container, running: true }])
  await assert.rejects(backend.remove(id, forced), {
    kind: 'conflict',
    message: `conflict: unable to delete ${shortId(id)} (cannot be forced) - image is being used by running container ${'c'.repeat(12)}`,
  })
  rig.users.clear()
  await backend.tag('used:1', { repo: 'elsewhere', tag: '1' })
  await assert.rejects(backend.remove(id, plain), {
    kind: 'conflict',
    message: `conflict: unable to delete ${shortId(id)} (must be forced) - image is referenced in multiple repositories`,
  })
  const items = await backend.remove(id, forced)
  assert.ok(items.some((item) => item.Deleted === id))
})

test('a forced removal leaves a stopped container its layers until it goes', async () => {
  await using rig = await imagesRig()
  const { backend } = rig.images
  const made = await image('kept')
  const id = await have(rig, made, 'kept:1')
  rig.users.set(id, [{ id: 'd'.repeat(64), running: false }])
  const items = await backend.remove('kept:1', forced)
  assert.ok(items.some((item) => item.Deleted === id))
  assert.deepEqual(await names(rig), [])
  await assert.rejects(rig.images.source.resolve('kept:1'), { kind: 'notFound' })
  const { lowers } = await rig.images.source.resolve(id)
  assert.equal(lowers.length, 1)
  await rig.restart()
  assert.equal((await rig.files()).layers.length, 2)
  // Pulled again, it is the same image and whole.
  await have(rig, made, 'again:1')
  assert.deepEqual(await names(rig), ['again:1'])
  await rig.images.backend.remove('again:1', forced)
  rig.users.clear()
  await rig.announce({ type: 'container', action: 'destroy', actorId: 'd', attributes: {} })
  while ((await rig.files()).layers.length > 1) await delay(10)
  assert.deepEqual(await rig.files(), { layers: ['empty'], blobs: [], partials: [] })
})

test('import: a tar becomes an image', async () => {
  await using rig = await imagesRig()
  const tar = await tarOf([
    { name: './', type: 'directory', mode: 0o755 },
    { name: './etc/', type: 'directory', mode: 0o755 },
    { name: './etc/hostname', content: 'imported\n' },
  ])
  const told: string[] = []
  await rig.images.backend.import({
    body: Readable.from([gzipSync(tar).subarray(0, 3), gzipSync(tar).subarray(3)]),
    repo: 'imported',
    tag: 'v1',
    message: 'from a test',
    changes: [
      'CMD ["sh","-c","true"]',
      'ENV A=1 B="two words"',
      'LABEL x=y',
      'EXPOSE 80 53/udp',
      'WORKDIR /srv',
      'USER nobody',
      'VOLUME /data',
    ],
    signal: new AbortController().signal,
    progress: (message) => told.push(message.status ?? ''),
  })
  const found = await rig.images.backend.inspect('imported:v1', { version })
  assert.deepEqual(told, [found.Id])
  assert.deepEqual(found.Config, {
    Cmd: ['sh', '-c', 'true'],
    Env: ['A=1', 'B=two words'],
    Labels: { x: 'y' },
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    WorkingDir: '/srv',
    User: 'nobody',
    Volumes: { '/data': {} },
  })
  assert.equal(found.Comment, 'from a test')
  assert.equal(found.RootFS.Layers?.length, 1)
  assert.deepEqual(
    rig.events().map((event) => event.action),
    ['tag', 'import'],
  )
})

test('import: what cannot be imported leaves nothing', async () => {
  await using rig = await imagesRig()
  const options = {
    body: Readable.from([Buffer.alloc(2048, 'x')]),
    repo: '',
    tag: '',
    message: '',
    changes: [] as string[],
    signal: new AbortController().signal,
    progress: () => {},
  }
  await assert.rejects(rig.images.backend.import(options), /failed to register layer/)
  const bad = { ...options, changes: ['RUN true'] }
  await assert.rejects(rig.images.backend.import(bad), {
    kind: 'invalidParameter',
    message: 'RUN is not a valid change command',
  })
  assert.deepEqual(await rig.files(), { layers: ['empty'], blobs: [], partials: [] })
  assert.deepEqual(rig.store.all('SELECT key FROM layer'), [])
})
