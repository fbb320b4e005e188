import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Blob } from '../../lib/image-maker.ts'
import { blob, descriptorOf, jsonBlob, makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { imagesRig } from '../../lib/images-rig.ts'
import type { ImagesRig } from '../../lib/images-rig.ts'
import { FaultRegistry, refuse, serveBlob } from '../../lib/registry.ts'

const run = promisify(execFile)

const noise = async (size: number) =>
  makeLayer(await tarOf([{ name: 'noise', content: randomBytes(size) }]))

async function nothingLeft(rig: ImagesRig): Promise<void> {
  const files = await rig.files()
  assert.deepEqual(files, { layers: ['empty'], blobs: [], partials: [] })
  for (const table of ['layer', 'blob', 'partial', 'image', 'image_tag', 'document']) {
    assert.deepEqual(rig.store.all(`SELECT * FROM ${table}`), [], table)
  }
  assert.deepEqual(rig.problems, [])
}

/** Serves other bytes for a blob than its digest says. */
function swap(registry: FaultRegistry, wanted: Blob, served: Buffer): void {
  registry.faults.push((request, response, url) => {
    if (!url.pathname.endsWith(wanted.digest)) return false
    serveBlob(request, response, { ...wanted, bytes: served, size: served.length })
    return true
  })
}

test('a layer of another digest', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const [good, bad] = [await noise(100_000), await noise(100_000)]
  const image = makeImage({ layers: [good, bad] })
  registry.add('x:1', image)
  const served = Buffer.from(bad.bytes)
  served[served.length - 1000]! ^= 1
  swap(registry, bad, served)
  await assert.rejects(rig.pull(`${registry.host}/x:1`), {
    message: `filesystem layer verification failed for digest ${bad.digest}`,
  })
  await nothingLeft(rig)
})

test('a layer cut short, with a length that agrees', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(500_000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  swap(registry, layer, layer.bytes.subarray(0, 200_000))
  await assert.rejects(rig.pull(`${registry.host}/x:1`), /unexpected EOF|verification failed/)
  await nothingLeft(rig)
})

test('a layer longer than its descriptor', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(50_000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  swap(registry, layer, Buffer.concat([layer.bytes, randomBytes(5_000_000)]))
  await assert.rejects(rig.pull(`${registry.host}/x:1`), {
    message: `filesystem layer verification failed for digest ${layer.digest}`,
  })
  await nothingLeft(rig)
})

test('corrupt gzip and corrupt tar under right digests', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const sound = await noise(50_000)
  const gzip = blob(
    Buffer.concat([sound.bytes.subarray(0, 20_000), randomBytes(20_000)]),
    sound.mediaType,
  )
  registry.add('gzip:1', makeImage({ layers: [{ ...gzip, diffId: sound.diffId }] }))
  const tar = makeLayer(randomBytes(20_480))
  registry.add('tar:1', makeImage({ layers: [tar] }))
  for (const name of ['gzip', 'tar']) {
    await assert.rejects(
      rig.pull(`${registry.host}/${name}:1`),
      /^EngineError: failed to register layer: /,
    )
  }
  await nothingLeft(rig)
})

test('a config that names other layers', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const [layer, other] = [await noise(1000), await noise(1000)]
  registry.add('x:1', makeImage({ layers: [{ ...layer, diffId: other.diffId }] }))
  const mismatch = { message: "layers from manifest don't match image configuration" }
  await assert.rejects(rig.pull(`${registry.host}/x:1`), mismatch)
  const image = makeImage({ layers: [layer] })
  const manifest = jsonBlob(
    {
      ...JSON.parse(image.manifest.bytes.toString()),
      layers: [descriptorOf(layer), descriptorOf(other)],
    },
    image.manifest.mediaType,
  )
  registry.add('y:1', image)
  registry.addManifest('y', '1', manifest)
  await assert.rejects(rig.pull(`${registry.host}/y:1`), mismatch)
  await nothingLeft(rig)
})

test('a connection that breaks is taken up where it ended', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(3_000_000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  let broken = 0
  registry.faults.push((request, response, url) => {
    if (!url.pathname.endsWith(layer.digest) || broken++ >= 3) return false
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const part = layer.bytes.subarray(start, start + 700_000)
    const range = `bytes ${start}-${layer.size - 1}/${layer.size}`
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': layer.size - start,
      ...(start > 0 && { 'content-range': range }),
    })
    response.write(part, () => setTimeout(() => response.destroy(), 50))
    return true
  })
  await rig.pull(`${registry.host}/x:1`)
  const ranges = registry.seen
    .filter((seen) => seen.path.endsWith(layer.digest))
    .map((seen) => seen.range)
  // What was sent before the break may still be on its way when the connection goes.
  const starts = ranges.map((range) => Number(/\d+/.exec(range ?? '0')?.[0]))
  assert.equal(starts.length, 4)
  starts.forEach((start, at) => assert.ok(start <= at * 700_000 && (at === 0 || start > 0)))
  assert.deepEqual(
    starts,
    starts.toSorted((a, b) => a - b),
  )
  assert.deepEqual(rig.problems, [])
})

