/** Pushes to registries that fail in every way they do: each succeeds or says why, and leaves nothing. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { shortId } from '@tdocker/oci'
import {
  type LayerBlob,
  type MadeImage,
  makeImage,
  makeLayer,
  tarOf,
} from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import {
  CREDENTIALS,
  type Fault,
  FaultRegistry,
  FragileUploads,
  TokenServer,
  basic,
  failing,
  refuse,
  startRegistry,
} from '../../lib/registry.ts'

const MIB = 1024 * 1024

/** One layer of a size that takes several network buffers, and cannot be compressed. */
async function imageOf(bytes: number): Promise<MadeImage & { layer: LayerBlob }> {
  const layer = makeLayer(await tarOf([{ name: 'random', content: randomBytes(bytes) }]))
  return { ...makeImage({ layers: [layer] }), layer }
}

interface World {
  rig: ImagesRig
  target: FaultRegistry
  image: MadeImage & { layer: LayerBlob }
  /** Pushes `app:1` to the target. */
  push(o?: Parameters<ImagesRig['push']>[1]): ReturnType<ImagesRig['push']>
}

/** An image that was pulled from one registry and is named for another. */
async function world(t: TestContext, bytes: number = 4 * MIB): Promise<World> {
  const rig = await imagesRig()
  const source = await FaultRegistry.start()
  const target = await FaultRegistry.start()
  t.after(async () => {
    await rig[Symbol.asyncDispose]()
    await source[Symbol.asyncDispose]()
    await target[Symbol.asyncDispose]()
  })
  const image = await imageOf(bytes)
  source.add('app:1', image)
  await rig.pull(`${source.host}/app:1`)
  await rig.images.backend.tag(`${source.host}/app:1`, { repo: `${target.host}/app`, tag: '1' })
  return { rig, target, image, push: (o) => rig.push(`${target.host}/app`, { tag: '1', ...o }) }
}

const isUpload = (url: URL): boolean => url.pathname.includes('/blobs/uploads/')

async function arrived({ rig, target, image }: World): Promise<void> {
  const manifest = target.manifests.get('app/1')
  assert.equal(manifest?.digest, image.manifest.digest)
  assert.ok(target.blobs.get(image.layer.digest)?.bytes.equals(image.layer.bytes))
  assert.deepEqual((await rig.files()).partials, [])
  assert.deepEqual(rig.problems, [])
}

test('a line that breaks every megabyte: the upload goes on where it was', async (t) => {
  const w = await world(t)
  const fragile = new FragileUploads(w.target, { bytes: MIB })
  const told = await w.push()
  await arrived(w)
  assert.ok(told.some((one) => one.status === 'Retrying in 1 second'))
  // All but the very last bytes were sent once.
  assert.ok(fragile.received < w.image.layer.size + 64 * 1024, `${fragile.received} bytes`)
})

test('a registry that forgets broken uploads gets them anew', async (t) => {
  const w = await world(t)
  new FragileUploads(w.target, { bytes: MIB, times: 3, resumes: false })
  await w.push()
  await arrived(w)
})

test('a line that never carries the whole body is given up in the end', async (t) => {
  const w = await world(t)
  new FragileUploads(w.target, { bytes: MIB, resumes: false })
  const put = new RegExp(`^EngineError: Put "http://${w.target.host}/v2/app/blobs/uploads/`)
  await assert.rejects(w.push(), put)
  assert.equal(w.target.manifests.size, 0)
  assert.deepEqual((await w.rig.files()).partials, [])
})

for (const status of [405, 413]) {
  test(`no PUT with a body (${status}): chunks by PATCH`, async (t) => {
    const w = await world(t, 18 * MIB)
    new FragileUploads(w.target, { bytes: 0, times: 0, refuseWhole: status })
    await w.push()
    await arrived(w)
    const patches = w.target.seen.filter((one) => one.method === 'PATCH')
    // The layer in chunks of 16 MiB, and the config.
    assert.equal(patches.length, 3)
    assert.ok(patches.every((one) => one.query === '?_state=a%2Bb%3D'))
  })
}

test('too many requests: as long as the registry asks', async (t) => {
  const w = await world(t)
  const o = { times: 1, headers: { 'retry-after': '1' }, code: 'TOOMANYREQUESTS' }
  const match = (method: string) => (url: URL, request: IncomingMessage) =>
    isUpload(url) && request.method === method
  w.target.faults.push(failing(match('POST'), 429, o), failing(match('PUT'), 429, o))
  const from = Date.now()
  await w.push()
  await arrived(w)
  assert.ok(Date.now() - from >= 2000)
})

