/**
 * Images through real registries with skopeo at the other end: what each pushes the other one reads with
 * the same digests. With dockerd there: images-roundtrip.full.test.ts.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { ImageInspect } from '@tdocker/api'
import { digestOf, shortId } from '@tdocker/oci'
import {
  type Compression,
  type Format,
  type MadeImage,
  busyboxTar,
  jsonBlob,
  makeImage,
  makeIndex,
  makeLayer,
  tarOf,
} from '../lib/image-maker.ts'
import { FaultRegistry, type TestRegistry, startRegistry } from '../lib/registry.ts'
import { TestDaemon, hasProgram } from '../lib/test-daemon.ts'

const skip = hasProgram('skopeo') ? false : 'no skopeo here'
const PLATFORMS = ['amd64', 'arm64', 's390x'].map((architecture) => ({ os: 'linux', architecture }))
let daemon: TestDaemon
/** Two of Debian's, and one that knows referrers. */
let first: TestRegistry
let second: TestRegistry
let own: FaultRegistry

before(async () => {
  if (skip) return
  daemon = await TestDaemon.start({ busybox: false })
  ;[first, second, own] = await Promise.all([
    startRegistry(),
    startRegistry(),
    FaultRegistry.start(),
  ])
})
after(async () => {
  if (skip) return
  await daemon[Symbol.asyncDispose]()
  await Promise.all([first, second, own].map((registry) => registry[Symbol.asyncDispose]()))
})