test('a server without ranges sends it all again', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(2_000_000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  let first = true
  registry.faults.push((request, response, url) => {
    if (!url.pathname.endsWith(layer.digest)) return false
    delete request.headers.range
    if (!first) return false
    first = false
    response.writeHead(200, { 'content-length': layer.size })
    response.write(layer.bytes.subarray(0, 900_000), () => setTimeout(() => response.destroy(), 50))
    return true
  })
  await rig.pull(`${registry.host}/x:1`)
  assert.equal((await rig.images.source.resolve(`${registry.host}/x:1`)).lowers.length, 1)
})

test('a registry that dies leaves large partial layers only, and the next pull goes on', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const [large, small] = [await noise(9_000_000), await noise(100_000)]
  registry.add('x:1', makeImage({ layers: [small, large] }))
  let dead = true
  registry.faults.push((request, response, url) => {
    if (!dead) return false
    if (url.pathname.endsWith(small.digest)) return false
    if (!url.pathname.endsWith(large.digest)) return false
    if (request.headers.range) {
      request.socket.destroy()
      return true
    }
    response.writeHead(200, { 'content-length': large.size })
    response.write(large.bytes.subarray(0, 6_000_000), () =>
      setTimeout(() => response.destroy(), 100),
    )
    return true
  })
  await assert.rejects(
    rig.pull(`${registry.host}/x:1`),
    /Get ".*": EOF|connection reset|unexpected EOF/,
  )
  await rig.restart()
  assert.deepEqual((await rig.files()).partials, [large.digest.slice(7)])
  assert.deepEqual((await rig.files()).layers, ['empty'])
  dead = false
  registry.seen.length = 0
  await rig.pull(`${registry.host}/x:1`)
  const range = registry.seen.find((seen) => seen.path.endsWith(large.digest))?.range
  assert.match(range ?? '', /^bytes=[1-9]\d+-$/)
  assert.deepEqual((await rig.files()).partials, [])
})

test('partial bytes that were wrong are fetched again', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(9_000_000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  let dead = true
  registry.faults.push((request, response, url) => {
    if (!dead || !url.pathname.endsWith(layer.digest)) return false
    if (request.headers.range) {
      request.socket.destroy()
      return true
    }
    response.writeHead(200, { 'content-length': layer.size })
    response.write(randomBytes(6_000_000), () => setTimeout(() => response.destroy(), 100))
    return true
  })
  await assert.rejects(rig.pull(`${registry.host}/x:1`))
  dead = false
  await rig.pull(`${registry.host}/x:1`)
  assert.deepEqual((await rig.files()).partials, [])
})

test('a cancelled pull stops, cleans up and says so', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(2_000_000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  const stalled = Promise.withResolvers<void>()
  registry.faults.push((_request, response, url) => {
    if (!url.pathname.endsWith(layer.digest)) return false
    response.writeHead(200, { 'content-length': layer.size })
    response.write(layer.bytes.subarray(0, 1_000_000), () => stalled.resolve())
    return true
  })
  const abort = new AbortController()
  const pull = rig.pull(`${registry.host}/x:1`, { signal: abort.signal })
  await stalled.promise
  abort.abort()
  await assert.rejects(pull, { kind: 'cancelled', message: 'context canceled' })
  await nothingLeft(rig)
})

test('one of two pulls leaves, the other gets the layer', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(2_000_000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  const go = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  registry.faults.push(async (_request, _response, url) => {
    if (url.pathname.endsWith(layer.digest)) {
      asked.resolve()
      await go.promise
    }
    return false
  })
  const abort = new AbortController()
  const leaving = rig.pull(`${registry.host}/x:1`, { signal: abort.signal })
  const staying = rig.pull(`${registry.host}/x:1`)
  await asked.promise
  abort.abort()
  await assert.rejects(leaving, { kind: 'cancelled' })
  go.resolve()
  assert.match((await staying).at(-1)?.status ?? '', /Downloaded newer image/)
  assert.equal(registry.paths('GET').filter((path) => path.endsWith(layer.digest)).length, 1)
})

test('a stalled body is given up and asked for again', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig({ config: { stallTimeoutMs: 300 } })
  const layer = await noise(1_000_000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  let first = true
  registry.faults.push((_request, response, url) => {
    if (!url.pathname.endsWith(layer.digest) || !first) return false
    first = false
    response.writeHead(200, { 'content-length': layer.size })
    response.write(layer.bytes.subarray(0, 600_000))
    return true
  })
  await rig.pull(`${registry.host}/x:1`)
  assert.deepEqual(rig.problems, [])
})

