/**
 * Everything that registries and networks do to a pull: it succeeds, or it fails in a sentence of
 * Docker's kind, and then nothing is left of it. Credentials stay with the host they are for.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { LayerBlob, MadeImage } from '../../lib/image-maker.ts'
import { blob, makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import {
  CREDENTIALS,
  type Fault,
  FaultRegistry,
  basic,
  cutEvery,
  deadFrom,
  earlyEnd,
  failing,
  html,
  noResume,
  otherBytes,
  redirectLoop,
  redirectTo,
  refuse,
  stall,
  trickle,
  wrongLength,
} from '../../lib/registry.ts'

interface Scene {
  image: MadeImage
  layer: LayerBlob
  registry: FaultRegistry
  /** A host that must never learn the user's password. */
  second: FaultRegistry
}

interface Case {
  name: string
  faults: (scene: Scene) => Fault[]
  /** Absent: the pull succeeds. */
  fails?: RegExp | string | ((scene: Scene) => string)
  /** The layer is asked for no more often than this. */
  requests?: number
}

const SIZE = 1_000_000
const manifests = (url: URL): boolean => url.pathname.includes('/manifests/')
const layerOf =
  ({ layer }: Scene) =>
  (url: URL): boolean =>
    url.pathname.endsWith(layer.digest)
const configOf =
  ({ image }: Scene) =>
  (url: URL): boolean =>
    url.pathname.endsWith(image.config.digest)
const badDigest = ({ layer }: Scene): string =>
  `filesystem layer verification failed for digest ${layer.digest}`
const noise = (size: number): Buffer => randomBytes(size)

