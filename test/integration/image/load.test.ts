/** Archives of every layout and compression, good and bad, into a real daemon. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { digestOf } from '@tdocker/oci'
import {
  PACKINGS,
  archive,
  dockerEntries,
  layoutEntries,
  legacyEntries,
  packed,
} from '../../lib/archive-maker.ts'
import { type Entry, makeImage, makeIndex, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { contentOf, idOf, load, save } from '../../lib/load-archive.ts'
import { startRegistry } from '../../lib/registry.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const plain = { compression: 'none' } as const
let count = 0

/** A tar nobody has seen before; larger than what is kept in memory as it is. */
function freshTar(name = 'file', size = 100_000): Promise<Buffer> {
  return tarOf([{ name, content: randomBytes(size) }])
}

const freshName = (): string => `made/image-${++count}:1`

async function freshImage(...tars: Buffer[]): Promise<ReturnType<typeof makeImage>> {
  const layers = (tars.length > 0 ? tars : [await freshTar()]).map((tar) => makeLayer(tar, plain))
  return makeImage({ layers, created: '2024-05-06T07:08:09Z' })
}

async function remove(...names: string[]): Promise<void> {
  for (const name of names) await daemon.api.delete(`/images/${name}?force=1`)
}

for (const outer of PACKINGS) {
  test(`docker-archive in ${outer}, layers in every compression`, async () => {
    for (const inner of PACKINGS) {
      const [image, name] = [await freshImage(), freshName()]
      const bytes = await archive(dockerEntries([{ image, tags: [name] }], { inner }), outer)
      const { status, lines, error } = await load(daemon, bytes)
      assert.deepEqual([status, lines, error], [200, [`Loaded image: ${name}`], undefined])
      assert.equal(await idOf(daemon, name), image.config.digest)
      await remove(name)
    }
  })
}

test('members in any order, small and large layers, links to layers', async () => {
  const shared = await freshTar('shared')
  const images = [
    { image: await freshImage(shared, await tarOf([{ name: 'a', content: '1' }])), tags: ['x:1'] },
    { image: await freshImage(shared, await freshTar('b')), tags: ['x:2', 'y:1'] },
  ]
  const entries = dockerEntries(images)
  for (const order of [entries, entries.toReversed()]) {
    const { lines, error } = await load(daemon, await archive(order))
    assert.equal(error, undefined)
    assert.deepEqual(lines, ['Loaded image: x:1', 'Loaded image: x:2', 'Loaded image: y:1'])
    for (const { image, tags } of images) {
      for (const tag of tags) assert.equal(await idOf(daemon, tag), image.config.digest)
    }
    await remove('x:1', 'x:2', 'y:1')
  }
})

test('names: none, one taken from another image, the event', async () => {
  const [first, second] = [await freshImage(), await freshImage()]
  const since = Date.now() / 1000
  const unnamed = await load(daemon, await archive(dockerEntries([{ image: first }])))
  assert.deepEqual(unnamed.lines, [`Loaded image ID: ${first.config.digest}`])
  await daemon.api.post(`/images/${first.config.digest}/tag?repo=taken&tag=1`)
  const { lines } = await load(
    daemon,
    await archive(dockerEntries([{ image: second, tags: ['taken:1'] }])),
  )
  assert.deepEqual(lines, [
    `The image taken:1 already exists, renaming the old one with ID ${first.config.digest} to empty string`,
    'Loaded image: taken:1',
  ])
  const until = Math.ceil(Date.now() / 1000)
  const { text } = await daemon.api.get(`/events?since=${since}&until=${until}`)
  const events = text
    .split('\n')
    .filter(Boolean)
    .map(
      (line) => JSON.parse(line) as { Action: string; Actor: { ID: string; Attributes: object } },
    )
    .filter(({ Action }) => Action === 'load')
  const { digest } = second.config
  assert.deepEqual(events.at(-1)?.Actor, { ID: digest, Attributes: { name: digest } })
  await remove('taken:1', first.config.digest)
})

