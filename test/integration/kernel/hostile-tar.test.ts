import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { loadNative } from '@tdocker/kernel/load-native.ts'

import { assertSameTree, describeTree, scratchDir, sh } from './scratch.ts'
import { longName, makeTar, type TarEntry } from './tar-maker.ts'

const native = loadNative()

interface Attack {
  dir: string
  outside: string
  run(entries: readonly TarEntry[]): Promise<{ code: string | undefined; implicitDirs: string[] }>
}

/**
 * A layer directory with a canary beside it. `run` extracts and then asserts that nothing outside the
 * layer was touched in any way: content, owner, mode, times, xattrs, entries.
 */
function attack(t: TestContext): Attack {
  const base = scratchDir(t, 'hostile')
  const dir = join(base, 'layer')
  const outside = join(base, 'outside')
  mkdirSync(dir)
  mkdirSync(join(outside, 'sub'), { recursive: true })
  sh(outside, 'echo secret > canary; echo other > sub/file; setfattr -n user.x -v y canary')
  const before = describeTree(outside)
  const run: Attack['run'] = async (entries) => {
    const extractor = native.layerExtractor({ dir })
    let code: string | undefined
    let implicitDirs: string[] = []
    try {
      await extractor.feed(makeTar(...entries))
      implicitDirs = (await extractor.end()).implicitDirs
    } catch (error) {
      code = (error as NodeJS.ErrnoException).code
      assert.notEqual(code, undefined, String(error))
    }
    assertSameTree(describeTree(outside), before)
    assert.deepEqual(readdirSync(base).sort(), ['layer', 'outside'])
    return { code, implicitDirs }
  }
  return { dir, outside, run }
}

const dirEntry = (name: string, extra: Partial<TarEntry> = {}): TarEntry => ({
  name,
  type: '5',
  mode: 0o755,
  ...extra,
})
const symlink = (name: string, link: string): TarEntry => ({ name, type: '2', link })
const hardLink = (name: string, link: string): TarEntry => ({ name, type: '1', link })

test('names that lead out by dots are refused', async (t) => {
  for (const name of ['../evil', '../outside/canary', 'a/../../evil', './../evil', '..']) {
    const { run } = attack(t)
    assert.equal((await run([{ name, content: 'evil' }])).code, 'EXDEV', name)
    assert.equal((await run([dirEntry(name)])).code, 'EXDEV', name)
    assert.equal((await run([longName(name), { name: 'x' }])).code, 'EXDEV', name)
    assert.equal((await run([{ name: 'x', pax: { path: name } }])).code, 'EXDEV', name)
    assert.equal((await run([hardLink('x', name)])).code, 'EXDEV', name)
  }
})

test('absolute names lie inside', async (t) => {
  const { dir, outside, run } = attack(t)
  const canary = join(outside, 'canary')
  assert.equal((await run([{ name: canary, content: 'evil' }])).code, undefined)
  assert.equal(readFileSync(join(dir, canary), 'utf8'), 'evil')
  assert.equal((await run([{ name: '/../../up', content: 'x' }])).code, undefined)
  assert.ok(existsSync(join(dir, 'up')))
})

test('a file through a symlink to outside lands inside, or nowhere', async (t) => {
  for (const target of ['OUTSIDE', '../outside', '../../../../../../../../OUTSIDE']) {
    for (const second of [
      { name: 'link/canary', content: 'evil' },
      { name: 'link/new', content: 'evil' },
      dirEntry('link/sub', { mode: 0o777, uid: 99 }),
      symlink('link/s', '/etc/passwd'),
      { name: 'link/.wh.canary' },
      { name: 'link/.wh..wh..opq' },
      hardLink('link/hard', 'x'),
      { name: 'link/null', type: '3', dev: [1, 3] as const },
    ]) {
      const { outside, run } = attack(t)
      const link = target.replace('OUTSIDE', outside)
      // A link that leads nowhere inside the layer: as with moby, an error.
      const { code } = await run([{ name: 'x' }, symlink('link', link), second])
      assert.equal(code, 'ENOTDIR', `${link} ${second.name}`)
    }
  }
})

