/** What an archive of images holds, and that others' daemons of ours make the same images of it. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { digestOf } from '@tdocker/oci'
import { extract } from 'tar-stream'
import { archive, dockerEntries, layoutEntries } from '../../lib/archive-maker.ts'
import { type Entry, makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { bytesOf, idOf, load, save } from '../../lib/load-archive.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start({ busybox: false })
})
after(() => daemon[Symbol.asyncDispose]())

interface Member {
  name: string
  type: string
  mode: number
  mtime: number
  content: Buffer
}

function members(tar: Buffer): Promise<Member[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Member[]>()
  const found: Member[] = []
  const parser = extract()
  parser.on('entry', ({ name, type, mode, mtime }, content, next) => {
    const parts: Buffer[] = []
    content.on('data', (part: Buffer) => parts.push(part))
    content.on('end', () => {
      const seconds = (mtime?.getTime() ?? 0) / 1000
      const bytes = Buffer.concat(parts)
      found.push({ name, type: type ?? '', mode: mode ?? 0, mtime: seconds, content: bytes })
      next()
    })
  })
  parser.on('error', reject).on('finish', () => resolve(found))
  parser.end(tar)
  return promise
}

async function made(
  tars: Buffer[],
  labels?: Record<string, string>,
): Promise<ReturnType<typeof makeImage>> {
  const layers = tars.map((tar) => makeLayer(tar, { compression: 'none' }))
  return makeImage({ layers, config: { ...(labels && { Labels: labels }) } })
}

const tarWith = (name: string, size = 1000): Promise<Buffer> =>
  tarOf([{ name, content: randomBytes(size) }])

async function loadImages(
  ...images: Array<{ image: ReturnType<typeof makeImage>; tags: string[] }>
): Promise<void> {
  const { error } = await load(daemon, await archive(dockerEntries(images)))
  assert.equal(error, undefined)
}

test('docker-archive and OCI layout in one, by content, twice the same', async () => {
  const shared = await tarWith('shared', 3_000_000)
  const one = await made([shared, await tarWith('one')], { a: '<b>&' })
  const two = await made([shared, await tarWith('two')])
  await loadImages({ image: one, tags: ['s/one:1', 's/one:2'] }, { image: two, tags: ['s/two:1'] })
  const tar = await save(daemon, 's/one', 's/two:1')
  assert.ok(tar.equals(await save(daemon, 's/one', 's/two:1')))
  const found = await members(tar)
  const names = found.map(({ name }) => name)
  assert.deepEqual(names, names.toSorted())
  const created = Math.floor(Date.parse('2024-01-02T03:04:05Z') / 1000)
  const blobs = found.filter(({ name }) => /^blobs\/sha256\/./.test(name))
  for (const { name, content } of blobs)
    assert.equal(
      name.slice('blobs/sha256/'.length),
      createHash('sha256').update(content).digest('hex'),
    )
  const blob = (digest: string): Member => {
    const [member, ...more] = blobs.filter(({ name }) => name.endsWith(digest.slice(7)))
    assert.ok(member && more.length === 0, digest)
    return member
  }
  for (const image of [one, two]) {
    assert.deepEqual(blob(image.config.digest).content, image.config.bytes)
    assert.equal(blob(image.config.digest).mtime, created)
    for (const layer of image.layers) assert.ok(blob(layer.diffId).content.equals(layer.bytes))
  }
  const json = (name: string): never =>
    JSON.parse(found.find((member) => member.name === name)?.content.toString() ?? '') as never
  assert.deepEqual(
    (json('manifest.json') as Array<{ RepoTags: string[]; Config: string }>).map(
      (item) => item.RepoTags,
    ),
    [['s/one:1', 's/one:2'], ['s/two:1']],
  )
  const { manifests } = json('index.json') as {
    manifests: Array<{ digest: string; annotations: Record<string, string> }>
  }
  assert.deepEqual(
    manifests.map(({ annotations }) => annotations),
    ['s/one:1', 's/one:2', 's/two:1'].map((name) => ({
      'io.containerd.image.name': `docker.io/${name}`,
      'org.opencontainers.image.ref.name': name.split(':')[1],
    })),
  )
  const manifest = JSON.parse(blob(manifests[0]?.digest ?? '').content.toString()) as typeof one & {
    config: { digest: string }
  }
  assert.equal(manifest.config.digest, one.config.digest)
  assert.deepEqual(json('oci-layout'), { imageLayoutVersion: '1.0.0' })
  const top = two.layers.at(-1)?.diffId.slice(7)
  assert.equal((json('repositories') as Record<string, object>)['s/two']?.['1' as never], top)
})

test('what is saved makes the same images in another daemon', async () => {
  await using other = await TestDaemon.start({ busybox: false })
  const big = await tarOf([
    { name: 'dir/', type: 'directory', mode: 0o700, uid: 5, gid: 6 },
    { name: 'dir/file', content: randomBytes(2_500_000), mode: 0o640 },
    { name: 'dir/hard', type: 'link', linkname: 'dir/file' },
    { name: `dir/${'n'.repeat(180)}`, type: 'symlink', linkname: '/nowhere' },
    { name: '.wh.gone', content: '' },
  ])
  const images = [await made([big]), await made([big, await tarWith('x')])]
  await loadImages(...images.map((image, at) => ({ image, tags: [`pair:${at}`] })))
  const tar = await save(daemon, 'pair')
  assert.deepEqual((await load(other, tar)).lines, ['Loaded image: pair:0', 'Loaded image: pair:1'])
  for (const [at, image] of images.entries())
    assert.equal(await idOf(other, `pair:${at}`), image.config.digest)
  assert.ok(tar.equals(await save(other, 'pair')))
})

test('names: by id and its beginning, all tags of a repository; each as its own', async () => {
  const image = await made([await tarWith('n')])
  const id = image.config.digest
  await loadImages({ image, tags: ['names:1', 'names:2'] })
  const tags = async (...names: string[]): Promise<string[] | null> => {
    const found = await members(await save(daemon, ...names))
    const item = found.find(({ name }) => name === 'manifest.json')
    return (
      JSON.parse(item?.content.toString() ?? '') as Array<{ RepoTags: string[] | null }>
    ).flatMap(({ RepoTags }) => RepoTags ?? ['none'])
  }
  assert.deepEqual(await tags('names'), ['names:1', 'names:2'])
  assert.deepEqual(await tags('names:2'), ['names:2'])
  assert.deepEqual(await tags('names:2', 'names:2', 'docker.io/library/names:2'), ['names:2'])
  assert.deepEqual(await tags('names:1', id), ['names:1'])
  for (const name of [id, id.slice(7), id.slice(7, 19), id.slice(0, 20)])
    assert.deepEqual(await tags(name), ['none'])
  assert.ok((await bytesOf(daemon, '/images/names:1/get')).equals(await save(daemon, 'names:1')))
  assert.ok((await bytesOf(daemon, `/v1.24/images/${id}/get`)).equals(await save(daemon, id)))
  const untagged = await members(await save(daemon, id))
  assert.ok(!untagged.some(({ name }) => name === 'repositories'))
})

test('errors are ordinary answers', async () => {
  const image = await made([await tarWith('e')])
  await loadImages({ image, tags: ['errors:1'] })
  const arm = encodeURIComponent('{"os":"linux","architecture":"arm64"}')
  const amd = encodeURIComponent('{"os":"linux","architecture":"amd64"}')
  const cases: Array<[string, number, string]> = [
    ['/images/get?names=nosuch', 404, 'No such image: nosuch'],
    ['/images/nosuch/get', 404, 'No such image: nosuch'],
    ['/images/get?names=errors:1&names=nosuch:2', 404, 'reference does not exist'],
    [`/images/get?names=sha256:${'0'.repeat(64)}`, 404, `No such image: sha256:${'0'.repeat(64)}`],
    [
      '/images/get?names=UPPER',
      400,
      'invalid reference format: repository name (library/UPPER) must be lowercase',
    ],
    [
      `/images/get?names=errors:1&platform=${arm}`,
      500,
      'no suitable export target found for platform linux/arm64',
    ],
    [
      '/images/get?names=errors:1&platform=%7B%7D',
      400,
      'both OS and Architecture must be provided',
    ],
    [
      `/v1.51/images/get?names=errors:1&platform=${arm}&platform=${amd}`,
      400,
      'multiple platform parameters are not supported in this API version; use API version 1.52 or later',
    ],
  ]
  for (const [path, status, message] of cases) {
    const answer = await daemon.api.get<{ message: string }>(path)
    assert.deepEqual([answer.status, answer.body.message], [status, message], path)
  }
  for (const path of [
    `/images/get?names=errors:1&platform=${amd}`,
    `/v1.47/images/get?names=errors:1&platform=${arm}`,
    `/images/get?names=errors:1&platform=${arm}&platform=${amd}`,
  ])
    assert.ok((await bytesOf(daemon, path)).equals(await save(daemon, 'errors:1')))
})

test('the event comes when the archive went out', async () => {
  const image = await made([await tarWith('v')], { key: 'value' })
  await loadImages({ image, tags: ['event:1'] })
  const since = Date.now() / 1000
  await save(daemon, 'event:1')
  const { text } = await daemon.api.get(
    `/events?since=${since}&until=${Math.ceil(Date.now() / 1000)}`,
  )
  const id = image.config.digest
  const events = text.split('\n').filter(Boolean)
  const { Action, Actor } = JSON.parse(events.at(-1) ?? '') as { Action: string; Actor: object }
  assert.deepEqual([Action, Actor], ['save', { ID: id, Attributes: { key: 'value', name: id } }])
})

/** The second entry replaces the first: the tar cannot be made of the files that are left. */
const twice: Entry[] = [
  { name: 'file', content: 'first' },
  { name: 'other', content: randomBytes(100_000) },
  { name: 'file', content: 'second' },
]