test('what is here already need not be unpacked again, nor be in the archive', async () => {
  const [tar, name] = [await freshTar(), freshName()]
  const image = await freshImage(tar)
  const entries = dockerEntries([{ image, tags: [name] }])
  await load(daemon, await archive(entries))
  const without = entries.filter((entry) => !entry.name.endsWith('layer.tar'))
  assert.deepEqual((await load(daemon, await archive(without))).lines, [`Loaded image: ${name}`])
  // The name says which layer it is: its content is not looked at.
  const known = { image: makeImage({ layers: image.layers, format: 'oci' }), tags: [freshName()] }
  const layout = layoutEntries([{ content: known.image }])
  const progress = await load(daemon, await archive(layout), 'quiet=0')
  assert.equal(progress.error, undefined)
  assert.deepEqual(progress.lines, [`Loaded image ID: ${known.image.config.digest}`])
  assert.ok(!progress.messages.some(({ status }) => status === 'Loading layer'))
  await remove(name, known.image.config.digest)
})

test('progress of layers, unless told to be quiet', async () => {
  const image = await freshImage(await freshTar('big', 9 << 20))
  const name = freshName()
  const bytes = await archive(layoutEntries([{ content: image, annotations: named(name) }]))
  const { messages } = await load(daemon, bytes, 'quiet=0')
  const bars = messages.filter(({ status }) => status === 'Loading layer')
  const [layer] = image.layers
  const total = layer?.size ?? 0
  assert.ok(bars.length > 0)
  for (const bar of bars) assert.equal(bar['id'], layer?.digest.slice(7, 19))
  assert.deepEqual(bars.at(-1)?.['progressDetail'], { current: total, total })
  await remove(name)
})

function named(name: string): Record<string, string> {
  return { 'io.containerd.image.name': `docker.io/${name}` }
}

test('OCI layout: compressed layers keep their bytes, and a push its digest', async () => {
  await using registry = await startRegistry()
  for (const compression of ['gzip', 'zstd'] as const) {
    const layer = makeLayer(await freshTar(), { compression, format: 'oci' })
    const image = makeImage({ layers: [layer], format: 'oci' })
    const name = `${registry.host}/kept/${compression}:1`
    const annotations = { 'org.opencontainers.image.ref.name': name }
    const { lines, error } = await load(
      daemon,
      await archive(layoutEntries([{ content: image, annotations }])),
    )
    assert.deepEqual([lines, error], [[`Loaded image: ${name}`], undefined])
    assert.ok(contentOf(daemon).includes(`content/blobs/sha256/${layer.digest.slice(7)}`))
    const push = await daemon.api.request('POST', `/images/${name}/push`, undefined, {
      'X-Registry-Auth': 'e30=',
    })
    assert.match(push.text, new RegExp(image.manifest.digest))
    await remove(name)
    await until('the blob to be gone', () => {
      return !contentOf(daemon).includes(`content/blobs/sha256/${layer.digest.slice(7)}`)
    })
  }
})

test('OCI layout: an index within, the platform that runs here or the one asked for', async () => {
  const [amd64, arm64] = await Promise.all(
    ['amd64', 'arm64'].map(async (architecture) =>
      makeImage({
        layers: [makeLayer(await freshTar(), { format: 'oci' })],
        platform: { os: 'linux', architecture },
        format: 'oci',
      }),
    ),
  )
  assert.ok(amd64 && arm64)
  const index = makeIndex([
    { image: arm64, platform: { os: 'linux', architecture: 'arm64' } },
    { image: amd64, platform: { os: 'linux', architecture: 'amd64' } },
  ])
  const name = freshName()
  const bytes = await archive(layoutEntries([{ content: index, annotations: named(name) }]))
  await load(daemon, bytes)
  assert.equal(await idOf(daemon, name), amd64.config.digest)
  const platform = encodeURIComponent('{"os":"linux","architecture":"arm64"}')
  await load(daemon, bytes, `quiet=1&platform=${platform}`)
  assert.equal(await idOf(daemon, name), arm64.config.digest)
  const s390x = encodeURIComponent('{"os":"linux","architecture":"s390x"}')
  assert.deepEqual((await load(daemon, bytes, `platform=${s390x}`)).messages, [])
  await remove(name, amd64.config.digest)
})

