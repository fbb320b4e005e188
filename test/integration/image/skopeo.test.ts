/** skopeo reads what we save, and we load what it writes; digests are compared at both ends. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { archive, dockerEntries, layoutEntries } from '../../lib/archive-maker.ts'
import { type MadeImage, makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { idOf, load, save } from '../../lib/load-archive.ts'
import { TestDaemon, hasProgram } from '../../lib/test-daemon.ts'

const skip = hasProgram('skopeo') ? false : 'no skopeo here'
let daemon: TestDaemon
let image: MadeImage

before(async () => {
  if (skip) return
  daemon = await TestDaemon.start({ busybox: false })
  const tars = await Promise.all(
    ['a', 'b'].map((name) => tarOf([{ name, content: randomBytes(300_000) }])),
  )
  image = makeImage({ layers: tars.map((tar) => makeLayer(tar, { compression: 'none' })) })
})
after(async () => {
  if (!skip) await daemon[Symbol.asyncDispose]()
})

async function skopeo(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await daemon.command('skopeo', [
    '--insecure-policy',
    '--tmpdir',
    daemon.directory,
    ...args,
  ])
  assert.equal(status, 0, stderr)
  return stdout
}

const file = (name: string): string => join(daemon.directory, name)

async function loadFile(name: string, expected: string): Promise<void> {
  const bytes = readFileSync(file(name))
  rmSync(file(name))
  const { lines, error } = await load(daemon, bytes)
  assert.deepEqual([lines, error], [[`Loaded image: ${expected}`], undefined])
}

interface RawManifest {
  config: { digest: string }
  layers: Array<{ digest: string }>
}

const rawManifest = async (source: string): Promise<RawManifest> =>
  JSON.parse(await skopeo('inspect', '--raw', source)) as RawManifest

test('what we save is a docker-archive', { skip }, async () => {
  await load(daemon, await archive(dockerEntries([{ image, tags: ['ours:1'] }])))
  writeFileSync(file('ours.tar'), await save(daemon, 'ours:1'))
  const manifest = await rawManifest(`docker-archive:${file('ours.tar')}`)
  assert.equal(manifest.config.digest, image.config.digest)
  assert.deepEqual(
    manifest.layers.map(({ digest }) => digest),
    image.layers.map(({ diffId }) => diffId),
  )
  // And all of it can be read, each byte checked.
  await skopeo('copy', `docker-archive:${file('ours.tar')}`, `dir:${file('copied')}`)
})

test('what we save is an OCI layout', { skip }, async () => {
  const manifest = await rawManifest(`oci-archive:${file('ours.tar')}:1`)
  assert.equal(manifest.config.digest, image.config.digest)
  await skopeo(
    'copy',
    `oci-archive:${file('ours.tar')}:1`,
    `oci-archive:${file('oci.tar')}:again:2`,
  )
  const again = await rawManifest(`oci-archive:${file('oci.tar')}`)
  assert.equal(again.config.digest, image.config.digest)
  await loadFile('oci.tar', 'again:2')
  assert.equal(await idOf(daemon, 'again:2'), image.config.digest)
})

test('its docker-archive and its OCI archives, compressed anew', { skip }, async () => {
  const source = `docker-archive:${file('ours.tar')}`
  await daemon.api.delete('/images/again:2')
  await daemon.api.delete('/images/ours:1')
  await skopeo('copy', source, `docker-archive:${file('theirs.tar')}:theirs:1`)
  await loadFile('theirs.tar', 'theirs:1')
  assert.equal(await idOf(daemon, 'theirs:1'), image.config.digest)
  for (const format of ['gzip', 'zstd']) {
    await daemon.api.delete('/images/theirs:1')
    const copy = ['copy', '-f', 'oci', '--dest-compress-format', format, '--dest-compress']
    await skopeo(...copy, source, `oci-archive:${file('theirs.tar')}:theirs:1`)
    const { config } = await rawManifest(`oci-archive:${file('theirs.tar')}`)
    await loadFile('theirs.tar', 'theirs:1')
    assert.equal(await idOf(daemon, 'theirs:1'), config.digest)
  }
})

test('an OCI layout of ours by hand is the one that skopeo sees', { skip }, async () => {
  const layer = makeLayer(await tarOf([{ name: 'x', content: randomBytes(200_000) }]), {
    format: 'oci',
  })
  const made = makeImage({ layers: [layer], format: 'oci' })
  const annotations = { 'org.opencontainers.image.ref.name': 'by/hand:1' }
  const bytes = await archive(layoutEntries([{ content: made, annotations }]))
  assert.deepEqual((await load(daemon, bytes)).lines, ['Loaded image: by/hand:1'])
  writeFileSync(file('hand.tar'), bytes)
  const { config } = await rawManifest(`oci-archive:${file('hand.tar')}`)
  assert.equal(await idOf(daemon, 'by/hand:1'), config.digest)
})
