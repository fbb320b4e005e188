import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ImageManifestSummary, ImageSummary } from '@tdocker/api'
import { imageTree } from './image-tree.ts'

function image(over: Partial<ImageSummary>): ImageSummary {
  return {
    Id: `sha256:${'ab'.repeat(32)}`,
    ParentId: '',
    RepoTags: [],
    RepoDigests: [],
    Created: 1,
    Size: 1_234_567,
    SharedSize: -1,
    Labels: null,
    Containers: 0,
    ...over,
  }
}

function manifest(
  architecture: string,
  o: { here: boolean; used?: boolean },
): ImageManifestSummary {
  const digest = `sha256:${'cd'.repeat(32)}`
  return {
    ID: digest,
    Descriptor: { mediaType: 'x', digest, size: 1 },
    Available: o.here,
    Size: { Total: o.here ? 5_000_000 : 500, Content: o.here ? 2_000_000 : 500 },
    Kind: 'image',
    ImageData: {
      Platform: { os: 'linux', architecture },
      Containers: o.used ? ['x'] : [],
      Size: { Unpacked: 3_000_000 },
    },
  }
}

const ESCAPE = new RegExp(`${String.fromCharCode(27)}[^m]*m`, 'g')

const body = (text: string): string[] => text.replace(/\n+$/, '').split('\n').slice(4)
const plain = { isTerminal: false, columns: 0, all: false }

test('images with platforms below them, newest first, in use marked', () => {
  const text = imageTree(
    [
      image({ RepoTags: ['old:1'] }),
      image({ RepoTags: ['new:1', 'longer-name:2'], Created: 2, Containers: 1 }),
      image({
        RepoTags: ['several:1'],
        Created: 3,
        Manifests: [
          manifest('amd64', { here: true, used: true }),
          manifest('arm64', { here: false }),
          { ...manifest('', { here: false }), Kind: 'attestation', ImageData: null },
        ],
      }),
      image({ Created: 4 }),
    ],
    plain,
  )
  assert.deepEqual(body(text), [
    'several:1            abababababab       1.23MB            2MB   U    ',
    '├─ linux/amd64       cdcdcdcdcdcd          5MB            2MB   U    ',
    '└─ linux/arm64       cdcdcdcdcdcd         500B           500B        ',
    '',
    'longer-name:2',
    'new:1                abababababab       1.23MB             0B   U    ',
    '',
    'old:1                abababababab       1.23MB             0B        ',
  ])
})

test('all: those without a name; a narrow terminal loses columns, long names their end', () => {
  const text = imageTree([image({}), image({ RepoTags: ['a-rather-long-name-of-an-image:1'] })], {
    isTerminal: true,
    columns: 30,
    all: true,
  })
  const shown = body(text).map((line) => line.replaceAll(ESCAPE, '~'))
  assert.deepEqual(shown, [
    '~~<untagged>~        ~abababababab~',
    '~~a-rather-long-…~   ~abababababab~',
  ])
})