test('manifest.json wins where an archive is both', async () => {
  const [docker, oci] = [await freshImage(), await freshImage()]
  const [one, other] = [freshName(), freshName()]
  const entries = [
    ...layoutEntries([{ content: oci, annotations: named(other) }]),
    ...dockerEntries([{ image: docker, tags: [one] }]),
  ]
  assert.deepEqual((await load(daemon, await archive(entries))).lines, [`Loaded image: ${one}`])
  assert.equal(await idOf(daemon, other), undefined)
  await remove(one)
})

test('the layout of Docker before 1.10', async () => {
  const tars = [await freshTar('a'), await tarOf([{ name: 'b', content: 'small' }])]
  const entries = legacyEntries(tars, { repository: 'old', tag: '2' })
  const { lines, error } = await load(daemon, await archive(entries))
  assert.deepEqual([lines, error], [['Loaded image: old:2'], undefined])
  const { body } = await daemon.api.get<{ RootFS: { Layers: string[] }; Config: object }>(
    '/images/old:2/json',
  )
  assert.deepEqual(
    body.RootFS.Layers,
    tars.map((tar) => digestOf(tar)),
  )
  await remove('old:2')
  const nameless = await load(daemon, await archive(legacyEntries(tars)))
  assert.match(nameless.lines.join(), /^Loaded image ID: sha256:[0-9a-f]{64}$/)
  await remove(nameless.lines[0]?.slice(-71) ?? '')
})

test('a layer that takes from those below, above two different bases', async () => {
  const base = (mode: number): Promise<Buffer> =>
    tarOf([
      { name: 'dir/', type: 'directory', mode },
      { name: 'pad', content: randomBytes(100_000) },
    ])
  // No entry for the directory: it is that of the layer below.
  const top = await freshTar('dir/file')
  const images = [
    { image: await freshImage(await base(0o700), top), tags: ['open:1'] },
    { image: await freshImage(await base(0o750), top), tags: ['open:2'] },
  ]
  const { error } = await load(daemon, await archive(dockerEntries(images)))
  assert.equal(error, undefined)
  const again = await save(daemon, 'open')
  await remove('open:1', 'open:2')
  assert.equal((await load(daemon, again)).error, undefined)
  for (const { image, tags } of images) {
    assert.equal(await idOf(daemon, tags[0] ?? ''), image.config.digest)
  }
  await remove('open:1', 'open:2')
})

test('parents within the archive', async () => {
  const [a, b] = [await freshTar('a'), await freshTar('b')]
  const history = [{ created: '2024-01-01T00:00:00Z', created_by: 'a' }, { created_by: 'b' }]
  const withHistory = async (steps: number, ...tars: Buffer[]): Promise<typeof made> => {
    const image = await freshImage(...tars)
    const config = { ...(JSON.parse(image.config.bytes.toString()) as object) }
    const bytes = Buffer.from(JSON.stringify({ ...config, history: history.slice(0, steps) }))
    return { ...image, config: { ...image.config, bytes, digest: digestOf(bytes) } }
  }
  const made = await freshImage(a)
  const parent = await withHistory(1, a)
  const child = await withHistory(2, a, b)
  const images = [
    { image: child, tags: ['child:1'], parent: parent.config.digest },
    { image: parent, tags: ['parent:1'] },
  ]
  assert.equal((await load(daemon, await archive(dockerEntries(images)))).error, undefined)
  const { body } = await daemon.api.get<{ Parent: string }>('/v1.47/images/child:1/json')
  assert.equal(body.Parent, parent.config.digest)
  const bytes = await save(daemon, 'child:1', 'parent:1')
  assert.ok(bytes.includes(`"Parent":"${parent.config.digest}"`))
  await remove('child:1', 'parent:1')
})