test('5xx is tried again, 4xx is not', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(1000)
  registry.add('x:1', makeImage({ layers: [layer] }))
  let left = 2
  registry.faults.push((_request, response, url) => {
    if (!url.pathname.endsWith(layer.digest) || left-- <= 0) return false
    response.writeHead(503).end('busy')
    return true
  })
  await rig.pull(`${registry.host}/x:1`)
  registry.faults[0] = (_request, response, url) => {
    if (!url.pathname.includes('/manifests/')) return false
    refuse(response, 429, 'TOOMANYREQUESTS', { message: 'You have reached your pull rate limit.' })
    return true
  }
  registry.seen.length = 0
  await assert.rejects(rig.pull(`${registry.host}/x:1`), {
    message: 'toomanyrequests: You have reached your pull rate limit.',
  })
  assert.equal(registry.paths('GET').length, 1)
})

test('documents that are not what they should be', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layer = await noise(1000)
  const image = makeImage({ layers: [layer], format: 'oci' })
  const body = JSON.parse(image.manifest.bytes.toString()) as Record<string, unknown>
  const type = image.manifest.mediaType
  registry.add('x:ok', image)
  const documents: Array<[string, Blob, RegExp]> = [
    [
      'both',
      jsonBlob({ ...body, manifests: [] }, type),
      /should not have "manifests" or "fsLayers"/,
    ],
    [
      'untyped',
      jsonBlob({ ...body, mediaType: undefined, manifests: [] }, type),
      /cannot determine/,
    ],
    ['notjson', blob(Buffer.from('<html>'), type), /unsupported manifest format/],
    ['huge', blob(Buffer.alloc(5 * 1024 * 1024, ' '), type), /larger than/],
    [
      'schema1',
      jsonBlob(
        { schemaVersion: 1, fsLayers: [] },
        'application/vnd.docker.distribution.manifest.v1+prettyjws',
      ),
      /schema 1 support has been removed/,
    ],
    [
      'path',
      jsonBlob(
        { ...body, layers: [{ ...descriptorOf(layer), digest: 'sha256:../../../../etc/passwd' }] },
        type,
      ),
      /could not validate layer digest/,
    ],
    [
      'algorithm',
      jsonBlob(
        { ...body, layers: [{ ...descriptorOf(layer), digest: `md5:${'a'.repeat(32)}` }] },
        type,
      ),
      /unsupported digest algorithm/,
    ],
    [
      'artifact',
      jsonBlob(
        {
          ...body,
          layers: [{ ...descriptorOf(layer), mediaType: 'application/vnd.cncf.helm.chart' }],
        },
        type,
      ),
      /unsupported media type application\/vnd.cncf/,
    ],
    [
      'size',
      jsonBlob({ ...body, layers: [{ ...descriptorOf(layer), size: -1 }] }, type),
      /invalid size/,
    ],
    [
      'many',
      jsonBlob({ ...body, layers: Array.from({ length: 2000 }, () => descriptorOf(layer)) }, type),
      /2000 layers/,
    ],
  ]
  for (const [tag, document, expected] of documents) {
    registry.addManifest('x', tag, document)
    await assert.rejects(rig.pull(`${registry.host}/x:${tag}`), expected, tag)
  }
  await nothingLeft(rig)
})

test('a manifest of another digest than asked for', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const [one, two] = [
    makeImage({ layers: [await noise(10)] }),
    makeImage({ layers: [await noise(10)] }),
  ]
  registry.add('x:1', one)
  registry.faults.push((request, response, url) => {
    if (!url.pathname.endsWith(one.manifest.digest)) return false
    serveBlob(request, response, two.manifest)
    return true
  })
  await assert.rejects(rig.pull(`${registry.host}/x@${one.manifest.digest}`), {
    message: `manifest verification failed for digest ${one.manifest.digest}`,
  })
  await nothingLeft(rig)
})

test('a full disk is told, leaves nothing, and the next pull works', async () => {
  await using registry = await FaultRegistry.start()
  await using disk = await smallDisk('24m')
  await using rig = await imagesRig({ dataRoot: disk.path })
  registry.add('large:1', makeImage({ layers: [await noise(1_000_000), await noise(40_000_000)] }))
  const zeros = makeLayer(await tarOf([{ name: 'zeros', content: Buffer.alloc(60_000_000) }]))
  registry.add('bomb:1', makeImage({ layers: [zeros] }))
  for (const name of ['large', 'bomb']) {
    await assert.rejects(
      rig.pull(`${registry.host}/${name}:1`),
      /^EngineError: failed to register layer: .*no space left on device/,
    )
    await nothingLeft(rig)
  }
  registry.add('small:1', makeImage({ layers: [await noise(1_000_000)] }))
  await rig.pull(`${registry.host}/small:1`)
})

async function smallDisk(size: string): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp('/dev/shm/tdocker-small-')
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tdocker-small', path])
  return {
    path,
    async [Symbol.asyncDispose]() {
      await run('umount', [path])
      await rm(path, { recursive: true })
    },
  }
}
