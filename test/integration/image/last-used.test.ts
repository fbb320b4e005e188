/** When images were last used, told and acted upon. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import type { ImageLastUsed } from '@tdocker/api'
import { sql } from '@tdocker/engine/store/store.ts'
import { makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { imagesRig } from '../../lib/images-rig.ts'
import { FaultRegistry } from '../../lib/registry.ts'
import { hasProgram, TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

async function lastUse(): Promise<number> {
  const { status, body } = await daemon.api.get<ImageLastUsed[]>('/images/last-used')
  assert.equal(status, 200)
  assert.equal(body.length, 1)
  return Date.parse(body[0]?.LastUsed ?? '')
}

test('a create, a start, a tag and a save are uses; a list and an inspect are none', async () => {
  let last = await lastUse()
  const changes = async (what: string, body: () => Promise<unknown>): Promise<boolean> => {
    await delay(5)
    await body()
    const now = await lastUse()
    const later = now > last
    assert.ok(now >= last, what)
    last = now
    return later
  }
  const body = { Image: 'busybox', Cmd: ['true'], HostConfig: { NetworkMode: 'none' } }
  let id = ''
  const create = async (): Promise<void> => {
    id = (await daemon.api.post<{ Id: string }>('/containers/create', body)).body.Id
  }
  assert.equal(await changes('list', () => daemon.api.get('/images/json')), false)
  assert.equal(await changes('inspect', () => daemon.api.get('/images/busybox/json')), false)
  assert.ok(await changes('create', create))
  assert.ok(await changes('start', () => daemon.api.post(`/containers/${id}/start`)))
  await daemon.wait(id)
  assert.ok(await changes('start', () => daemon.api.post(`/containers/${id}/start`)))
  assert.ok(await changes('tag', () => daemon.api.post('/images/busybox/tag?repo=b&tag=1')))
  assert.ok(await changes('save', () => daemon.api.get('/images/busybox/get')))
  await daemon.api.delete(`/containers/${id}?force=1`)
  // An end in order brings it into the row.
  await daemon.end()
  await daemon.boot()
  assert.equal(await lastUse(), last)
})

test('images --format {{.LastUsed}}, and only where it is asked for', async () => {
  const shown = await daemon.tdocker(
    'images',
    '--format',
    '{{.Repository}} {{.LastUsed}}',
    'busybox',
  )
  assert.deepEqual([shown.status, shown.stderr], [0, ''])
  assert.match(shown.stdout, /^busybox (?:About a|\d+|Less than a) \w+ ago\n$/)
  const json = await daemon.tdocker('images', '--format', 'json')
  assert.doesNotMatch(json.stdout, /LastUsed/)
})

test('image prune --filter unused-for, by our CLI and by docker', async () => {
  const young = await daemon.tdocker('image', 'prune', '-af', '--filter', 'unused-for=1h')
  assert.deepEqual([young.status, young.stdout], [0, 'Total reclaimed space: 0B\n'])
  const bad = await daemon.tdocker('image', 'prune', '-af', '--filter', 'unused-for=long')
  assert.equal(bad.status, 1)
  assert.match(bad.stderr, /invalid value for 'unused-for' filter: "long" is no duration/)
  if (hasProgram('docker')) {
    const docker = await daemon.docker('image', 'prune', '-af', '--filter', 'unused-for=7d')
    assert.deepEqual([docker.status, docker.stdout], [0, 'Total reclaimed space: 0B\n'])
  }
  const old = await daemon.tdocker('image', 'prune', '-af', '--filter', 'unused-for=0s')
  assert.match(old.stdout, /^untagged: busybox:latest$/m)
})

test('only what was not used for so long goes', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  for (const name of ['old', 'young']) {
    const layer = makeLayer(await tarOf([{ name, content: name }]))
    registry.add(`${name}:1`, makeImage({ layers: [layer] }))
    await rig.pull(`${registry.host}/${name}:1`)
  }
  const days = (n: number): number => Date.now() - n * 24 * 3600 * 1000
  const [{ id = '' } = {}] = rig.store.all<{ id: string }>(
    `SELECT image_id AS id FROM image_tag WHERE repository LIKE '%/old'`,
  )
  await rig.store.write([sql`UPDATE image SET last_used_at = ${days(8)} WHERE id = ${id}`])
  const filters = new Map([
    ['dangling', ['false']],
    ['unused-for', ['7d']],
  ])
  // Used a moment ago, which no row says yet.
  await rig.images.source.resolve(`${registry.host}/old:1`, undefined, () => {})
  assert.equal((await rig.images.backend.prune({ filters })).ImagesDeleted, null)
  await rig.restart()
  await rig.store.write([sql`UPDATE image SET last_used_at = ${days(8)} WHERE id = ${id}`])
  const { ImagesDeleted } = await rig.images.backend.prune({ filters })
  assert.ok(ImagesDeleted?.some(({ Deleted }) => Deleted === id))
  assert.equal(rig.images.count(), 1)
})