const cases: readonly Case[] = [
  // Cut off.
  { name: 'cut every 64 KB', faults: ({ layer }) => [cutEvery(layer)] },
  { name: 'cut after every byte or so', faults: ({ layer }) => [deadFrom(layer, 1)], fails: /EOF/ },
  {
    name: 'cut in the head of every answer',
    faults: (s) => [
      (request, _response, url) => layerOf(s)(url) && Boolean(request.socket.destroy()),
    ],
    fails: /": (EOF|read: connection reset by peer)$/,
    requests: 5,
  },
  {
    name: 'dead from the middle on',
    faults: ({ layer }) => [deadFrom(layer, SIZE / 2)],
    fails: /EOF|connection reset/,
  },
  {
    name: 'an early end that claims to be the end',
    faults: ({ layer }) => [earlyEnd(layer, SIZE / 2)],
    fails: /unexpected EOF/,
  },
  {
    name: 'an end without a length',
    faults: ({ layer }) => [earlyEnd(layer, layer.size)],
  },
  // Wrong lengths and bytes.
  {
    name: 'a length that is too large, at every try',
    faults: ({ layer }) => [wrongLength(layer, 1000)],
  },
  {
    name: 'a length that is too small',
    faults: ({ layer }) => [wrongLength(layer, -300_000)],
    fails: /unexpected EOF|verification failed/,
  },
  {
    name: 'other bytes of the same length',
    faults: ({ layer }) => [otherBytes(layer, noise(layer.size))],
    fails: badDigest,
  },
  {
    name: 'more bytes than the descriptor says',
    faults: ({ layer }) => [otherBytes(layer, Buffer.concat([layer.bytes, noise(5_000_000)]))],
    fails: badDigest,
  },
  {
    name: 'other bytes for the configuration',
    faults: ({ image }) => [otherBytes(image.config, noise(image.config.size))],
    fails: ({ image }) => `image config verification failed for digest ${image.config.digest}`,
  },
  {
    name: 'a longer configuration',
    faults: ({ image }) => [otherBytes(image.config, noise(image.config.size + 1))],
    fails: /is larger than \d+ bytes/,
  },
  // Statuses.
  ...[500, 502, 503, 504].map((status) => ({
    name: `${status}, twice`,
    faults: (s: Scene) => [failing(layerOf(s), status, { times: 2 })],
  })),
  {
    name: '500 for ever',
    faults: (s) => [failing(layerOf(s), 500)],
    fails: 'received unexpected HTTP status: 500 Internal Server Error',
    requests: 5,
  },
  {
    name: '500 for manifests',
    faults: () => [failing(manifests, 500)],
    fails: 'received unexpected HTTP status: 500 Internal Server Error',
  },
  {
    name: '503 for the configuration, twice',
    faults: (s) => [failing(configOf(s), 503, { times: 2 })],
  },
  {
    name: '429 with Retry-After, for a layer',
    faults: (s) => [failing(layerOf(s), 429, { times: 2, headers: { 'retry-after': '0' } })],
  },
  {
    name: '429 with Retry-After, for manifests',
    faults: () => [failing(manifests, 429, { times: 3, headers: { 'retry-after': '0' } })],
  },
  {
    name: '429 that says nothing of when',
    faults: (s) => [failing(layerOf(s), 429, { code: 'TOOMANYREQUESTS' })],
    fails: 'toomanyrequests: toomanyrequests',
    requests: 1,
  },
  {
    name: '429 until tomorrow',
    faults: (s) => [
      failing(layerOf(s), 429, { code: 'TOOMANYREQUESTS', headers: { 'retry-after': '86400' } }),
    ],
    fails: 'toomanyrequests: toomanyrequests',
    requests: 1,
  },
  {
    name: '404 for a layer',
    faults: (s) => [failing(layerOf(s), 404, { code: 'BLOB_UNKNOWN' })],
    fails: 'blob unknown: blob unknown',
    requests: 1,
  },
  {
    name: '403 for a layer',
    faults: (s) => [failing(layerOf(s), 403, { code: 'DENIED' })],
    fails: /^pull access denied for .*: denied: denied$/,
    requests: 1,
  },
  // Redirects.
  {
    name: 'a loop of redirects',
    faults: ({ layer }) => [redirectLoop(layer)],
    fails: /^Get "http:.*": stopped after 10 redirects$/,
  },
  {
    name: 'a redirect to a second host',
    faults: ({ layer, second }) => [
      redirectTo(layer, () => `${second.url}/v2/x/blobs/${layer.digest}`),
    ],
  },
  {
    name: 'a redirect to a second host that asks for the password',
    faults: ({ layer, second }) => [redirectTo(layer, () => `${second.url}/thief`)],
    fails: /unauthorized/,
  },
  {
    name: 'a redirect that gives a password itself',
    faults: ({ layer, second }) => [
      redirectTo(layer, () => `http://test:secret@${second.host}/v2/x/blobs/${layer.digest}`),
    ],
  },
  {
    name: 'a redirect to a file',
    faults: ({ layer }) => [redirectTo(layer, () => 'file:///etc/passwd')],
    fails: /unsupported protocol scheme "file"$/,
  },
  {
    name: 'a redirect to nowhere',
    faults: ({ layer }) => [redirectTo(layer, () => 'http://127.0.0.1:1/x')],
    fails: /dial tcp 127.0.0.1:1: connect: connection refused$/,
  },
  // Slow ones.
  { name: 'a stall in the middle, once', faults: ({ layer }) => [stallOnce(layer)] },
  {
    name: 'a stall at every try',
    faults: ({ layer }) => [stall(layer, SIZE / 2)],
    fails: /timeout awaiting response/,
  },
  {
    name: 'headers that never come',
    faults: (s) => [(_request, _response, url) => layerOf(s)(url)],
    fails: /timeout awaiting response/,
  },
  {
    name: 'bytes that trickle, but come',
    faults: ({ layer }) => [trickle(layer, { bytes: 40_000, everyMs: 20 })],
  },
  // Pages.
  {
    name: 'a page for a manifest',
    faults: () => [html(manifests)],
    fails: 'unsupported manifest media type and no default available: text/html',
  },
  {
    name: 'a page for a layer',
    faults: (s) => [html(layerOf(s))],
    fails: /EOF|verification failed/,
  },
  {
    name: 'a page for the configuration',
    faults: (s) => [html(configOf(s))],
    fails: /image config verification failed|is larger than/,
  },
  // Ranges.
  {
    name: '416 on the way on',
    faults: ({ layer }) => [
      noResume(layer, SIZE / 2, (response) => refuse(response, 416, 'RANGE_INVALID')),
    ],
  },
  {
    name: 'another range than asked for',
    faults: ({ layer }) => [
      noResume(layer, SIZE / 2, (response) => {
        response.writeHead(206, { 'content-range': `bytes 0-${layer.size - 1}/${layer.size}` })
        response.end(layer.bytes)
      }),
    ],
  },
  {
    name: 'a range without saying which',
    faults: ({ layer }) => [
      noResume(layer, SIZE / 2, (response) => response.writeHead(206).end(layer.bytes)),
    ],
  },
  {
    name: 'a server without ranges',
    faults: ({ layer }) => [
      noResume(layer, SIZE / 2, (response) => response.writeHead(200).end(layer.bytes)),
    ],
  },
  {
    name: 'the right range with other bytes',
    faults: ({ layer }) => [
      noResume(layer, SIZE / 2, (response, start) => {
        const range = `bytes ${start}-${layer.size - 1}/${layer.size}`
        response.writeHead(206, { 'content-range': range })
        response.end(noise(layer.size - start))
      }),
    ],
    fails: badDigest,
  },
]