test('several platforms, and which versions know them', async () => {
  const image = await freshImage()
  const name = freshName()
  const bytes = await archive(dockerEntries([{ image, tags: [name] }]))
  const arm = encodeURIComponent('{"os":"linux","architecture":"arm64"}')
  const amd = encodeURIComponent('{"os":"linux","architecture":"amd64"}')
  const send = (path: string): ReturnType<TestDaemon['api']['request']> =>
    daemon.api.request('POST', path, bytes, { 'Content-Type': 'application/x-tar' })
  assert.equal((await send(`/images/load?platform=${arm}`)).text, '')
  const two = await send(`/v1.51/images/load?platform=${arm}&platform=${amd}`)
  assert.equal(two.status, 400)
  assert.match(two.text, /multiple platform parameters are not supported in this API version/)
  assert.equal((await send('/images/load?platform=x')).status, 400)
  const loaded = await send(`/v1.52/images/load?platform=${arm}&platform=${amd}`)
  assert.match(loaded.text, /Loaded image/)
  // Older versions do not know the parameter.
  assert.match((await send(`/v1.47/images/load?platform=${arm}`)).text, /Loaded image/)
  await remove(name)
})

const item = (o: object): Entry => ({ name: 'manifest.json', content: JSON.stringify([o]) })

test('what is refused, in moby’s words, and leaves nothing', async (t) => {
  const tar = await freshTar()
  const image = await freshImage(tar)
  const good = dockerEntries([{ image, tags: ['bad:1'] }])
  const layer = good.find(({ name }) => name.endsWith('layer.tar'))
  assert.ok(layer)
  const config = { name: 'c.json', content: image.config.bytes }
  const whole = await archive(good)
  const oci = makeImage({ layers: [makeLayer(await freshTar(), { format: 'oci' })], format: 'oci' })
  const layout = layoutEntries([{ content: oci }])
  const wrong = (digest: string, content: Buffer): Promise<Buffer> =>
    archive(
      layout.map((entry) => (entry.name.endsWith(digest.slice(7)) ? { ...entry, content } : entry)),
    )
  const cases: Array<[string, Buffer | Promise<Buffer>, RegExp]> = [
    ['nothing', Buffer.alloc(0), /^invalid archive: does not contain a manifest\.json$/],
    ['no tar', Buffer.alloc(4096, 'x'), /^archive\/tar: invalid tar header$/],
    ['an empty tar', archive([]), /^invalid archive: does not contain a manifest\.json$/],
    ['cut within a layer', whole.subarray(0, 50_000), /^unexpected EOF$/],
    ['cut gzip', packed(whole, 'gzip').subarray(0, 50_000), /^unexpected EOF$/],
    ['null', archive([{ name: 'manifest.json', content: 'null' }]), /manifest cannot be null/],
    [
      'no JSON',
      archive([{ name: 'manifest.json', content: '{' }]),
      /failed to decode manifest\.json/,
    ],
    ['a list of numbers', archive([{ name: 'manifest.json', content: '[1]' }]), /cannot unmarshal/],
    [
      'no config',
      archive([item({ Config: 'c.json', Layers: [] })]),
      /^open \/c\.json: no such file/,
    ],
    [
      'a config outside',
      archive([item({ Config: '../../../etc/passwd', Layers: [] })]),
      /^open \/etc\/passwd: no such file or directory$/,
    ],
    [
      'a config without rootfs',
      archive([{ name: 'c.json', content: '{}' }, item({ Config: 'c.json', Layers: [] })]),
      /^invalid image JSON, no RootFS key$/,
    ],
    [
      'an image of Windows',
      archive([
        {
          name: 'c.json',
          content: '{"os":"windows","rootfs":{"type":"layers","diff_ids":[]}}',
        },
        item({ Config: 'c.json', Layers: [] }),
      ]),
      /^cannot load windows image on linux$/,
    ],
    [
      'fewer layers than the config',
      archive([config, item({ Config: 'c.json', Layers: [] })]),
      /^invalid manifest, layers length mismatch: expected 0, got 1$/,
    ],
    [
      'a missing layer',
      archive([config, item({ Config: 'c.json', Layers: ['l/layer.tar'] })]),
      /^open \/l\/layer\.tar: no such file or directory$/,
    ],
    [
      'another layer',
      archive([
        config,
        { name: 'l', content: await freshTar() },
        item({ Config: 'c.json', Layers: ['l'] }),
      ]),
      /^invalid diffID for layer 0: expected "sha256:.*", got "sha256:/,
    ],
    [
      'a layer that is no tar',
      archive([
        config,
        { name: 'l', content: Buffer.alloc(100_000, 'x') },
        item({ Config: 'c.json', Layers: ['l'] }),
      ]),
      /invalid tar header/,
    ],
    [
      'a damaged gzip layer',
      archive([
        config,
        { name: 'l', content: packed(tar, 'gzip').fill(0xff, 60_000, 60_100) },
        item({ Config: 'c.json', Layers: ['l'] }),
      ]),
      /^failed to register layer: /,
    ],
    [
      'links in a circle',
      archive([
        config,
        { name: 'l', type: 'symlink', linkname: 'm' },
        { name: 'm', type: 'symlink', linkname: 'l' },
        item({ Config: 'c.json', Layers: ['l'] }),
      ]),
      /^EvalSymlinksInScope: too many links in \/l$/,
    ],
    [
      'a link to the host',
      archive([
        { name: 'c.json', type: 'symlink', linkname: '/etc/passwd' },
        item({ Config: 'c.json', Layers: [] }),
      ]),
      /^open \/c\.json: no such file or directory$/,
    ],
    ['a bad name', archive([...good.slice(0, -1), ...retag(good, 'BAD')]), /must be lowercase/],
    [
      'a name without tag',
      archive([...good.slice(0, -1), ...retag(good, 'bad')]),
      /^invalid tag "bad"$/,
    ],
    [
      'an index.json that is none',
      archive([{ name: 'index.json', content: '[]' }]),
      /^invalid archive: /,
    ],
    [
      'a config of another digest',
      wrong(oci.config.digest, Buffer.from('{}')),
      /^invalid archive: blob sha256:.* has the content of sha256:/,
    ],
    [
      'a layer of another digest',
      wrong(oci.layers[0]?.digest ?? '', packed(tar, 'gzip')),
      /^invalid archive: blob sha256:.* has the content of sha256:/,
    ],
    [
      'a legacy image that is its own ancestor',
      archive([legacy('a', 'b'), legacy('b', 'a'), repositories('a')]),
      /is its own ancestor/,
    ],
  ]
  const before = contentOf(daemon)
  for (const [what, bytes, sentence] of cases) {
    await t.test(what, async () => {
      const { status, error, lines } = await load(daemon, await bytes)
      assert.equal(status, 200)
      assert.match(error ?? '', sentence)
      assert.deepEqual(lines, [])
      assert.deepEqual(addedSince(before), [])
    })
  }
  assert.equal(await idOf(daemon, 'bad:1'), undefined)
})

