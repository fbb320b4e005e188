/** HEAD, GET and PUT of /containers/{id}/archive, on containers that run and that do not. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { hasProgram, TestDaemon } from '../../lib/test-daemon.ts'
import { makeTar } from '../kernel/tar-maker.ts'
import { create, get, getError, head, inside, put, remove, sleeper } from './archive-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const DIRECTORY = 2 ** 31
const SYMLINK = 2 ** 27
const STICKY = 2 ** 20

for (const state of ['running', 'stopped'] as const) {
  const make = (hostConfig: object = {}, body: object = {}): Promise<string> =>
    state === 'running'
      ? sleeper(daemon, hostConfig, body)
      : create(daemon, { HostConfig: { NetworkMode: 'none', ...hostConfig }, ...body })

  test(`${state}: what is told of a path`, async () => {
    const id = await make()
    const passwd = await head(daemon, id, '/etc/passwd')
    assert.equal(passwd.status, 200)
    assert.equal(passwd.stat?.name, 'passwd')
    assert.equal(passwd.stat?.mode, 0o644)
    assert.equal(passwd.stat?.linkTarget, '')
    assert.match(passwd.stat?.mtime ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
    assert.ok((passwd.stat?.size ?? 0) > 10)
    const tmp = await head(daemon, id, '/tmp')
    assert.equal(tmp.stat?.mode, DIRECTORY + STICKY + 0o777)
    const sh = await head(daemon, id, '/bin/sh')
    assert.equal(sh.stat?.mode, SYMLINK + 0o777)
    assert.equal(sh.stat?.linkTarget, '/bin/busybox')
    assert.equal((await head(daemon, id, '/')).stat?.name, '/')
    assert.equal((await head(daemon, id, '/nothing')).status, 404)
    assert.equal((await head(daemon, id, '/etc/passwd/x')).status, 500)
    await remove(daemon, id)
  })

  test(`${state}: names in the archive are those asked for`, async () => {
    const id = await make()
    const names = async (path: string): Promise<string[]> =>
      (await get(daemon, id, path)).map(({ name }) => name)
    const tree = makeTar(
      { name: 'a/', type: '5', mode: 0o750, uid: 7, gid: 8, mtime: 1_000_000_000 },
      { name: 'a/b/', type: '5', mode: 0o755 },
      { name: 'a/b/file', content: 'hello', mode: 0o4711, mtime: 1_000_000_001 },
      { name: 'a/link', type: '2', link: 'b' },
    )
    assert.equal((await put(daemon, id, '/root', tree)).status, 200)
    assert.deepEqual(await names('/root/a'), ['a/', 'a/b/', 'a/b/file', 'a/link'])
    assert.deepEqual(await names('/root/a/'), ['a/', 'a/b/', 'a/b/file', 'a/link'])
    assert.deepEqual(await names('/root/a/.'), ['./', './b/', './b/file', './link'])
    assert.deepEqual(await names('root/../root/a/b'), ['b/', 'b/file'])
    assert.deepEqual(await names('/root/a/link'), ['link'])
    assert.deepEqual(await names('/root/a/link/'), ['link/', 'link/file'])
    assert.deepEqual(await names('/root/a/link/.'), ['./', './file'])
    assert.deepEqual(await names('/root/a/link/file'), ['file'])
    const [a, , file, link] = await get(daemon, id, '/root/a')
    assert.deepEqual([a?.mode, a?.uid, a?.gid], [0o750, 7, 8])
    assert.equal(a?.mtime?.getTime(), 1_000_000_000_000)
    assert.equal(file?.mode, 0o4711)
    assert.equal(file?.content.toString(), 'hello')
    assert.equal(file?.mtime?.getTime(), 1_000_000_001_000)
    assert.equal(link?.type, 'symlink')
    assert.equal(link?.linkname, 'b')
    await remove(daemon, id)
  })

  test(`${state}: the root itself`, async () => {
    const id = await make()
    const names = (await get(daemon, id, '/')).map(({ name }) => name)
    assert.equal(names[0], '/')
    assert.ok(names.includes('/etc/passwd'))
    assert.ok(!names.some((name) => /^\/proc\/./.test(name)))
    assert.ok(!names.some((name) => /^\/sys\/./.test(name)))
    await remove(daemon, id)
  })

  test(`${state}: every kind of entry survives the way in and out`, async () => {
    const id = await make()
    const long = `${'d'.repeat(120)}/${'é'.repeat(60)}`
    const tree = makeTar(
      { name: 'one', content: 'x'.repeat(1000), mode: 0o600, uid: 3_000_000, gid: 4 },
      { name: 'two', type: '1', link: 'one', mode: 0o600, uid: 3_000_000, gid: 4 },
      { name: 'pipe', type: '6', mode: 0o622 },
      { name: 'null', type: '3', dev: [1, 3], mode: 0o666 },
      { name: 'block', type: '4', dev: [7, 99], mode: 0o660 },
      { name: 'x', content: 'long', pax: { path: long } },
      {
        name: 'cap',
        content: 'c',
        pax: { 'SCHILY.xattr.user.note': 'v', mtime: '1500000000.123456789' },
      },
    )
    const answer = await put(daemon, id, '/tmp', tree)
    assert.equal(answer.status, 200, answer.text)
    const entries = new Map((await get(daemon, id, '/tmp/.')).map((entry) => [entry.name, entry]))
    assert.equal(entries.get('./one')?.pax?.['uid'], '3000000')
    assert.deepEqual(
      [entries.get('./two')?.type, entries.get('./two')?.linkname],
      ['link', './one'],
    )
    assert.equal(entries.get('./pipe')?.type, 'fifo')
    assert.equal(entries.get('./pipe')?.mode, 0o622)
    const { type, devmajor, devminor } = entries.get('./null')!
    assert.deepEqual([type, devmajor, devminor], ['character-device', 1, 3])
    assert.equal(entries.get('./block')?.type, 'block-device')
    assert.equal(entries.get(`./${long}`)?.content.toString(), 'long')
    const stat = (await head(daemon, id, '/tmp/cap')).stat
    assert.equal(stat?.mtime, '2017-07-14T02:40:00.123456789Z')
    await remove(daemon, id)
  })

  test(`${state}: volumes, binds and read-only ones`, async () => {
    const id = await make({
      Mounts: [
        { Type: 'volume', Source: `data${state}`, Target: '/deep/data' },
        { Type: 'volume', Source: `ro${state}`, Target: '/ro', ReadOnly: true },
        { Type: 'bind', Source: '/etc/hostname', Target: '/deep/name', ReadOnly: true },
      ],
    })
    const file = makeTar({ name: 'in', content: 'volume' })
    assert.equal((await put(daemon, id, '/deep/data', file)).status, 200)
    const [entry] = await get(daemon, id, '/deep/data/in')
    assert.equal(entry?.content.toString(), 'volume')
    assert.deepEqual(
      (await get(daemon, id, '/deep')).map(({ name }) => name),
      ['deep/', 'deep/data/', 'deep/data/in', 'deep/name'],
    )
    const refused = await put(daemon, id, '/ro', file)
    assert.equal(refused.status, 400)
    assert.equal(refused.body?.message, 'mounted volume is marked read-only')
    const other = await sleeper(daemon, { Binds: [`data${state}:/v`] })
    assert.equal(await inside(daemon, other, 'cat /v/in'), 'volume')
    await remove(daemon, other)
    await remove(daemon, id)
  })

  test(`${state}: a read-only root takes nothing but what goes to its volumes`, async () => {
    const id = await make({ ReadonlyRootfs: true, Binds: [`rw${state}:/v`] })
    const file = makeTar({ name: 'f', content: 'x' })
    const refused = await put(daemon, id, '/tmp', file)
    assert.equal(refused.status, 400)
    assert.equal(refused.body?.message, 'container rootfs is marked read-only')
    assert.equal((await put(daemon, id, '/v', file)).status, 200)
    await remove(daemon, id)
  })

  test(`${state}: where an archive cannot go`, async () => {
    const id = await make()
    const file = makeTar({ name: 'f', content: 'x' })
    const missing = await put(daemon, id, '/nowhere', file)
    assert.equal(missing.status, 404)
    assert.equal(missing.body?.message, `Could not find the file /nowhere in container ${id}`)
    const notDirectory = await put(daemon, id, '/etc/passwd', file)
    assert.equal(notDirectory.status, 400)
    assert.equal(notDirectory.body?.message, 'extraction point is not a directory')
    const nothing = await getError(daemon, id, '/nowhere')
    assert.equal(nothing.status, 404)
    assert.equal(nothing.body.message, `Could not find the file /nowhere in container ${id}`)
    const unnamed = await getError(daemon, id, '')
    assert.equal(unnamed.status, 400)
    assert.equal(unnamed.body.message, 'bad parameter: path cannot be empty')
    assert.equal((await getError(daemon, 'nobody', '/')).body.message, 'No such container: nobody')
    await remove(daemon, id)
  })

  test(`${state}: directories and others replace each other only when they may`, async () => {
    const id = await make()
    const dir = makeTar({ name: 'd/', type: '5' }, { name: 'd/f', content: '1' })
    const file = makeTar({ name: 'd', content: 'file' })
    await put(daemon, id, '/tmp', dir)
    const kept = await put(daemon, id, '/tmp', file, { noOverwriteDirNonDir: 1 })
    assert.equal(kept.status, 500)
    assert.equal(kept.body?.message, 'cannot overwrite directory "d" with non-directory "/tmp"')
    assert.equal((await put(daemon, id, '/tmp', file)).status, 200)
    assert.equal((await head(daemon, id, '/tmp/d')).stat?.mode, 0o644)
    const again = await put(daemon, id, '/tmp', dir, { noOverwriteDirNonDir: 'true' })
    assert.equal(again.body?.message, 'cannot overwrite non-directory "d" with directory "/tmp"')
    await remove(daemon, id)
  })

  test(`${state}: owners are the container's user's when asked for`, async () => {
    const id = await make({}, { User: 'daemon' })
    const file = makeTar({ name: 'f', content: 'x', uid: 55, gid: 66 })
    await put(daemon, id, '/tmp', file, { copyUIDGID: 1 })
    const [mapped] = await get(daemon, id, '/tmp/f')
    assert.deepEqual([mapped?.uid, mapped?.gid], [1, 1])
    await put(daemon, id, '/tmp', file)
    const [plain] = await get(daemon, id, '/tmp/f')
    assert.deepEqual([plain?.uid, plain?.gid], [55, 66])
    await remove(daemon, id)
  })

  test(`${state}: compressed archives, empty and damaged ones`, async () => {
    const id = await make()
    const tar = (name: string): Buffer => makeTar({ name, content: name })
    const bodies: Array<[string, Buffer]> = [
      ['gz', gzipSync(tar('gz'))],
      ['zst', zstdCompressSync(tar('zst'))],
    ]
    for (const name of ['xz', 'bzip2'].filter(hasProgram))
      bodies.push([name, spawnSync(name, ['-c'], { input: tar(name) }).stdout])
    for (const [name, body] of bodies) {
      const answer = await put(daemon, id, '/tmp', body)
      assert.equal(answer.status, 200, answer.text)
      assert.equal((await get(daemon, id, `/tmp/${name}`))[0]?.content.toString(), name)
    }
    assert.equal((await put(daemon, id, '/tmp', Buffer.alloc(0))).status, 200)
    assert.equal((await put(daemon, id, '/tmp', Buffer.alloc(700, 1))).status, 500)
    for (const [name, body] of bodies.slice(2)) {
      const answer = await put(daemon, id, '/tmp', body.subarray(0, body.length - 30))
      assert.equal(answer.status, 500, name)
    }
    const cut = makeTar({ name: 'cut', content: 'x'.repeat(5000) }).subarray(0, 2000)
    const answer = await put(daemon, id, '/tmp', cut)
    assert.equal(answer.status, 500)
    assert.equal(answer.body?.message, 'unexpected EOF')
    await remove(daemon, id)
  })
}

test('a process sees what is copied in at once, and its own files are copied out', async () => {
  const id = await sleeper(daemon, { Tmpfs: { '/scratch': '' } })
  await put(daemon, id, '/scratch', makeTar({ name: 'in', content: 'one' }))
  assert.equal(await inside(daemon, id, 'cat /scratch/in'), 'one')
  await inside(daemon, id, 'echo two > /scratch/out')
  assert.equal((await get(daemon, id, '/scratch/out'))[0]?.content.toString(), 'two\n')
  await remove(daemon, id)
})

test('a paused container is copied from and to', async () => {
  const id = await sleeper(daemon)
  assert.equal((await daemon.api.post(`/containers/${id}/pause`)).status, 204)
  assert.equal((await put(daemon, id, '/tmp', makeTar({ name: 'f', content: 'p' }))).status, 200)
  assert.equal((await get(daemon, id, '/tmp/f'))[0]?.content.toString(), 'p')
  await daemon.api.post(`/containers/${id}/unpause`)
  await remove(daemon, id)
})

test('what is copied before a start is there after it, and after a stop', async () => {
  const id = await create(daemon, {
    Cmd: ['sh', '-c', 'cat /tmp/f; echo more >> /tmp/f'],
    HostConfig: { NetworkMode: 'none' },
  })
  await put(daemon, id, '/tmp', makeTar({ name: 'f', content: 'first\n' }))
  await daemon.api.post(`/containers/${id}/start`)
  assert.equal(await daemon.wait(id), 0)
  assert.equal(await daemon.logs(id), 'first\n')
  assert.equal((await get(daemon, id, '/tmp/f'))[0]?.content.toString(), 'first\nmore\n')
  await remove(daemon, id)
})

test('events are those of Docker', async () => {
  const since = Date.now() / 1000
  const id = await create(daemon, {}, 'eventful')
  await put(daemon, id, '/tmp', makeTar({ name: 'f', content: 'x' }))
  await get(daemon, id, '/tmp/f')
  await head(daemon, id, '/tmp/f')
  const until = Date.now() / 1000 + 0.001
  const query = new URLSearchParams({
    since: since.toFixed(6),
    until: until.toFixed(6),
    filters: JSON.stringify({ container: [id] }),
  })
  const { text } = await daemon.api.get(`/events?${query}`)
  const actions = text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { Action: string }).Action)
  assert.deepEqual(actions, ['create', 'extract-to-dir', 'archive-path'])
  await remove(daemon, id)
})
