import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MEDIA_TYPE } from '@tdocker/oci'
import { type Blob, busyboxImage, descriptorOf, jsonBlob } from '../../lib/image-maker.ts'
import { imagesRig } from '../../lib/images-rig.ts'
import { FaultRegistry, failing, startRegistry } from '../../lib/registry.ts'

const signal = new AbortController().signal

function artifact(subject: Blob, artifactType: string): Blob {
  const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: subject.digest, size: 2 }
  return jsonBlob(
    {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      artifactType,
      config: empty,
      layers: [],
      subject: descriptorOf(subject),
    },
    MEDIA_TYPE.ociManifest,
  )
}

for (const kind of ['with the API', 'with tags in its place']) {
  test(`referrers of a registry ${kind}`, async () => {
    const hasApi = kind === 'with the API'
    await using registry = await FaultRegistry.start({ noReferrers: !hasApi })
    await using rig = await imagesRig()
    const image = await busyboxImage()
    registry.add('app:1', image)
    const [sbom, signature] = ['application/sbom', 'application/signature'].map((type) => {
      const made = artifact(image.manifest, type)
      registry.addManifest('app', made.digest, made)
      return { ...descriptorOf(made), artifactType: type }
    })
    if (!hasApi) {
      const manifests = [sbom, signature]
      const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }
      const tag = image.manifest.digest.replace(':', '-')
      registry.addManifest('app', tag, jsonBlob(index, MEDIA_TYPE.ociIndex))
    }
    const ask = async (name: string, artifactType = ''): Promise<unknown[]> => {
      const asked = rig.images.registries.referrers(`${registry.host}/${name}`, {
        artifactType,
        signal,
      })
      return (await asked).manifests
    }
    const both = [sbom, signature]
    assert.deepEqual(await ask('app:1'), both)
    assert.deepEqual(await ask(`app@${image.manifest.digest}`), both)
    assert.deepEqual(await ask('app:1', 'application/sbom'), [sbom])
    assert.deepEqual(await ask('app:1', 'application/other'), [])
    assert.deepEqual(await ask(`app@${sbom?.digest}`), [])
    await assert.rejects(ask('app:2'), { kind: 'notFound', message: 'manifest unknown' })
    registry.faults.push(failing((url) => url.pathname.includes('/referrers/'), 500))
    await assert.rejects(ask('app:1'), /500 Internal Server Error/)
  })
}

test('Debian’s registry knows no referrers, and so there are none', async () => {
  await using registry = await startRegistry()
  await using rig = await imagesRig()
  await registry.push('app:1', await busyboxImage())
  const found = await rig.images.registries.referrers(`${registry.host}/app:1`, {
    artifactType: '',
    signal,
  })
  assert.deepEqual(found, { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] })
})