function retag(entries: readonly Entry[], tag: string): Entry[] {
  return entries
    .slice(-1)
    .map((entry) => ({ ...entry, content: String(entry.content).replace('bad:1', tag) }))
}

/** What was removed before may still be going. */
function addedSince(before: readonly string[]): string[] {
  return contentOf(daemon).filter((path) => !before.includes(path))
}

const legacyId = (letter: string): string => letter.repeat(64)

function legacy(id: string, parent: string): Entry {
  const json = { id: legacyId(id), parent: legacyId(parent) }
  return { name: `${legacyId(id)}/json`, content: JSON.stringify(json) }
}

function repositories(id: string): Entry {
  return { name: 'repositories', content: JSON.stringify({ x: { y: legacyId(id) } }) }
}

test('images before a bad one stay, the bad one leaves nothing', async () => {
  const [good, bad] = [await freshImage(), await freshImage(await freshTar(), await freshTar())]
  const entries = dockerEntries([
    { image: good, tags: ['first:1'] },
    { image: bad, tags: ['second:1'] },
  ])
  const layers = entries.filter(({ name }) => name.endsWith('layer.tar'))
  const without = entries.filter((entry) => entry !== layers.at(-1))
  const before = contentOf(daemon)
  const { lines, error } = await load(daemon, await archive(without))
  assert.deepEqual(lines, ['Loaded image: first:1'])
  assert.match(error ?? '', /no such file or directory$/)
  assert.equal(addedSince(before).length, 1)
  await remove('first:1')
  await until('its layer to be gone', () => addedSince(before).length === 0)
})