test('a symlink that resolves inside is followed inside', async (t) => {
  const { dir, run } = attack(t)
  const { code } = await run([
    dirEntry('usr/lib'),
    symlink('lib', '/usr/lib'),
    symlink('up', '../../../../usr'),
    { name: 'lib/file', content: '1' },
    { name: 'up/lib/other', content: '2' },
  ])
  assert.equal(code, undefined)
  assert.equal(readFileSync(join(dir, 'usr/lib/file'), 'utf8'), '1')
  assert.equal(readFileSync(join(dir, 'usr/lib/other'), 'utf8'), '2')
})

test('an entry over a symlink replaces the link, not its target', async (t) => {
  for (const second of [
    { name: 'link', content: 'evil', mode: 0o777, uid: 99, pax: { 'SCHILY.xattr.user.x': 'evil' } },
    dirEntry('link', { mode: 0o777, uid: 99, pax: { 'SCHILY.xattr.user.x': 'evil' } }),
    { name: 'link', type: '6', mode: 0o777, uid: 99 },
    { name: 'link', type: '3', dev: [1, 3] as const, uid: 99 },
  ]) {
    for (const target of ['canary', 'sub', 'none']) {
      const { dir, outside, run } = attack(t)
      const { code } = await run([symlink('link', join(outside, target)), second])
      assert.equal(code, undefined)
      assert.ok(!lstatSync(join(dir, 'link')).isSymbolicLink())
      assert.ok(!existsSync(join(outside, 'none')))
    }
  }
})

test('metadata of a symlink entry does not reach its target', async (t) => {
  const { dir, outside, run } = attack(t)
  const { code } = await run([
    {
      ...symlink('link', join(outside, 'canary')),
      mode: 0o777,
      uid: 99,
      mtime: 5,
      pax: { 'SCHILY.xattr.user.x': 'evil', 'SCHILY.xattr.trusted.y': 'mine' },
    },
  ])
  assert.equal(code, undefined)
  assert.equal(lstatSync(join(dir, 'link')).uid, 99)
  assert.equal(Math.floor(lstatSync(join(dir, 'link')).mtimeMs / 1000), 5)
})

test('hard links reach only what the layer itself has', async (t) => {
  const { dir, outside, run } = attack(t)
  const canary = join(outside, 'canary')
  const { code } = await run([
    hardLink('absolute', canary),
    symlink('link', canary),
    hardLink('through', 'link'),
    { name: 'through', content: 'evil', mode: 0o777 },
    hardLink('again', 'link'),
  ])
  assert.equal(code, undefined)
  // A hard link to a symlink is one more name of the symlink.
  assert.equal(readlinkSync(join(dir, 'again')), canary)
  assert.equal(readFileSync(join(dir, 'through'), 'utf8'), 'evil')
  assert.ok(!existsSync(join(dir, 'absolute')))
})

test('a hard link through a symlinked directory stays inside', async (t) => {
  const { dir, outside, run } = attack(t)
  const { code } = await run([symlink('d', outside), hardLink('stolen', 'd/canary')])
  assert.equal(code, undefined)
  assert.ok(!existsSync(join(dir, 'stolen')))
})

test('hard links to directories and to themselves are refused', async (t) => {
  const { run } = attack(t)
  assert.equal((await run([dirEntry('d'), hardLink('x', 'd')])).code, 'EPERM')
  assert.equal((await run([{ name: 'f' }, hardLink('f', './f')])).code, 'EBADMSG')
  assert.equal((await run([hardLink('x', '')])).code, 'EBADMSG')
  assert.equal((await run([hardLink('x', '.')])).code, 'EBADMSG')
})

test('a directory exchanged for a symlink by a later entry does not move what follows', async (t) => {
  const { dir, outside, run } = attack(t)
  const { code } = await run([
    dirEntry('d'),
    { name: 'd/one', content: '1' },
    symlink('d', outside),
    { name: 'd/canary', content: 'evil' },
  ])
  assert.equal(code, 'ENOTDIR')
  assert.ok(lstatSync(join(dir, 'd')).isSymbolicLink())
})

