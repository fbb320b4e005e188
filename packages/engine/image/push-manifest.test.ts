import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Descriptor, MEDIA_TYPE, digestOf } from '@tdocker/oci'
import type { StoredDocument } from './image-records.ts'
import { PushManifest } from './push-manifest.ts'

const body = Buffer.from('{"os":"linux"}')
const id = digestOf(body)
const layer = (text: string, mediaType: string): Descriptor => ({
  digest: digestOf(text),
  size: text.length,
  mediaType,
})

function image(stored?: object, mediaType: string = MEDIA_TYPE.dockerManifest): PushManifest {
  const bytes = Buffer.from(JSON.stringify(stored ?? {}))
  const documents = new Map<string, StoredDocument>([
    [id, { digest: id, mediaType: MEDIA_TYPE.ociConfig, body }],
    ['m', { digest: 'm', mediaType, body: bytes }],
  ])
  return PushManifest.of(
    {
      find: () => ({ manifestDigest: stored ? 'm' : undefined }),
      document: (digest) => documents.get(digest),
    },
    id,
  )
}

test('made for an image of here: as Docker indents and words it', () => {
  const made = image().with([layer('a', MEDIA_TYPE.ociLayerGzip)])
  assert.equal(made.mediaType, MEDIA_TYPE.dockerManifest)
  assert.equal(
    Buffer.from(made.bytes).toString(),
    `{
   "schemaVersion": 2,
   "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
   "config": {
      "mediaType": "application/vnd.docker.container.image.v1+json",
      "size": 14,
      "digest": "${id}"
   },
   "layers": [
      {
         "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
         "size": 1,
         "digest": "${digestOf('a')}"
      }
   ]
}`,
  )
  assert.equal(made.digest, digestOf(made.bytes))
})

const oci = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPE.ociManifest,
  config: { mediaType: MEDIA_TYPE.ociConfig, size: 14, digest: id },
  layers: [layer('a', MEDIA_TYPE.ociLayerGzip), layer('b', MEDIA_TYPE.ociLayerZstd)],
  annotations: { kept: 'only with the bytes' },
}

test('the stored one as it is, while the layers are those it names', () => {
  const manifest = image(oci, MEDIA_TYPE.ociManifest)
  assert.ok(manifest.isOci)
  assert.deepEqual(
    manifest.layers?.map(({ digest }) => digest),
    [digestOf('a'), digestOf('b')],
  )
  const made = manifest.with(oci.layers)
  assert.equal(made.digest, 'm')
  assert.equal(Buffer.from(made.bytes).toString(), JSON.stringify(oci))
})

test('another form of a layer makes another manifest of the same kind', () => {
  const again = layer('c', MEDIA_TYPE.dockerLayerGzip)
  const made = image(oci, MEDIA_TYPE.ociManifest).with([oci.layers[0] ?? again, again])
  assert.equal(made.mediaType, MEDIA_TYPE.ociManifest)
  const { layers, config } = JSON.parse(Buffer.from(made.bytes).toString()) as typeof oci
  assert.equal(config.mediaType, MEDIA_TYPE.ociConfig)
  assert.deepEqual(
    layers.map(({ mediaType }) => mediaType),
    [MEDIA_TYPE.ociLayerGzip, MEDIA_TYPE.ociLayerGzip],
  )
})

test('a stored manifest of another image is left alone', () => {
  const other = { ...oci, config: { ...oci.config, digest: digestOf('other') } }
  assert.equal(image(other, MEDIA_TYPE.ociManifest).layers, undefined)
})