function stallOnce(layer: LayerBlob): Fault {
  let stalled = false
  return stall(layer, SIZE / 2, () => !stalled && (stalled = true))
}

async function scene(layer?: LayerBlob): Promise<Scene & AsyncDisposable> {
  const made = layer ?? makeLayer(await tarOf([{ name: 'noise', content: noise(SIZE) }]))
  const [registry, second] = [await FaultRegistry.start(), await FaultRegistry.start()]
  const image = makeImage({ layers: [made] })
  registry.add('app:1', image)
  second.addBlob(made)
  registry.faults.push(demandPassword(basic(CREDENTIALS)))
  second.faults.push(({ url }, response) => {
    if (url !== '/thief') return false
    refuse(response, 401, 'UNAUTHORIZED', { headers: { 'www-authenticate': 'Basic realm="me"' } })
    return true
  })
  return {
    ...{ image, layer: made, registry, second },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      await second[Symbol.asyncDispose]()
    },
  }
}

function demandPassword(wanted: string): Fault {
  return (request, response) => {
    if (request.headers.authorization === wanted) return false
    refuse(response, 401, 'UNAUTHORIZED', { headers: { 'www-authenticate': 'Basic realm="r"' } })
    return true
  }
}

async function nothingLeft(rig: ImagesRig): Promise<void> {
  assert.deepEqual(await rig.files(), { layers: ['empty'], blobs: [], partials: [] })
  for (const table of ['layer', 'blob', 'partial', 'image', 'image_tag', 'document']) {
    assert.deepEqual(rig.store.all(`SELECT * FROM ${table}`), [], table)
  }
}

for (const { name, faults, fails, requests } of cases) {
  test(name, async () => {
    await using set = await scene()
    await using rig = await imagesRig({ config: { stallTimeoutMs: 400, maxDownloadAttempts: 5 } })
    set.registry.faults.push(...faults(set))
    const pull = rig.pull(`${set.registry.host}/app:1`, { auth: CREDENTIALS })
    if (fails === undefined) {
      await pull
      assert.deepEqual((await rig.files()).partials, [])
      assert.deepEqual(rig.store.all('SELECT * FROM partial'), [])
    } else {
      const message = typeof fails === 'function' ? fails(set) : fails
      await assert.rejects(pull, { message })
      await nothingLeft(rig)
    }
    assert.deepEqual(rig.problems, [])
    for (const seen of set.second.seen) assert.equal(seen.authorization, undefined)
    const asked = set.registry.paths('GET').filter((path) => path.endsWith(set.layer.digest))
    if (requests !== undefined) assert.ok(asked.length <= requests, `${asked.length} requests`)
  })
}

test('garbage in a layer whose digest is right', async () => {
  const sound = makeLayer(await tarOf([{ name: 'noise', content: noise(100_000) }]))
  const cut = sound.bytes.subarray(0, 50_000)
  const garbage: Array<[string, Buffer]> = [
    ['gzip cut short', cut],
    ['gzip with noise in it', Buffer.concat([cut, noise(50_000)])],
    ['noise', noise(50_000)],
    ['noise behind the magic number', Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), noise(50_000)])],
    ['noise behind that of zstd', Buffer.concat([Buffer.from('28b52ffd', 'hex'), noise(50_000)])],
    ['nothing', Buffer.alloc(0)],
  ]
  for (const [name, bytes] of garbage) {
    const layer = { ...blob(bytes, sound.mediaType), diffId: sound.diffId }
    await using set = await scene(layer)
    await using rig = await imagesRig()
    const pull = rig.pull(`${set.registry.host}/app:1`, { auth: CREDENTIALS })
    await assert.rejects(pull, /failed to register layer: |don't match image configuration/, name)
    await nothingLeft(rig)
  }
})