test('times of a directory exchanged for a symlink stay off its target', async (t) => {
  const { outside, run } = attack(t)
  const { code } = await run([
    dirEntry('a'),
    dirEntry('a/sub', { mtime: 5 }),
    symlink('a', outside),
    dirEntry('sub', { mtime: 6 }),
    symlink('sub', join(outside, 'sub')),
  ])
  assert.equal(code, undefined)
})

test('links exchanged while the parent is remembered', async (t) => {
  const { dir, outside, run } = attack(t)
  const { code } = await run([
    dirEntry('real'),
    symlink('loop', '.'),
    { name: 'loop/loop/f', content: '1' },
    symlink('loop/loop', outside),
    { name: 'loop/canary', content: 'evil' },
  ])
  assert.equal(code, 'ENOTDIR')
  assert.ok(existsSync(join(dir, 'f')))
})

test('whiteouts through links and of everything', async (t) => {
  const { outside, run } = attack(t)
  for (const name of ['.wh.', '.wh..', '.wh...', 'a/.wh..', '.wh.a/b', '.wh.a/../../evil']) {
    const { code } = await run([{ name }])
    assert.ok(code === 'EBADMSG' || code === 'EXDEV', `${name} ${code}`)
  }
  assert.equal((await run([symlink('l', outside), { name: '.wh.l' }])).code, undefined)
  assert.equal((await run([{ name: '.wh..wh..opq' }])).code, undefined)
})

test('names with NUL, without anything, too long', async (t) => {
  const { run } = attack(t)
  const code = async (entry: TarEntry): Promise<string | undefined> => (await run([entry])).code
  assert.equal(await code({ name: 'x', pax: { path: 'a\0b' } }), 'EBADMSG')
  assert.equal(
    await code({ name: 'x', type: '2', link: 'y', pax: { linkpath: 'a\0b' } }),
    'EBADMSG',
  )
  assert.equal(await code({ name: '' }), 'EBADMSG')
  assert.equal(await code({ name: 'x', pax: { path: 'n'.repeat(256) } }), 'ENAMETOOLONG')
  assert.equal(await code({ name: 'x', pax: { path: 'deep/'.repeat(900) } }), 'ENAMETOOLONG')
  assert.equal(await code(symlink('x', '')), 'ENOENT')
  assert.equal(
    await code({ ...symlink('x', 'y'), pax: { linkpath: 'l'.repeat(5000) } }),
    'ENAMETOOLONG',
  )
  assert.equal(await code({ name: 'x', pax: { 'SCHILY.xattr.a\0b': 'x' } }), 'EBADMSG')
})

test('sizes that are negative or beyond everything', async (t) => {
  const { run } = attack(t)
  const sizes = ['-1', '9223372036854775807', '99999999999999999999', '1e3', '0x10']
  for (const size of sizes) {
    assert.equal((await run([{ name: 'x', pax: { size } }])).code, 'EBADMSG', size)
  }
  assert.equal((await run([{ name: 'x', size: -1 }])).code, 'EBADMSG')
  assert.equal((await run([{ name: 'x', type: 'x', size: -1 }])).code, 'EBADMSG')
  assert.equal((await run([{ name: 'x', type: 'L', size: 2 << 20 }])).code, 'EBADMSG')
  assert.equal((await run([{ name: 'x', size: 0o77777777777 }])).code, 'EBADMSG')
  // Types without a payload have none, whatever they say.
  assert.equal((await run([dirEntry('d', { size: 999_999 })])).code, undefined)
})

test('owners that do not exist', async (t) => {
  const { run } = attack(t)
  for (const uid of ['4294967295', '4294967296', '-1']) {
    assert.equal((await run([{ name: 'x', pax: { uid } }])).code, 'EINVAL', uid)
    assert.equal((await run([{ name: 'x', pax: { gid: uid } }])).code, 'EINVAL', uid)
  }
})

test('device numbers that do not exist', async (t) => {
  const { run } = attack(t)
  const dev = [0o7777777, 0] as const
  assert.equal((await run([{ name: 'x', type: '3', dev }])).code, 'EINVAL')
})

