import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MEDIA_TYPE } from './descriptor.ts'
import { digestOf } from './digest.ts'
import { parseManifest } from './manifest.ts'

const descriptor = { mediaType: 'application/octet-stream', digest: digestOf('x'), size: 1 }
const image = { schemaVersion: 2, config: descriptor, layers: [descriptor] }
const index = { schemaVersion: 2, manifests: [descriptor] }
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

test('kinds are told by media type, or by what is there', () => {
  const cases: Array<[unknown, string | undefined, string, string]> = [
    [image, undefined, 'manifest', MEDIA_TYPE.ociManifest],
    [
      { ...image, mediaType: MEDIA_TYPE.dockerManifest },
      undefined,
      'manifest',
      MEDIA_TYPE.dockerManifest,
    ],
    [
      { ...image, mediaType: MEDIA_TYPE.dockerManifest },
      `${MEDIA_TYPE.dockerManifest}; charset=utf-8`,
      'manifest',
      MEDIA_TYPE.dockerManifest,
    ],
    [index, MEDIA_TYPE.ociIndex, 'index', MEDIA_TYPE.ociIndex],
    [
      { ...index, mediaType: MEDIA_TYPE.dockerList },
      'application/json',
      'index',
      MEDIA_TYPE.dockerList,
    ],
    [{ schemaVersion: 1, fsLayers: [] }, undefined, 'schema1', ''],
    [{}, MEDIA_TYPE.dockerSchema1Signed, 'schema1', MEDIA_TYPE.dockerSchema1Signed],
  ]
  for (const [document, declared, kind, mediaType] of cases) {
    const parsed = parseManifest(bytes(document), declared)
    assert.deepEqual([parsed.kind, parsed.mediaType], [kind, mediaType])
  }
})

const refused: Array<[string, unknown, RegExp, string?]> = [
  ['both kinds', { ...image, ...index }, /cannot determine/],
  ['neither kind', { schemaVersion: 2 }, /cannot determine/],
  [
    'a manifest with manifests',
    { ...image, ...index, mediaType: MEDIA_TYPE.ociManifest },
    /should not have "manifests"/,
  ],
  [
    'an index with layers',
    { ...index, layers: [], mediaType: MEDIA_TYPE.ociIndex },
    /should not have "config", "layers"/,
  ],
  [
    'another type than declared',
    { ...image, mediaType: MEDIA_TYPE.ociManifest },
    /mediaType in manifest should be/,
    MEDIA_TYPE.dockerManifest,
  ],
  [
    'an index declared a manifest',
    index,
    /mediaType in manifest should be/,
    MEDIA_TYPE.ociManifest,
  ],
  ['an unknown type', { ...image, mediaType: 'text/plain' }, /unsupported media type text\/plain/],
  ['no config', { layers: [] }, /config is not an object/],
  ['a list', [], /is not an object/],
  ['null', null, /is not an object/],
  ['layers that are none', { ...image, layers: {} }, /layers is not a list/],
  [
    'a digest with a path',
    { ...image, layers: [{ ...descriptor, digest: 'sha256:../x' }] },
    /could not validate layer digest/,
  ],
  ['no digest', { ...image, layers: [{ size: 1 }] }, /could not validate layer digest/],
  ['a fractional size', { ...image, layers: [{ ...descriptor, size: 1.5 }] }, /invalid size/],
  ['a huge size', { ...image, layers: [{ ...descriptor, size: 1e300 }] }, /invalid size/],
  ['a size in text', { ...image, layers: [{ ...descriptor, size: '1' }] }, /invalid size/],
  [
    'too many layers',
    { ...image, layers: Array.from({ length: 501 }, () => descriptor) },
    /501 layers/,
  ],
]

for (const [what, document, message, declared] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(() => parseManifest(bytes(document), declared), message)
  })
}

test('bytes that are no JSON', () => {
  for (const text of ['', '{', '<html>']) {
    assert.throws(() => parseManifest(Buffer.from(text)), /unsupported manifest format/)
  }
  assert.throws(() => parseManifest(Buffer.from([0x7b, 0xff, 0x7d])), /unsupported manifest format/)
})

test('platforms and annotations of an index', () => {
  const platform = { os: 'linux', architecture: 'arm', variant: 'v7', 'os.features': ['x'] }
  const parsed = parseManifest(
    bytes({ manifests: [{ ...descriptor, platform, annotations: { a: 'b', bad: 1 } }] }),
  )
  assert.ok(parsed.kind === 'index')
  assert.deepEqual(parsed.manifests[0]?.platform, {
    os: 'linux',
    architecture: 'arm',
    variant: 'v7',
  })
  assert.deepEqual(parsed.manifests[0]?.annotations, { a: 'b' })
})