test('a layer that its files do not make again comes from its blob, or is refused', async () => {
  const tar = await tarOf(twice)
  const layer = makeLayer(tar, { format: 'oci' })
  const image = makeImage({ layers: [layer], format: 'oci' })
  const annotations = { 'io.containerd.image.name': 'docker.io/library/kept:1' }
  await load(daemon, await archive(layoutEntries([{ content: image, annotations }])))
  const found = await members(await save(daemon, 'kept:1'))
  const saved = found.find(({ name }) => name.endsWith(digestOf(tar).slice(7)))
  assert.ok(saved?.content.equals(tar))
  const bare = await tarOf([...twice, { name: 'more', content: 'x' }])
  await loadImages({ image: await made([bare]), tags: ['bare:1'] })
  const answer = await daemon.api.get('/images/get?names=bare:1')
  assert.equal(answer.status, 500)
  assert.match(answer.text, /cannot be written as it came/)
})

test('an image that is removed while it is being saved is saved whole', async () => {
  const image = await made([await tarWith('slow', 30 << 20)])
  await loadImages({ image, tags: ['slow:1'] })
  const whole = await save(daemon, 'slow:1')
  const response = await daemon.api.stream('GET', '/images/slow:1/get')
  const parts: Buffer[] = []
  const iterator = response[Symbol.asyncIterator]()
  parts.push((await iterator.next()).value as Buffer)
  await daemon.api.delete('/images/slow:1')
  await delay(200)
  for (let part = await iterator.next(); !part.done; part = await iterator.next())
    parts.push(part.value as Buffer)
  assert.ok(Buffer.concat(parts).equals(whole))
  assert.equal(await idOf(daemon, 'slow:1'), undefined)
})

