/** Named contexts, and images by their references. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { GitServer } from '../../lib/git-server.ts'
import {
  busyboxImage,
  descriptorOf,
  makeImage,
  makeIndex,
  makeLayer,
  tarOf,
} from '../../lib/image-maker.ts'
import { FaultRegistry } from '../../lib/registry.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, inspect, outputOf } from './build-rig.ts'

const CLI = join(import.meta.dirname, '../../../packages/cli/main.ts')

let daemon: TestDaemon
let server: GitServer
let registry: FaultRegistry
before(async () => {
  ;[daemon, server, registry] = await Promise.all([
    TestDaemon.start(),
    GitServer.start(),
    FaultRegistry.start(),
  ])
  const base = await busyboxImage()
  const own = makeLayer(await tarOf([{ name: 'from-registry', content: 'registry' }]))
  const image = makeImage({
    layers: [...base.layers, own],
    config: { Env: ['PATH=/bin', 'FROM_REGISTRY=yes'], Cmd: ['sh'] },
  })
  registry.add('base:1', image)
  registry.add(
    'arm:1',
    makeImage({ layers: [own], platform: { os: 'linux', architecture: 'arm64' } }),
  )
})
after(async () => {
  await registry[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

const contexts = (values: Record<string, string>): { contexts: string } => ({
  contexts: JSON.stringify(values),
})
const manifests = (): number =>
  registry.seen.filter(({ path }) => path.includes('/manifests/')).length

test('an image stands for the name of another, of FROM and --from', async () => {
  const Dockerfile =
    'FROM golang:1.99 AS build\nRUN cp /from-registry /built\n' +
    'FROM docker.io/library/alpine\nCOPY --from=build /built /built\nCOPY --from=tools /from-registry /copied\n' +
    'RUN --mount=from=tools,target=/t cat /t/from-registry > /mounted\n'
  const given = `docker-image://${registry.host}/base:1`
  const made = await built(
    daemon,
    { Dockerfile },
    contexts({ 'golang:1.99': given, 'alpine:latest': given, tools: given }),
  )
  assert.equal(
    await outputOf(daemon, made.id, 'cat /built /copied /mounted; echo $FROM_REGISTRY'),
    'registryregistryregistryyes\n',
  )
})

test('a context goes before a stage of its name, of which nothing runs', async () => {
  const Dockerfile =
    'FROM nowhere.invalid/image AS base\nRUN false\nFROM base\nRUN echo $FROM_REGISTRY > /said\n'
  const given = contexts({ base: `docker-image://${registry.host}/base:1` })
  const made = await built(daemon, { Dockerfile }, given)
  assert.equal(await outputOf(daemon, made.id, 'cat /said'), 'yes\n')
  const only = await built(daemon, { Dockerfile }, { ...given, target: 'base' })
  assert.deepEqual((await inspect(daemon, only.id)).Config?.Env, ['PATH=/bin', 'FROM_REGISTRY=yes'])
  const empty = await built(
    daemon,
    { Dockerfile: 'FROM base\nCOPY f /f\n', f: 'alone' },
    contexts({ base: 'docker-image://scratch' }),
  )
  assert.equal((await inspect(daemon, empty.id)).RootFS?.Layers?.length, 1)
})

test('trees of git and files by URL are directories', async () => {
  const repository = server.repository('ctx')
  repository.commit({ 'sub/f': 'git', 'sub/bin/sh': { exec: '#!/bin/busybox sh\n' }, g: 'top' })
  const files = createServer((_request, response) => response.end('by url'))
  await new Promise<void>((done) => files.listen(0, '127.0.0.1', done))
  try {
    const Dockerfile =
      'FROM tree AS t\nFROM busybox\nCOPY --from=t /f /of-from\nCOPY --from=tree . /tree/\n' +
      'COPY --from=file context /file\nRUN --mount=from=tree,target=/m cat /m/f > /mounted\n'
    const given = contexts({
      tree: `${server.url('ctx')}#main:sub`,
      file: `http://127.0.0.1:${(files.address() as AddressInfo).port}/some.txt`,
    })
    const made = await built(daemon, { Dockerfile }, given)
    assert.equal(
      await outputOf(daemon, made.id, 'cat /of-from /file /mounted; cd /tree; find . | sort'),
      'gitby urlgit.\n./bin\n./bin/sh\n./f\n',
    )
    const again = await built(daemon, { Dockerfile }, given)
    assert.equal(again.id, made.id)
  } finally {
    files.closeAllConnections()
    files.close()
  }
})

test('what is no context is refused in words', async () => {
  const Dockerfile = 'FROM busybox\nCOPY --from=c . /c\n'
  for (const [value, error] of [
    ['plain', /^invalid context specifier plain for c$/],
    ['ftp://host/f', /^unsupported context source ftp for c$/],
    ['target:other', /^unsupported context source target for c$/],
    ['client:c', /^the client of this build has no directory "c"$/],
    ['git://host/r#-x', /^invalid git ref "-x"$/],
  ] as const) {
    const made = await build(daemon, { Dockerfile }, contexts({ c: value }))
    assert.match(made.error, error)
  }
  const name = await build(daemon, { Dockerfile }, contexts({ 'NO GOOD': 'client:c' }))
  assert.match(name.error, /^invalid context name NO GOOD: /)
  const list = await build(daemon, { Dockerfile }, { contexts: '["a"]' })
  assert.match(list.error, /^error reading contexts: json: cannot unmarshal/)
})

test('the CLI takes --build-context', async () => {
  const directory = `${import.meta.dirname}/../../fixtures`
  const run = (...args: string[]): ReturnType<TestDaemon['tdocker']> =>
    daemon.command(
      process.execPath,
      [`${import.meta.dirname}/../../../packages/cli/main.ts`, 'build', ...args, '-'],
      'FROM named\nRUN echo $FROM_REGISTRY > /said\n',
    )
  const made = await run(
    '--build-context',
    `named=docker-image://${registry.host}/base:1`,
    '-t',
    'from-cli',
  )
  assert.equal(made.status, 0, made.stderr)
  assert.equal(await outputOf(daemon, 'from-cli', 'cat /said'), 'yes\n')
  const wrong = await run('--build-context', 'named')
  assert.match(wrong.stderr, /invalid context value: named, expected key=value/)
  const nowhere = await run('--build-context', `named=${directory}/not-there`)
  assert.match(
    nowhere.stderr,
    /failed to get build context named: stat .*not-there: no such file or directory/,
  )
})

test('--pull asks the registry once for each image of a build', async () => {
  const name = `${registry.host}/base:1`
  const Dockerfile =
    `FROM ${name} AS a\nRUN true\nFROM ${name} AS b\nRUN :\nFROM ${name}\n` +
    `COPY --from=a /from-registry /a\nCOPY --from=b /from-registry /b\n`
  await built(daemon, { Dockerfile })
  const before = manifests()
  await built(daemon, { Dockerfile })
  assert.equal(manifests(), before)
  await built(daemon, { Dockerfile }, { pull: '1' })
  const asked = manifests() - before
  await built(daemon, { Dockerfile: `FROM ${name}\n` }, { pull: '1' })
  assert.equal(manifests() - before - asked, asked, 'as often as for one stage')
})

test('builds side by side fetch a layer once', async () => {
  const layer = makeLayer(await tarOf([{ name: 'large', content: 'x'.repeat(300_000) }]))
  registry.add('shared:1', makeImage({ layers: [layer], config: { Cmd: ['none'] } }))
  const Dockerfile = (n: number): string => `FROM ${registry.host}/shared:1\nENV N=${n}\n`
  const all = await Promise.all(
    [1, 2, 3, 4, 5].map((n) => built(daemon, { Dockerfile: Dockerfile(n) })),
  )
  assert.equal(new Set(all.map(({ id }) => id)).size, 5)
  const fetched = registry.seen.filter(
    ({ method, path }) => method === 'GET' && path.endsWith(layer.digest),
  )
  assert.equal(fetched.length, 1)
})

test('references by digest, and what is of another platform', async () => {
  const image = makeImage({ layers: (await busyboxImage()).layers, config: { Env: ['BY=digest'] } })
  registry.add('pinned:1', image)
  const { digest } = image.manifest
  for (const reference of [`pinned@${digest}`, `pinned:1@${digest}`]) {
    const made = await built(daemon, {
      Dockerfile: `FROM ${registry.host}/${reference}\nENV A=1\n`,
    })
    assert.ok((await inspect(daemon, made.id)).Config?.Env?.includes('BY=digest'))
  }
  const other = `sha256:${'0'.repeat(64)}`
  const missing = await build(daemon, { Dockerfile: `FROM ${registry.host}/pinned:1@${other}\n` })
  assert.match(missing.error, /not found|manifest unknown/)

  const Dockerfile = `FROM --platform=linux/amd64 ${registry.host}/arm:1\nENV A=1\n`
  const warned = await built(daemon, { Dockerfile })
  const warning = warned.messages.find(({ status }) => status?.startsWith('\nWARNING'))?.status
  assert.match(
    warning ?? '',
    /^\nWARNING: Pulled image with specified platform \(linux\/amd64\), but the resulting image's configured platform \(linux\/arm64\) does not match\.\n/,
  )
  registry.add('many:1', makeIndex([{ image, platform: { os: 'linux', architecture: 'amd64' } }]))
  const none = await build(daemon, {
    Dockerfile: `FROM --platform=linux/s390x ${registry.host}/many:1\n`,
  })
  assert.match(none.error, /no matching manifest for linux\/s390x in the manifest list entries/)
})

test('scratch, and its platform', async () => {
  const files = { f: 'x' }
  for (const line of ['FROM scratch', 'FROM scratch AS s', 'ARG B=scratch\nFROM $B']) {
    const made = await built(daemon, { Dockerfile: `${line}\nCOPY f /\n`, ...files })
    assert.equal((await inspect(daemon, made.id)).RootFS?.Layers?.length, 1, line)
  }
  const arm = await built(daemon, {
    Dockerfile: 'FROM --platform=linux/arm64 scratch\nCOPY f /\n',
    ...files,
  })
  assert.equal((await inspect(daemon, arm.id)).Architecture, 'arm64')
  const run = await build(daemon, { Dockerfile: 'FROM scratch\nRUN true\n' })
  assert.notEqual(run.error, '')
  const two = await built(
    daemon,
    { Dockerfile: 'FROM scratch\nCOPY f /\n', ...files },
    { version: '2' },
  )
  assert.match(two.text, /^Step 1\/2 : FROM scratch/)
})

test('directories and OCI layouts of the client', async () => {
  const local = join(daemon.directory, 'local')
  mkdirSync(join(local, 'sub'), { recursive: true })
  writeFileSync(join(local, 'sub/f'), 'local')
  writeFileSync(join(local, 'hidden'), 'hidden')
  writeFileSync(join(local, '.dockerignore'), 'hidden\n')
  const layout = join(daemon.directory, 'layout')
  const image = await writeLayout(layout)
  const build = (input: string, ...args: string[]): ReturnType<TestDaemon['tdocker']> =>
    daemon.command(process.execPath, [CLI, 'build', ...args, '-'], input)

  const given = ['--build-context', `d=${local}`, '--build-context', `o=oci-layout://${layout}`]
  const dockerfile =
    'FROM d AS whole\nFROM o\nCOPY --from=d . /d/\nCOPY --from=whole /sub/f /from-stage\nRUN echo $LAYOUT > /said\n'
  const made = await build(dockerfile, ...given, '-t', 'of-client')
  assert.equal(made.status, 0, made.stderr)
  assert.equal(
    await outputOf(daemon, 'of-client', 'cat /d/sub/f /from-stage /said; ls -A /d'),
    'locallocaltagged\n.dockerignore\nsub\n',
  )
  const pinned = `o=oci-layout://${layout}:other@${image}`
  const other = await build(
    'FROM o\nRUN echo $LAYOUT > /said\n',
    '--build-context',
    pinned,
    '-t',
    'pinned',
  )
  assert.equal(other.status, 0, other.stderr)
  assert.equal(await outputOf(daemon, 'pinned', 'cat /said'), 'pinned\n')
  // Nothing but what was asked for has a name here.
  assert.deepEqual(
    (await daemon.api.get<Array<{ RepoTags: string[] }>>('/images/json')).body
      .flatMap(({ RepoTags }) => RepoTags)
      .filter((tag) => tag.startsWith('layout')),
    [],
  )
  const none = await build('FROM o\n', '--build-context', `o=oci-layout://${layout}:nope`)
  assert.match(none.stderr, /oci-layout .*: no image with the tag nope/)
  const zeros = `sha256:${'0'.repeat(64)}`
  const missing = await build('FROM o\n', '--build-context', `o=oci-layout://${layout}@${zeros}`)
  assert.match(missing.stderr, new RegExp(`oci-layout: ${zeros}: not found`))
})

/** Two images, one with the tag `latest`; answers the digest of the other's manifest. */
async function writeLayout(path: string): Promise<string> {
  const { layers } = await busyboxImage()
  const images = ['tagged', 'pinned'].map((word) =>
    makeImage({ layers, format: 'oci', config: { Env: ['PATH=/bin', `LAYOUT=${word}`] } }),
  )
  mkdirSync(join(path, 'blobs/sha256'), { recursive: true })
  for (const { config, manifest } of images)
    for (const { digest, bytes } of [config, manifest, ...layers])
      writeFileSync(join(path, 'blobs', digest.replace(':', '/')), bytes)
  const manifests = images.map(({ manifest }, at) => ({
    ...descriptorOf(manifest),
    annotations: { 'org.opencontainers.image.ref.name': at === 0 ? 'latest' : 'layout-name:1' },
  }))
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
  writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return images[1]!.manifest.digest
}
