/** Attacks on docker cp that need no race. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  create,
  get,
  getError,
  head,
  put,
  remove,
  sleeper,
} from '../integration/archive/archive-rig.ts'
import { makeTar, type TarEntry } from '../integration/kernel/tar-maker.ts'
import { hasProgram, TestDaemon } from '../lib/test-daemon.ts'
import { Canary, OUTSIDE, WRITTEN } from './canary.ts'

let daemon: TestDaemon
let canary: Canary
before(async () => {
  daemon = await TestDaemon.start()
  canary = new Canary(join('/dev/shm', `${daemon.id}-canary`))
})
after(async () => {
  canary[Symbol.dispose]()
  await daemon[Symbol.asyncDispose]()
})

const symlink = (name: string, link: string): TarEntry => ({ name, type: '2', link })
const hardLink = (name: string, link: string): TarEntry => ({ name, type: '1', link })
const file = (name: string): TarEntry => ({ name, content: WRITTEN, mode: 0o777, uid: 5, gid: 5 })

/** Each is unpacked into /tmp. */
function hostileArchives(): TarEntry[][] {
  const out = canary.dir
  const up = `../../../../../../../..${out}`
  return [
    [file(`..${out}/secret`)],
    [file(`${up}/secret`)],
    [file(`a/../../../../..${out}/${WRITTEN}`)],
    [symlink('l', out), file(`l/${WRITTEN}`)],
    [symlink('l', up), file(`l/secret`)],
    [symlink('l', `${out}/secret`), file('l')],
    [symlink('l', out), { name: 'l/', type: '5', mode: 0o777, uid: 9 }],
    [symlink('l', out), { name: 'l', type: '5', mode: 0o777, uid: 9 }],
    [symlink('l', `${out}/secret`), hardLink('h', 'l'), file('h')],
    [hardLink('h', `${out}/secret`), file('h')],
    [hardLink('h', `${up}/secret`), file('h')],
    [symlink('l', '/'), hardLink('h', `l${out}/secret`)],
    [symlink('a', '.'), symlink('a/b', out), file(`b/${WRITTEN}`)],
    [symlink('p', `/proc/${daemon.pid}/root${out}`), file(`p/${WRITTEN}`)],
    [symlink('p', '/proc/self/root'), file(`p${out}/secret`)],
    [{ name: 'x', pax: { path: `${up}/secret` }, content: WRITTEN }],
    [{ name: 'x', type: '2', pax: { linkpath: out } }, file(`x/${WRITTEN}`)],
    [{ name: 'd', type: '3', dev: [8, 0], mode: 0o666 }],
  ]
}

test('archives that would lead out: nothing outside is touched', async () => {
  const running = await sleeper(daemon)
  const host = await sleeper(daemon, { PidMode: 'host' })
  const stopped = await create(daemon, {})
  for (const archive of hostileArchives())
    for (const id of [running, host, stopped]) {
      const { status } = await put(daemon, id, '/tmp', makeTar(...archive))
      assert.ok(status === 200 || status === 500, String(status))
      canary.unharmed()
      await put(daemon, id, '/', makeTar({ name: 'tmp', type: '6' }, { name: 'tmp', type: '5' }))
    }
  for (const id of [running, host, stopped]) await remove(daemon, id)
  canary.unharmed()
})

test('paths that lead out: what they name is inside, or nowhere', async () => {
  const id = await sleeper(daemon)
  const links = makeTar(
    symlink('abs', canary.dir),
    symlink('up', `../../../../..${canary.dir}`),
    symlink('proc', `/proc/${daemon.pid}/root`),
    symlink('self', '/proc/self/root'),
    symlink('file', join(canary.dir, 'secret')),
  )
  await put(daemon, id, '/tmp', links)
  for (const path of [
    '/tmp/abs/secret',
    '/tmp/up/secret',
    `/tmp/proc${canary.dir}/secret`,
    `/tmp/self${canary.dir}/secret`,
    `/../../../..${canary.dir}/secret`,
    `..${canary.dir}/secret`,
    '/tmp/file/',
  ]) {
    assert.notEqual((await head(daemon, id, path)).status, 200, path)
    const answer = await getError(daemon, id, path)
    assert.notEqual(answer.status, 200, path)
    assert.ok(!answer.text.includes(OUTSIDE))
  }
  assert.equal((await head(daemon, id, '/tmp/file')).stat?.linkTarget, join(canary.dir, 'secret'))
  // CVE-2021-41089: the destination's mode is not changed through a link.
  for (const path of ['/tmp/abs', '/tmp/up', '/tmp/proc/tmp', `/tmp/self${canary.dir}`])
    await put(daemon, id, path, makeTar({ name: './', type: '5', mode: 0o777 }, file(WRITTEN)))
  canary.unharmed()
  await remove(daemon, id)
})

test('nothing found in an image is run or loaded', async () => {
  const id = await sleeper(daemon, {}, { User: 'daemon' })
  const touch = join(canary.dir, WRITTEN)
  const program = { mode: 0o755, content: `#!/bin/sh\ntouch ${touch}\n` }
  const names = ['xz', 'bzip2', 'gzip', 'unpigz', 'zstd', 'ps', 'tar'].flatMap((name) => [
    `bin/${name}`,
    `usr/bin/${name}`,
  ])
  const libraries = ['libnss_files.so.2', 'liblzma.so.5', 'libbz2.so.1.0', 'evil.so']
  await put(
    daemon,
    id,
    '/',
    makeTar(
      ...names.map((name) => ({ name, ...program })),
      ...libraries.map((name) => ({ name: `lib/x86_64-linux-gnu/${name}`, ...program })),
      { name: 'etc/ld.so.preload', content: '/lib/x86_64-linux-gnu/evil.so\n' },
      { name: 'etc/nsswitch.conf', content: 'passwd: evil files\ngroup: evil files\n' },
    ),
  )
  const archive = makeTar(file('f'))
  await put(daemon, id, '/tmp', gzipSync(archive), { copyUIDGID: 1 })
  for (const name of ['xz', 'bzip2'].filter(hasProgram)) {
    const packed = spawnSync(name, ['-c'], { input: archive }).stdout
    await put(daemon, id, '/tmp', packed, { copyUIDGID: 1 })
  }
  assert.ok((await get(daemon, id, '/tmp')).length > 1)
  assert.ok(!existsSync(touch))
  canary.unharmed()
  await remove(daemon, id)
})
