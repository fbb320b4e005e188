import assert from 'node:assert/strict'
import { test } from 'node:test'
import { busyboxImage, makeImage, makeIndex } from '../../lib/image-maker.ts'
import { imagesRig } from '../../lib/images-rig.ts'
import { FaultRegistry, TokenServer, failing, html, refuse } from '../../lib/registry.ts'

const signal = new AbortController().signal

test('what a tag and a digest name, with their platforms', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const inspect = (name: string): Promise<unknown> =>
    rig.images.registries.inspectDistribution(`${registry.host}/${name}`, { signal })
  const image = await busyboxImage()
  const oci = makeImage({ layers: image.layers, format: 'oci' })
  const index = makeIndex([
    { image, platform: { os: 'linux', architecture: 'amd64' } },
    { image, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } },
  ])
  registry.add('app:1', image)
  registry.add('app:oci', oci)
  registry.add('app:index', index)
  const { mediaType, digest, size } = image.manifest
  const one = {
    Descriptor: { mediaType, digest, size },
    Platforms: [{ architecture: 'amd64', os: 'linux' }],
  }
  assert.deepEqual(await inspect('app:1'), one)
  assert.deepEqual(await inspect(`app@${digest}`), one)
  assert.deepEqual(await inspect(`app:7@${digest}`), one)
  // dockerd does not look into the configuration of an OCI image.
  assert.equal(((await inspect('app:oci')) as { Platforms: unknown }).Platforms, null)
  assert.deepEqual(await inspect('app:index'), {
    Descriptor: {
      mediaType: index.index.mediaType,
      digest: index.index.digest,
      size: index.index.size,
    },
    Platforms: [
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm', os: 'linux', variant: 'v7' },
    ],
  })
  // Nothing came into the store.
  assert.equal(rig.images.count(), 0)
})

test('names that name nothing', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  registry.add('app:1', await busyboxImage())
  const cases: Array<[string, string, string]> = [
    [`${registry.host}/app:2`, 'notFound', 'manifest unknown'],
    [`${registry.host}/app@sha256:${'0'.repeat(64)}`, 'notFound', 'manifest unknown'],
    [
      '127.0.0.1:1/app',
      'system',
      'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    [
      'UPPER',
      'invalidParameter',
      'invalid reference format: repository name (library/UPPER) must be lowercase',
    ],
    ['a b', 'invalidParameter', 'invalid reference format'],
    ['a'.repeat(64), 'system', 'no manifest found for full image ID'],
    ['scratch', 'invalidParameter', "'scratch' is a reserved name"],
  ]
  for (const [name, kind, message] of cases) {
    const asked = rig.images.registries.inspectDistribution(name, { signal })
    await assert.rejects(asked, { kind, message }, name)
  }
})

test('what the registry says is passed on, with the status that it stands for', async () => {
  await using registry = await FaultRegistry.start()
  await using tokens = await TokenServer.start()
  await using rig = await imagesRig()
  registry.add('app:1', await busyboxImage())
  const inspect = (): Promise<unknown> =>
    rig.images.registries.inspectDistribution(`${registry.host}/app:1`, { signal })
  const cases: Array<[number, string, string, string]> = [
    [403, 'DENIED', 'forbidden', 'denied: denied'],
    [429, 'TOOMANYREQUESTS', 'tooManyRequests', 'toomanyrequests: toomanyrequests'],
    [405, 'UNSUPPORTED', 'notAllowed', 'unsupported: unsupported'],
    [404, 'NAME_UNKNOWN', 'notFound', 'name unknown: name unknown'],
    [400, 'TAG_INVALID', 'invalidParameter', 'tag invalid: tag invalid'],
    [503, 'UNAVAILABLE', 'system', 'received unexpected HTTP status: 503 Service Unavailable'],
  ]
  for (const [status, code, kind, message] of cases) {
    registry.faults[0] = failing((url) => url.pathname.includes('/manifests/'), status, { code })
    await assert.rejects(inspect(), { kind, message })
  }
  registry.faults[0] = html((url) => url.pathname.includes('/manifests/'))
  await assert.rejects(inspect(), {
    kind: 'system',
    message: 'unsupported manifest media type and no default available: text/html',
  })
  registry.faults[0] = (_request, response) => {
    const errors = [{ code: 'DENIED' }, { code: 'UNKNOWN', message: 'why' }]
    response.writeHead(403, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ errors }))
    return true
  }
  await assert.rejects(inspect(), { kind: 'forbidden', message: 'errors:\ndenied\nunknown: why\n' })
  registry.faults[0] = tokens.guard()
  await assert.rejects(inspect(), {
    kind: 'forbidden',
    message: 'errors:\ndenied: requested access to the resource is denied\nunauthorized\n',
  })
  registry.faults[0] = (_request, response) => {
    refuse(response, 404, 'MANIFEST_UNKNOWN')
    return true
  }
  await assert.rejects(inspect(), { kind: 'notFound', message: 'manifest unknown' })
})