test('too many requests without a word when: told at once', async (t) => {
  const w = await world(t)
  w.target.faults.push(failing(isUpload, 429, { code: 'TOOMANYREQUESTS' }))
  await assert.rejects(w.push(), { message: 'toomanyrequests: toomanyrequests' })
})

test('a registry that stumbles, in every request', async (t) => {
  const w = await world(t)
  const of = (method: string, part: string) => (url: URL, request: IncomingMessage) =>
    request.method === method && url.pathname.includes(part)
  w.target.faults.push(
    failing(of('HEAD', '/blobs/'), 500, { times: 1 }),
    failing(of('POST', '/uploads/'), 502, { times: 1 }),
    failing(of('PUT', '/uploads/'), 503, { times: 2 }),
    failing(of('PUT', '/manifests/'), 500, { times: 1 }),
  )
  await w.push()
  await arrived(w)
})

test('what the registry refuses is told in its words', async (t) => {
  const w = await world(t)
  const message = 'this repository takes no pushes'
  const denied: Fault = (_request, response, url) => {
    if (!isUpload(url)) return false
    refuse(response, 403, 'DENIED', { message })
    return true
  }
  w.target.faults.push(denied)
  await assert.rejects(w.push(), { message: `denied: ${message}` })
  assert.equal(w.target.seen.filter((one) => one.method === 'POST').length, 1)
  w.target.faults.splice(0)
  w.target.faults.push((request, response, url) => {
    if (request.method !== 'PUT' || !url.pathname.includes('/manifests/')) return false
    refuse(response, 400, 'MANIFEST_INVALID', { message: 'manifest invalid' })
    return true
  })
  await assert.rejects(w.push(), { message: 'manifest invalid' })
})

