/** kill -9 amid volumes being made and taken: afterwards rows and directories agree. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { VolumeListResponse } from '@tdocker/api'
import { busyboxTar, tarOf } from '../lib/image-maker.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start({ busybox: false })
})
after(() => daemon[Symbol.asyncDispose]())

/** Makes, removes and prunes until the daemon is gone; answers the names it was told were made. */
async function storm(round: number, worker: number): Promise<Set<string>> {
  const told = new Set<string>()
  for (let i = 0; ; i++) {
    const name = `v-${round}-${worker}-${i}`
    try {
      await daemon.api.post('/volumes/create', { Name: name })
      told.add(name)
      if (i % 3 === 0) {
        // Not told any more from the moment it is asked for.
        told.delete(name)
        await daemon.api.delete(`/volumes/${name}`)
      }
      if (i % 10 === 9) await daemon.api.post('/volumes/create', {})
      if (i % 20 === 19) await daemon.api.post('/volumes/prune')
    } catch {
      return told
    }
  }
}

test('what was told is there, and nothing is half there', async () => {
  const root = join(daemon.dataRoot, 'volumes')
  for (let round = 0; round < 4; round++) {
    const workers = [0, 1, 2, 3].map((worker) => storm(round, worker))
    await new Promise((resolve) => setTimeout(resolve, 150 + 60 * round))
    await daemon.crash()
    const told = (await Promise.all(workers)).flatMap((names) => [...names])
    // The daemon before may have been killed amid its own restore.
    const before = daemon.log.length
    await daemon.boot()
    await until('the restore', () => daemon.log.slice(before).includes('restored'))
    const { body } = await daemon.api.get<VolumeListResponse>('/volumes')
    const listed = body.Volumes.map(({ Name }) => Name)
    for (const name of told) assert.ok(listed.includes(name), `${name} was told and is gone`)
    const orphans = readdirSync(root).filter((name) => !listed.includes(name))
    assert.deepEqual(orphans, [])
    // A row whose directory was not made in time gets it when it is used.
    const bare = listed.find((name) => !existsSync(join(root, name, '_data')))
    if (bare) {
      assert.equal((await daemon.api.post('/volumes/create', { Name: bare })).status, 201)
      assert.ok(existsSync(join(root, bare, '_data')))
    }
    const pruned = await daemon.api.post<{ VolumesDeleted: string[] }>(
      `/volumes/prune?filters=${encodeURIComponent('{"all":["1"]}')}`,
    )
    assert.deepEqual(pruned.body.VolumesDeleted.toSorted(), listed.toSorted())
    assert.deepEqual(readdirSync(root), [])
  }
})

const FILES = 400

/** busybox with many files in /data. */
async function crowdedTar(): Promise<Buffer> {
  const data = await tarOf([
    { name: 'data/', type: 'directory', mode: 0o750, uid: 33, gid: 44 },
    ...Array.from({ length: FILES }, (_, at) => ({
      name: `data/f${at}`,
      mode: 0o640,
      content: 'x'.repeat(3000),
    })),
  ])
  const base = await busyboxTar()
  return Buffer.concat([base.subarray(0, base.length - 1024), data])
}

test('a volume is filled from the image wholly or not at all', async () => {
  const query = new URLSearchParams({ fromSrc: '-', repo: 'crowded', tag: 'latest' })
  const answer = await daemon.api.request('POST', `/images/create?${query}`, await crowdedTar(), {
    'Content-Type': 'application/x-tar',
  })
  assert.doesNotMatch(answer.text, /"error"/)
  const root = join(daemon.dataRoot, 'volumes')
  const seen = new Set<string>()
  // Later and later, until some were in time.
  for (let round = 0; round < 8 || (!seen.has('full') && round < 60); round++) {
    const creates = [0, 1, 2, 3].map((at) =>
      daemon.api
        .post('/containers/create', {
          Image: 'crowded',
          Cmd: ['true'],
          Volumes: at === 0 ? { '/data': {} } : {},
          HostConfig: { NetworkMode: 'none', Binds: at === 0 ? [] : [`c-${round}-${at}:/data`] },
        })
        .catch(() => undefined),
    )
    await new Promise((resolve) => setTimeout(resolve, 4 + 12 * round))
    await daemon.crash()
    await Promise.all(creates)
    const before = daemon.log.length
    await daemon.boot()
    await until('the restore', () => daemon.log.slice(before).includes('restored'))
    for (const name of readdirSync(root)) {
      const inside = readdirSync(join(root, name)).filter((entry) => entry !== '_data')
      assert.deepEqual(inside, [], name)
      const data = join(root, name, '_data')
      const files = existsSync(data) ? readdirSync(data).length : 0
      assert.ok([0, FILES].includes(files), `${name} has ${files} files`)
      if (files > 0) assert.equal(statSync(data).uid, 33)
      seen.add(files === 0 ? 'empty' : 'full')
    }
  }
  // An empty one is filled the next time.
  const { body } = await daemon.api.get<VolumeListResponse>('/volumes')
  for (const { Name } of body.Volumes.filter((volume) => volume.Name.startsWith('c-'))) {
    const made = await daemon.api.post<{ Id: string }>('/containers/create', {
      Image: 'crowded',
      Cmd: ['true'],
      HostConfig: { NetworkMode: 'none', Binds: [`${Name}:/data`] },
    })
    assert.equal(made.status, 201, made.text)
    assert.equal(readdirSync(join(root, Name, '_data')).length, FILES)
  }
  assert.ok(seen.has('full'), [...seen].join())
})