test('the mount is not steered by xattrs of the archive', async (t) => {
  const { dir, run } = attack(t)
  const names = ['redirect', 'metacopy', 'opaque', 'origin', 'whiteout', 'upper']
  const pax = Object.fromEntries(
    names.map((name) => [`SCHILY.xattr.trusted.overlay.${name}`, '/outside']),
  )
  const { code } = await run([dirEntry('d', { pax }), { name: 'd/f', content: 'x', pax }])
  assert.equal(code, undefined)
  assert.equal(sh(dir, 'getfattr -Rhd -m - .'), '')
})

test('unknown entries and sparse files without their map are refused', async (t) => {
  const { run } = attack(t)
  for (const type of ['V', 'M', 'N', 'D', 'A', '8']) {
    assert.equal((await run([{ name: 'x', type }])).code, 'EOPNOTSUPP', type)
  }
  const sparse = { name: 'x', pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' } }
  assert.equal((await run([sparse])).code, 'EBADMSG')
})

test('a file where a directory is needed', async (t) => {
  const { dir, run } = attack(t)
  assert.equal((await run([{ name: 'f', content: 'x' }, { name: 'f/below' }])).code, 'ENOTDIR')
  assert.equal(readFileSync(join(dir, 'f'), 'utf8'), 'x')
  assert.equal((await run([symlink('loop', 'loop'), { name: 'loop/x' }])).code, 'ELOOP')
})

test('the root itself is not replaced', async (t) => {
  const { dir, outside, run } = attack(t)
  const before = lstatSync(dir)
  for (const name of ['.', './', '/', 'a/..']) {
    assert.equal((await run([dirEntry(name, { mode: 0o777, uid: 5 })])).code, undefined, name)
    assert.equal((await run([symlink(name, outside)])).code, undefined, name)
    assert.equal((await run([{ name, content: 'x' }])).code, undefined, name)
  }
  assert.equal(lstatSync(dir).ino, before.ino)
  assert.equal(lstatSync(dir).mode, before.mode)
  assert.equal(lstatSync(dir).uid, before.uid)
})

test('the layer directory must not be a link', (t) => {
  const { dir, outside } = attack(t)
  const link = join(dirname(dir), 'layer', 'link')
  sh(dir, `ln -s ${outside} link`)
  assert.throws(() => native.layerExtractor({ dir: link }), { code: /ELOOP|ENOTDIR/ })
})

test('random damage never leads out, and ends in an error or a layer', async (t) => {
  const good = makeTar(
    dirEntry('d'),
    { name: 'd/f', content: 'content', pax: { 'SCHILY.xattr.user.a': 'b', mtime: '1.5' } },
    symlink('l', '/d'),
    longName('d/'.repeat(60)),
    { name: 'x', content: 'y' },
    hardLink('h', 'd/f'),
    { name: 'd/.wh.gone' },
  )
  const base = scratchDir(t, 'fuzz')
  sh(base, 'mkdir outside; echo secret > outside/canary')
  const before = describeTree(join(base, 'outside'))
  // A fixed sequence, so that a failure comes again.
  let state = 12345
  const random = (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * below)
  }
  let failures = 0
  for (let round = 0; round < 500; round++) {
    const tar = Buffer.from(good)
    const block = random(tar.length / 512) * 512
    for (let i = 0; i <= random(4); i++) tar[block + random(512)] = random(256)
    if (random(4) > 0) fixChecksum(tar, block)
    const dir = join(base, 'layer')
    mkdirSync(dir)
    const extractor = native.layerExtractor({ dir })
    try {
      const split = random(tar.length)
      await extractor.feed(tar.subarray(0, split))
      await extractor.feed(tar.subarray(split))
      await extractor.end()
    } catch (error) {
      failures++
      assert.equal((error as Error).name, 'KernelError')
    }
    extractor.abort()
    await native.removeTree(dir)
    assert.deepEqual(readdirSync(base), ['outside'], `round ${round}`)
  }
  assertSameTree(describeTree(join(base, 'outside')), before)
  t.diagnostic(`${failures} of 500 refused`)
  assert.ok(failures > 100 && failures < 500)
})

/** Makes a damaged header valid again, so that the damage gets past the checksum. */
function fixChecksum(tar: Buffer, block: number): void {
  const header = tar.subarray(block, block + 512)
  if (header.toString('latin1', 257, 262) !== 'ustar') return
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
}