async function tdocker(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await daemon.tdocker(...args)
  assert.equal(status, 0, `tdocker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

async function skopeo(...args: string[]): Promise<string> {
  const options = ['--insecure-policy', '--tmpdir', daemon.directory]
  const { status, stdout, stderr } = await daemon.command('skopeo', [...options, ...args])
  assert.equal(status, 0, `skopeo ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** All of it, each byte checked against its digest. */
async function copy(from: string, to: string, ...options: string[]): Promise<void> {
  const plain = ['--src-tls-verify=false', '--dest-tls-verify=false']
  await skopeo('copy', ...plain, ...options, `docker://${from}`, `docker://${to}`)
}

async function rawDigest(reference: string): Promise<string> {
  const raw = await skopeo('inspect', '--tls-verify=false', '--raw', `docker://${reference}`)
  return digestOf(Buffer.from(raw))
}

interface SkopeoInspect {
  Digest: string
  Layers: string[]
  Architecture: string
  Env: string[]
}

async function seenBySkopeo(reference: string, ...options: string[]): Promise<SkopeoInspect> {
  const args = [...options, 'inspect', '--tls-verify=false', `docker://${reference}`]
  return JSON.parse(await skopeo(...args)) as SkopeoInspect
}

async function inspect(reference: string): Promise<ImageInspect> {
  const { status, body, text } = await daemon.api.get<ImageInspect>(`/images/${reference}/json`)
  assert.equal(status, 200, text)
  return body
}

/** One that runs, of two layers; `/which` tells it from others. */
async function image(
  which: string,
  o: { format: Format; compression?: Compression; architecture?: string },
): Promise<MadeImage> {
  const tars = [await busyboxTar(), await tarOf([{ name: 'which', content: which }])]
  const platform = { os: 'linux', architecture: o.architecture ?? 'amd64' }
  return makeImage({ ...o, platform, layers: tars.map((tar) => makeLayer(tar, o)) })
}

async function pushed(reference: string): Promise<string> {
  const digest = /digest: (sha256:[0-9a-f]{64}) size/.exec(await tdocker('push', reference))?.[1]
  assert.ok(digest, reference)
  return digest
}

/** Pulled anew, run, and known by the digest. */
async function pullsAndRuns(
  reference: string,
  which: string,
  digest: string,
  cat = 'cat',
): Promise<void> {
  await daemon.api.delete(`/images/${reference}?force=1`)
  await tdocker('pull', '-q', reference)
  const run = ['run', '--rm', '--network=none', reference, cat, '/which']
  assert.equal(await tdocker(...run), which)
  const repository = reference.replace(/:[^:/]+$/, '')
  assert.ok((await inspect(reference)).RepoDigests.includes(`${repository}@${digest}`))
}

for (const format of ['docker', 'oci'] as const) {
  test(
    `${format}: pulled, pushed on, copied by skopeo, pulled again: one digest`,
    { skip },
    async () => {
      const made = await image(format, { format })
      const name = `${first.host}/${await first.push(`src/${format}:1`, made)}`
      await pullsAndRuns(name, format, made.manifest.digest)
      const ours = `${second.host}/ours/${format}:1`
      await tdocker('tag', name, ours)
      assert.equal(await pushed(ours), made.manifest.digest)
      const seen = await seenBySkopeo(ours)
      assert.equal(seen.Digest, made.manifest.digest)
      assert.deepEqual(
        seen.Layers,
        made.layers.map(({ digest }) => digest),
      )
      const theirs = `${first.host}/theirs/${format}:1`
      await copy(ours, theirs, '--preserve-digests')
      await pullsAndRuns(theirs, format, made.manifest.digest)
      assert.equal((await inspect(theirs)).Id, made.config.digest)
    },
  )

  test(`${format}: what is made here is read by skopeo, in either form`, { skip }, async () => {
    const name = `${first.host}/made/${format}:1`
    const query = new URLSearchParams({
      fromSrc: '-',
      repo: `${first.host}/made/${format}`,
      tag: '1',
    })
    query.append('changes', 'ENV MADE=here')
    const tar = await busyboxTar()
    const type = { 'Content-Type': 'application/x-tar' }
    assert.equal(
      (await daemon.api.request('POST', `/images/create?${query}`, tar, type)).status,
      200,
    )
    const { Id, RootFS } = await inspect(name)
    const digest = await pushed(name)
    assert.equal(await rawDigest(name), digest)
    const seen = await seenBySkopeo(name)
    assert.equal(seen.Digest, digest)
    assert.ok(seen.Env.includes('MADE=here'))
    const other = `${second.host}/made/${format}:1`
    await copy(name, other, '-f', format === 'oci' ? 'oci' : 'v2s2')
    const again = await rawDigest(other)
    await tdocker('pull', '-q', other)
    const pulled = await inspect(other)
    assert.deepEqual(pulled.RootFS, RootFS)
    // An OCI config is written anew.
    if (format === 'docker') assert.equal(pulled.Id, Id)
    assert.ok(pulled.RepoDigests.includes(`${second.host}/made/${format}@${again}`))
  })
}

test('zstd layers of skopeo, and pushed on as they are', { skip }, async () => {
  // Skopeo compresses what is not compressed yet. None of the layers is here already in another form:
  // that one would be pushed.
  const busybox = { name: 'bin/cat', mode: 0o755, content: readFileSync('/bin/busybox') }
  const tars = [await tarOf([busybox]), await tarOf([{ name: 'which', content: 'zstd' }])]
  const layers = tars.map((tar) => makeLayer(tar, { compression: 'none', format: 'oci' }))
  const made = makeImage({ layers, format: 'oci' })
  const plain = `${first.host}/${await first.push('src/zstd:1', made)}`
  const zstd = `${first.host}/theirs/zstd:1`
  await copy(plain, zstd, '-f', 'oci', '--dest-compress-format', 'zstd')
  const raw = await skopeo('inspect', '--tls-verify=false', '--raw', `docker://${zstd}`)
  assert.match(raw, /tar\+zstd/)
  const digest = digestOf(Buffer.from(raw))
  await pullsAndRuns(zstd, 'zstd', digest, '/bin/cat')
  const on = `${own.host}/ours/zstd:1`
  await tdocker('tag', zstd, on)
  assert.equal(await pushed(on), digest)
  await copy(on, `${second.host}/again/zstd:1`, '--preserve-digests')
  assert.equal(await rawDigest(`${second.host}/again/zstd:1`), digest)
})

test(
  'an index of three platforms: made here, copied by skopeo, pulled by platform',
  { skip },
  async () => {
    const list = `${first.host}/multi:1`
    const singles: string[] = []
    for (const { architecture } of PLATFORMS) {
      const made = await image(architecture, { format: 'docker', architecture })
      const name = `${second.host}/${await second.push(`single/${architecture}:1`, made)}`
      const single = `${first.host}/multi:${architecture}`
      await tdocker('pull', '-q', '--platform', `linux/${architecture}`, name)
      await tdocker('tag', name, single)
      assert.equal(await pushed(single), made.manifest.digest)
      singles.push(single)
    }
    await tdocker('manifest', 'create', '--insecure', list, ...singles)
    const digest = (await tdocker('manifest', 'push', '--insecure', list)).split('\n').at(-1) ?? ''
    assert.equal(await rawDigest(list), digest)
    await multiPlatform(list, digest)
    const theirs = `${second.host}/theirs/multi:1`
    await copy(list, theirs, '--all', '--preserve-digests')
    await multiPlatform(theirs, digest, PLATFORMS.slice(1, 2))
  },
)

test('an OCI index of three platforms, one of them in zstd', { skip }, async () => {
  const entries = []
  for (const platform of PLATFORMS) {
    const { architecture } = platform
    const compression = architecture === 'arm64' ? 'zstd' : 'gzip'
    entries.push({
      image: await image(architecture, { format: 'oci', compression, architecture }),
      platform,
    })
  }
  const made = makeIndex(entries)
  own.add('multi:1', made)
  await multiPlatform(`${own.host}/multi:1`, made.index.digest)
  const theirs = `${first.host}/oci/multi:1`
  await copy(`${own.host}/multi:1`, theirs, '--all', '--preserve-digests')
  await multiPlatform(theirs, made.index.digest, PLATFORMS.slice(1, 2))
})

/** Each platform is its own image, known by the digest of them all. */
async function multiPlatform(
  reference: string,
  digest: string,
  platforms = PLATFORMS,
): Promise<void> {
  const repository = reference.replace(/:[^:/]+$/, '')
  for (const { architecture } of platforms) {
    const seen = await seenBySkopeo(reference, '--override-arch', architecture)
    assert.equal(seen.Architecture, architecture)
    await daemon.api.delete(`/images/${reference}?force=1`)
    const told = await tdocker('pull', '--platform', `linux/${architecture}`, reference)
    assert.match(told, new RegExp(`Digest: ${digest}`))
    const pulled = await inspect(reference)
    assert.equal(pulled.Architecture, architecture)
    assert.ok(pulled.RepoDigests.includes(`${repository}@${digest}`), `${pulled.RepoDigests}`)
    const which = await tdocker('create', '--platform', `linux/${architecture}`, reference, 'x')
    const files = await daemon.command('sh', [
      '-c',
      `docker cp ${shortId(`sha256:${which}`)}:/which - | tar xO`,
    ])
    assert.equal(files.stdout, architecture, files.stderr)
    await tdocker('rm', which)
    assert.equal(await tdocker('pull', '-q', `${repository}@${digest}`), `${repository}@${digest}`)
    await daemon.api.delete(`/images/${repository}@${digest}?force=1`)
  }
}

test(
  'a signature that skopeo brings along does not harm the image it refers to',
  { skip },
  async () => {
    const made = await image('signed', { format: 'oci' })
    own.add('signed:1', made)
    const { mediaType, digest, size } = made.manifest
    const empty = jsonBlob({}, 'application/vnd.oci.empty.v1+json')
    const artifact = jsonBlob(
      {
        schemaVersion: 2,
        mediaType,
        artifactType: 'application/signature',
        config: { mediaType: empty.mediaType, digest: empty.digest, size: empty.size },
        layers: [{ mediaType: empty.mediaType, digest: empty.digest, size: empty.size }],
        subject: { mediaType, digest, size },
      },
      mediaType,
    )
    own.addBlob(empty)
    own.addManifest('signed', 'signature', artifact)
    await copy(`${own.host}/signed:signature`, `${own.host}/copied:signature`, '--preserve-digests')
    await copy(`${own.host}/signed:1`, `${own.host}/copied:1`, '--preserve-digests')
    const api = `${own.url}/v2/copied/referrers/${digest}`
    const { manifests } = (await (await fetch(api)).json()) as {
      manifests: Array<{ digest: string }>
    }
    assert.deepEqual(
      manifests.map((one) => one.digest),
      [artifact.digest],
    )
    await pullsAndRuns(`${own.host}/copied:1`, 'signed', digest)
    const refused = await daemon.tdocker('pull', `${own.host}/copied:signature`)
    assert.equal(refused.status, 1)
  },
)