test('a client that leaves ends the save', async () => {
  const image = await made([await tarWith('left', 30 << 20)])
  await loadImages({ image, tags: ['left:1'] })
  for (let i = 0; i < 5; i++) {
    await new Promise<void>((resolve, reject) => {
      const asked = request(
        { socketPath: daemon.socket, path: '/images/left:1/get' },
        (response) => {
          response.once('data', () => asked.destroy())
          response.once('close', () => resolve())
          response.on('error', () => {})
        },
      )
      asked.once('error', reject).end()
    })
  }
  // Nothing holds the layer any more.
  const { body } = await daemon.api.delete<Array<{ Deleted?: string }>>('/images/left:1')
  assert.ok(body.some(({ Deleted }) => Deleted === image.config.digest))
})

test('docker save to tdocker load, and the other way round', async () => {
  const image = await made([await tarWith('cli', 200_000)])
  await loadImages({ image, tags: ['cli:1'] })
  const cli = `${process.execPath} ${join(import.meta.dirname, '../../../packages/cli/main.ts')}`
  const pipe = async (line: string): Promise<void> => {
    const { stdout, stderr, status } = await daemon.command('sh', ['-c', line])
    assert.deepEqual([status, stdout, stderr], [0, 'Loaded image: cli:1\n', ''], line)
    assert.equal(await idOf(daemon, 'cli:1'), image.config.digest)
  }
  await pipe(
    `docker save cli:1 > d.tar; docker rmi cli:1 >/dev/null; ${cli} load < d.tar; rm d.tar`,
  )
  await pipe(
    `${cli} save cli:1 | gzip > d.tgz; docker rmi cli:1 >/dev/null; docker load -q -i d.tgz; rm d.tgz`,
  )
  const path = join(daemon.directory, 'saved.tar')
  const done = await daemon.tdocker('save', '-o', path, '--platform', 'linux/amd64', 'cli:1')
  assert.deepEqual(done, { status: 0, stdout: '', stderr: '' })
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.ok(readFileSync(path).equals(await save(daemon, 'cli:1')))
  const loaded = await daemon.tdocker('load', '-q', '-i', path)
  assert.deepEqual(loaded, { status: 0, stdout: 'Loaded image: cli:1\n', stderr: '' })
})

test('the CLI refuses as docker does', async () => {
  const cases = [
    ['save'],
    ['save', 'nosuch'],
    ['save', '-o', '/nosuch/x', 'nosuch'],
    ['save', '--platform', 'linux/a/b/c', 'nosuch'],
    ['save', '--platform', 'a b', 'nosuch'],
    ['save', '--platform', 'linux/a b', 'nosuch'],
    ['save', '--platform', '*', 'nosuch'],
    ['save', '--platform', 'foo', 'nosuch'],
    ['load', '-i', '/nosuch'],
    ['load', 'x'],
    ['load', '-i', '/dev/null', '--platform', 'a b'],
  ]
  for (const args of cases) {
    const [theirs, ours] = [await daemon.docker(...args), await daemon.tdocker(...args)]
    assert.equal(ours.status, theirs.status, args.join(' '))
    assert.equal(firstLine(ours.stderr), firstLine(theirs.stderr), args.join(' '))
    assert.equal(ours.stdout, theirs.stdout)
  }
})

/** What follows is each program's own help. */
const firstLine = (text: string): string =>
  (text.split('\n')[0] ?? '').replaceAll('tdocker', 'docker')
