/** `--cache-from`: steps out of named images, and out of no others (CVE-2024-24557). */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ImageConfig } from '@tdocker/oci'
import { type NamedImage, archive, dockerEntries } from '../../lib/archive-maker.ts'
import {
  type LayerBlob,
  type MadeImage,
  busyboxImage,
  jsonBlob,
  makeLayer,
  tarOf,
} from '../../lib/image-maker.ts'
import { load } from '../../lib/load-archive.ts'
import { type TestRegistry, startRegistry } from '../../lib/registry.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { built, cachedSteps, outputOf } from './build-rig.ts'

let here: TestDaemon
let elsewhere: TestDaemon
let registry: TestRegistry
before(async () => {
  ;[here, elsewhere, registry] = await Promise.all([
    TestDaemon.start(),
    TestDaemon.start({ busybox: false }),
    startRegistry(),
  ])
  await here.api.post(`/images/busybox/tag?repo=${registry.host}/base&tag=1`)
  await push(here, 'base:1')
})
after(async () => {
  await Promise.all([here, elsewhere, registry].map((each) => each[Symbol.asyncDispose]()))
})

async function push(daemon: TestDaemon, name: string): Promise<void> {
  const { status, text } = await daemon.api.request(
    'POST',
    `/images/${registry.host}/${name.replace(/:.*/, '')}/push?tag=${name.replace(/.*:/, '')}`,
    undefined,
    { 'X-Registry-Auth': 'e30=' },
  )
  assert.equal(status, 200)
  assert.doesNotMatch(text, /"error"/)
}

const uuid = 'cat /proc/sys/kernel/random/uuid'

test('another machine goes on from an image in a registry, by its history', async () => {
  const files = (last: string) => ({
    Dockerfile: `FROM ${registry.host}/base:1\nENV A=1\nRUN ${uuid} > /one\nCOPY f /f\nWORKDIR /srv\nRUN ${last}\n`,
    f: 'file',
  })
  const name = `${registry.host}/app:1`
  const first = await built(here, files(`${uuid} > /two`), { t: name })
  await push(here, 'app:1')
  const cachefrom = JSON.stringify([name])
  const same = await built(elsewhere, files(`${uuid} > /two`), { cachefrom })
  assert.equal(cachedSteps(same), 5, same.text)
  assert.equal(same.id, first.id)
  assert.match(same.text, new RegExp(`Importing cache from ${name}\n`))
  const other = await built(elsewhere, files('cat /one /f > /three'), { cachefrom })
  assert.equal(cachedSteps(other), 4, other.text)
  assert.doesNotMatch(other.text, /Importing/)
  const one = await outputOf(here, first.id, 'cat /one')
  assert.equal(await outputOf(elsewhere, other.id, 'cat /three'), `${one}file`)
  const unnamed = await built(elsewhere, files('cat /one /f > /three'))
  assert.equal(cachedSteps(unnamed), 0, unnamed.text)
})

test('with BUILDKIT_INLINE_CACHE, an image tells exactly what its steps did', async () => {
  const files = (bound: string) => ({
    Dockerfile: `FROM ${registry.host}/base:1\nRUN --mount=type=bind,source=bound,target=/b cat /b > /c; ${uuid} > /one\nRUN true\n`,
    bound,
  })
  const name = `${registry.host}/inline:1`
  const buildargs = '{"BUILDKIT_INLINE_CACHE":"1"}'
  const first = await built(here, files('a'), { t: name, buildargs })
  assert.doesNotMatch(first.text, /not consumed/)
  const again = await built(here, files('a'), { t: name, buildargs })
  assert.equal(again.id, first.id)
  assert.equal(cachedSteps(again), 2)
  await push(here, 'inline:1')
  const cachefrom = `["type=registry,ref=${name}"]`
  const changed = await built(elsewhere, files('b'), { cachefrom })
  assert.equal(cachedSteps(changed), 0, changed.text)
  const same = await built(elsewhere, files('a'), { cachefrom, buildargs })
  assert.equal(cachedSteps(same), 2, same.text)
  assert.equal(same.id, first.id)
})

test('tdocker build --cache-from takes names, several, and the form of buildx', async () => {
  const directory = join(here.directory, 'named')
  mkdirSync(directory)
  writeFileSync(join(directory, 'Dockerfile'), 'FROM busybox\nRUN echo unheard of\n')
  const named = [
    '--cache-from',
    `type=registry,ref=${registry.host}/no:1`,
    '--cache-from',
    'no/a:1,no/b:1',
  ]
  const made = await here.tdocker('build', ...named, directory)
  assert.equal(made.status, 0, made.stderr)
  for (const name of [`${registry.host}/no:1`, 'no/a:1', 'no/b:1'])
    assert.ok(made.stdout.includes(`failed to import cache from ${name}: `), made.stdout)
})

test('an image that cannot be had is told, and no failure', async () => {
  const made = await built(
    here,
    { Dockerfile: 'FROM busybox\nRUN echo unreachable\n' },
    { cachefrom: JSON.stringify([`${registry.host}/none:1`, 'type=gha', 'Not A Name']) },
  )
  assert.match(made.text, /\[Warning\] failed to import cache from .*\/none:1: .*\n/)
  assert.match(made.text, /\[Warning\] cache-from type=gha: /)
  assert.match(made.text, /\[Warning\] failed to import cache from Not A Name: /)
  assert.equal(cachedSteps(made), 0)
})

/** An image with a step more than `base`, whose layer was made by nobody; its base is said in the archive. */
function poisoned(base: MadeImage, command: readonly string[], layer: LayerBlob): MadeImage {
  const config = JSON.parse(base.config.bytes.toString()) as ImageConfig
  return {
    ...base,
    layers: [...base.layers, layer],
    config: jsonBlob(
      {
        ...config,
        parent: base.config.digest,
        container_config: { ...config.config, Cmd: command },
        history: [
          ...(config.history ?? []),
          { created: config.created, created_by: command.join(' ') },
        ],
        rootfs: { type: 'layers', diff_ids: [...config.rootfs.diff_ids, layer.diffId] },
      },
      base.config.mediaType,
    ),
  }
}

test('an image made to look like a step’s result is no cache unless it is named', async () => {
  const base = await busyboxImage()
  const command = ['/bin/sh', '-c', 'echo honest > /f']
  const layer = makeLayer(await tarOf([{ name: 'f', content: 'poisoned\n' }]))
  const evil = poisoned(base, command, layer)
  const images: NamedImage[] = [
    { image: base, tags: ['base:1'] },
    { image: evil, tags: ['evil:1'], parent: base.config.digest },
  ]
  assert.equal((await load(here, await archive(dockerEntries(images)))).error, undefined)
  const files = { Dockerfile: 'FROM base:1\nRUN echo honest > /f\n' }
  for (const cachefrom of ['[]', '["busybox"]']) {
    const made = await built(here, files, { cachefrom })
    assert.equal(await outputOf(here, made.id, 'cat /f'), 'honest\n')
    await here.api.post('/build/prune?all=1')
  }
  const named = await built(here, files, { cachefrom: '["evil:1"]' })
  assert.equal(cachedSteps(named), 1, named.text)
  assert.equal(named.id, evil.config.digest)
  const after = await built(here, files)
  assert.equal(cachedSteps(after), 0, after.text)
  assert.equal(await outputOf(here, after.id, 'cat /f'), 'honest\n')
})