/** A host that takes any body with 201 and remembers what it was sent. */
async function otherHost(
  t: TestContext,
  status = 201,
): Promise<{ url: string; seen: Array<Record<string, string | string[] | undefined>> }> {
  const seen: Array<Record<string, string | string[] | undefined>> = []
  const server = createServer((request, response) => {
    seen.push({ ...request.headers, method: request.method })
    request.resume()
    const headers = { 'www-authenticate': 'Basic realm="other"', 'content-length': '0' }
    request.once('end', () => response.writeHead(status, status === 401 ? headers : {}).end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const guard: Fault = (request, response) => {
  if (request.headers.authorization === basic(CREDENTIALS)) return false
  request.resume()
  refuse(response, 401, 'UNAUTHORIZED', { headers: { 'www-authenticate': 'Basic realm="r"' } })
  return true
}

for (const [how, status] of [
  ['a Location', 202],
  ['a redirect', 307],
] as const) {
  test(`${how} to another host takes the body there, and no credentials`, async (t) => {
    const w = await world(t)
    const other = await otherHost(t)
    w.target.addBlob(w.image.config)
    w.target.faults.push(guard, (request, response, url) => {
      const isIt = isUpload(url) && request.method === (status === 202 ? 'POST' : 'PUT')
      if (!isIt) return false
      request.resume()
      // As a registry whose storage takes uploads itself.
      w.target.addBlob(w.image.layer)
      response.writeHead(status, { location: `http://u:p@${other.url.slice(7)}/store` }).end()
      return true
    })
    await w.push({ auth: CREDENTIALS })
    await arrived(w)
    assert.deepEqual(
      other.seen.map((one) => [one['method'], one['authorization']]),
      [['PUT', undefined]],
    )
    assert.equal(other.seen[0]?.['content-length'], String(w.image.layer.size))
  })
}

test('another host that asks for a password gets none', async (t) => {
  const w = await world(t)
  const other = await otherHost(t, 401)
  w.target.addBlob(w.image.config)
  w.target.faults.push(guard, (request, response, url) => {
    if (!isUpload(url) || request.method !== 'POST') return false
    response.writeHead(202, { location: `${other.url}/store` }).end()
    return true
  })
  await assert.rejects(w.push({ auth: CREDENTIALS }), /unauthorized/)
  assert.ok(other.seen.length > 0)
  assert.ok(other.seen.every((one) => one['authorization'] === undefined))
})

test('a Location that is none', async (t) => {
  for (const location of ['', 'ftp://x/y', 'http://[']) {
    const w = await world(t, 1000)
    w.target.faults.push((request, response, url) => {
      if (!isUpload(url) || request.method !== 'POST') return false
      response.writeHead(202, location === '' ? {} : { location }).end()
      return true
    })
    await assert.rejects(w.push(), /Location/, location)
  }
})

/** Takes the first bytes of an upload, says so, and reads no further until told. */
function holdUploads(registry: FaultRegistry): { held: Promise<void>; goOn(): void } {
  const held = Promise.withResolvers<void>()
  const going = Promise.withResolvers<void>()
  registry.faults.push(async (request, _response, url) => {
    if (!isUpload(url) || request.method !== 'PUT') return false
    held.resolve()
    await going.promise
    return request.destroyed
  })
  return { held: held.promise, goOn: () => going.resolve() }
}

test('a client that leaves ends its push; the registry is told and nothing stays', async (t) => {
  const w = await world(t, 16 * MIB)
  const hold = holdUploads(w.target)
  const leaves = new AbortController()
  const push = w.push({ signal: leaves.signal })
  await hold.held
  leaves.abort()
  await assert.rejects(push, { kind: 'cancelled', message: 'context canceled' })
  hold.goOn()
  assert.ok(w.target.seen.some((one) => one.method === 'DELETE'))
  assert.equal(w.target.manifests.size, 0)
  assert.deepEqual((await w.rig.files()).partials, [])
  w.target.faults.splice(0)
  await w.push()
  await arrived(w)
})

test('two pushes of an image share its uploads; one may leave', async (t) => {
  const w = await world(t, 8 * MIB)
  await w.rig.images.backend.tag(`${w.target.host}/app:1`, {
    repo: `${w.target.host}/app`,
    tag: '2',
  })
  const hold = holdUploads(w.target)
  const leaves = new AbortController()
  const first = w.push({ signal: leaves.signal })
  await hold.held
  const second = w.push({ tag: '2' })
  const third = w.push()
  // All of them wait for the same upload when the others have asked all they can.
  const pings = () => w.target.paths('GET').filter((path) => path === '/v2/').length
  while (pings() < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 100))
  leaves.abort()
  await assert.rejects(first, { message: 'context canceled' })
  hold.goOn()
  const told = await second
  assert.ok(told.some((one) => one.status === 'Pushed' && one.id === shortId(w.image.layer.diffId)))
  await third
  await arrived(w)
  const bodies = w.target.seen.filter(
    (one) => one.method === 'PUT' && isUpload(new URL(one.path, 'http://x')),
  )
  assert.equal(bodies.length, 2, 'the layer and the config, each once')
})

test('a mount that is not granted is the upload already begun', async (t) => {
  const w = await world(t)
  // Something that we have seen elsewhere on this registry, and that is gone from there.
  w.target.add('lib/base:1', w.image)
  await w.rig.pull(`${w.target.host}/lib/base:1`)
  w.target.blobs.delete(w.image.layer.digest)
  await w.push()
  await arrived(w)
  const posts = w.target.seen.filter((one) => one.method === 'POST')
  const query = `?mount=${encodeURIComponent(w.image.layer.digest)}&from=lib%2Fbase`
  assert.deepEqual(
    posts.map((one) => one.query),
    [query],
  )
})

test('tokens: push and pull here, pull there', async () => {
  await using tokens = await TokenServer.start()
  await using registry = await startRegistry({ tokens })
  await using rig = await imagesRig()
  const image = await imageOf(MIB)
  const name = `${registry.host}/${await registry.push('lib/base:1', image)}`
  await rig.pull(name, { auth: CREDENTIALS })
  await rig.images.backend.tag(name, { repo: `${registry.host}/mine/app`, tag: '1' })
  tokens.seen.splice(0)
  const told = await rig.push(`${registry.host}/mine/app`, { tag: '1', auth: CREDENTIALS })
  assert.ok(told.some((one) => one.status === 'Mounted from lib/base'))
  await assert.rejects(
    rig.push(`${registry.host}/mine/app`, { tag: '1' }),
    /denied: requested access to the resource is denied/,
  )
})

test('an image of no layers', async (t) => {
  const { rig, target } = await world(t, 1000)
  const image = makeImage({ layers: [] })
  target.add('none:1', image)
  await rig.pull(`${target.host}/none:1`)
  await rig.images.backend.tag(`${target.host}/none:1`, { repo: `${target.host}/none`, tag: '2' })
  await rig.push(`${target.host}/none`, { tag: '2' })
  assert.equal(target.manifests.get('none/2')?.digest, image.manifest.digest)
})