test('names that lead out, thousands of members, one name twice', async () => {
  const [image, name] = [await freshImage(), freshName()]
  const entries = dockerEntries([{ image, tags: [name] }])
  const noise = Array.from({ length: 5000 }, (_, at) => ({
    name: `../../../tmp/${at}`,
    content: 'x',
  }))
  const twice = { ...entries[1], name: entries[1]?.name ?? '', content: await freshTar() }
  const bytes = await archive([...noise, twice, ...entries])
  assert.deepEqual((await load(daemon, bytes)).lines, [`Loaded image: ${name}`])
  assert.equal(await idOf(daemon, name), image.config.digest)
  await remove(name)
})

test('an archive that comes in pieces of any size', async () => {
  const tars = await Promise.all(
    [3_000_000, 70_000, 9_000_000, 600, 5 << 20].map((size, at) => freshTar(`f${at}`, size)),
  )
  const images = [
    { image: await freshImage(...tars), tags: ['pieces:1'] },
    { image: await freshImage(...tars.toReversed()), tags: ['pieces:2'] },
  ]
  for (const [outer, largest] of [
    ['none', 300_000],
    ['none', 20_000],
    ['none', 5_000_000],
    ['gzip', 100_000],
  ] as const) {
    const bytes = await archive(dockerEntries(images), outer)
    const text = await sendInPieces(bytes, largest)
    assert.match(text, /Loaded image: pieces:1.*Loaded image: pieces:2/s)
    for (const { image, tags } of images)
      assert.equal(await idOf(daemon, tags[0] ?? ''), image.config.digest)
    await remove('pieces:1', 'pieces:2')
  }
})

/** In chunks of random size, with pauses. */
async function sendInPieces(bytes: Buffer, largest: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const sent = request(
    { socketPath: daemon.socket, method: 'POST', path: '/images/load' },
    (response) => {
      let text = ''
      response.on('data', (part: Buffer) => (text += part.toString()))
      response.on('end', () => resolve(text))
    },
  )
  sent.on('error', reject)
  for (let at = 0; at < bytes.length;) {
    const size = 1 + Math.floor(Math.random() * largest)
    if (!sent.write(bytes.subarray(at, (at += size)))) await once(sent, 'drain')
    if (Math.random() < 0.1) await delay(Math.random() * 8)
  }
  sent.end()
  return promise
}

test('a manifest.json of a gigabyte is refused at once', async () => {
  const head = Buffer.from((await tarOf([{ name: 'manifest.json', content: '' }])).subarray(0, 512))
  head.write((1 << 30).toString(8).padStart(11, '0'), 124, 'latin1')
  head.fill(' ', 148, 156)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  const { error } = await load(daemon, Buffer.concat([head, Buffer.alloc(8 << 20, ' ')]))
  assert.match(error ?? '', /^invalid archive: manifest\.json is too large/)
})

test('a client that leaves within a layer, and a daemon that is killed, leave nothing', async () => {
  const before = contentOf(daemon)
  const image = await freshImage(await freshTar('big', 20 << 20))
  const bytes = await archive(dockerEntries([{ image, tags: ['gone:1'] }]))
  const begin = async (): Promise<ReturnType<typeof request>> => {
    const sent = request({
      socketPath: daemon.socket,
      method: 'POST',
      path: '/images/load',
      headers: { 'Content-Length': bytes.length },
    })
    sent.on('error', () => {})
    sent.write(bytes.subarray(0, 10 << 20))
    await until('a layer being unpacked', () => addedSince(before).length > 0)
    return sent
  }
  ;(await begin()).destroy()
  await until('the layer to be gone', () => addedSince(before).length === 0)
  const sent = await begin()
  await daemon.crash()
  sent.destroy()
  await daemon.boot()
  await until('the remainder to be gone', () => addedSince(before).length === 0)
  assert.equal(await idOf(daemon, 'gone:1'), undefined)
})
