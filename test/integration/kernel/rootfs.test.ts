import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { loadNative } from '@tdocker/kernel/load-native.ts'

import { assertSameTree, describeTree, scratchDir, sh } from './scratch.ts'

const native = loadNative()

/** A root with a canary outside that nothing may touch or see. */
function rootWithCanary(t: TestContext): { dir: string; root: string; canary: string; fd: number } {
  const dir = scratchDir(t, 'rootfs')
  const root = join(dir, 'root')
  const canary = join(dir, 'canary')
  mkdirSync(root)
  writeFileSync(canary, 'secret')
  const fd = native.openRoot(root)
  t.after(() => native.closeFd(fd))
  return { dir, root, canary, fd }
}

test('the root must be a directory', (t) => {
  const { canary } = rootWithCanary(t)
  assert.throws(() => native.openRoot(canary), { code: 'ENOTDIR', path: canary })
})

test('a file is read through links that stay inside', async (t) => {
  const { root, fd } = rootWithCanary(t)
  mkdirSync(join(root, 'etc'))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0')
  fs.symlinkSync('/etc/passwd', join(root, 'link'))
  fs.symlinkSync('../../../etc', join(root, 'etc/up'))
  for (const path of ['etc/passwd', '/etc/passwd', 'link', '/etc/up/passwd', '../../etc/passwd']) {
    const content = await native.readFileIn({ root: fd, path, max: 100 })
    assert.equal(content.toString(), 'root:x:0:0', path)
  }
})

test('nothing outside is read', async (t) => {
  const { root, fd, canary } = rootWithCanary(t)
  fs.symlinkSync(canary, join(root, 'absolute'))
  fs.symlinkSync('../canary', join(root, 'relative'))
  fs.symlinkSync('/proc/self/root', join(root, 'magic'))
  for (const path of ['absolute', 'relative', '../canary', `magic${canary}`, canary]) {
    await assert.rejects(native.readFileIn({ root: fd, path, max: 100 }), { code: 'ENOENT' }, path)
  }
  const proc = native.openRoot('/proc/self')
  const magic = native.readFileIn({ root: proc, path: 'exe', max: 100 })
  await assert.rejects(magic, { code: 'ELOOP' })
  native.closeFd(proc)
})

test('only plain files of a bounded size are read', async (t) => {
  const { root, fd } = rootWithCanary(t)
  execFileSync('mkfifo', [join(root, 'fifo')])
  execFileSync('mknod', [join(root, 'zero'), 'c', '1', '5'])
  writeFileSync(join(root, 'ten'), '0123456789')
  writeFileSync(join(root, 'empty'), '')
  for (const path of ['fifo', 'zero', '.']) {
    await assert.rejects(native.readFileIn({ root: fd, path, max: 9 }), { code: 'EINVAL' }, path)
  }
  await assert.rejects(native.readFileIn({ root: fd, path: 'ten', max: 9 }), { code: 'EFBIG' })
  assert.equal((await native.readFileIn({ root: fd, path: 'ten', max: 10 })).length, 10)
  assert.equal((await native.readFileIn({ root: fd, path: 'empty', max: 0 })).length, 0)
  const proc = native.openRoot('/proc')
  const cmdline = await native.readFileIn({ root: proc, path: 'version', max: 4096 })
  assert.match(cmdline.toString(), /^Linux version/)
  await assert.rejects(native.readFileIn({ root: proc, path: 'version', max: 5 }), {
    code: 'EFBIG',
  })
  native.closeFd(proc)
})

test('stat tells type, ids and times, and follows only when asked', async (t) => {
  const { root, fd } = rootWithCanary(t)
  writeFileSync(join(root, 'file'), 'abc')
  fs.chownSync(join(root, 'file'), 12, 4_000_000_000)
  fs.chmodSync(join(root, 'file'), 0o4755)
  fs.symlinkSync('/file', join(root, 'link'))
  execFileSync('touch', ['-d', '2001-02-03 04:05:06.123456789 UTC', join(root, 'file')])
  execFileSync('mknod', [join(root, 'null'), 'c', '1', '3'])
  const file = await native.statIn({ root: fd, path: 'file' })
  assert.deepEqual(file, {
    type: 'file',
    mode: 0o4755,
    uid: 12,
    gid: 4_000_000_000,
    size: 3,
    mtimeNs: 981173106123456789n,
    rdev: 0,
  })
  const link = await native.statIn({ root: fd, path: 'link' })
  assert.equal(link?.type, 'symlink')
  assert.equal(link?.linkTarget, '/file')
  assert.deepEqual(await native.statIn({ root: fd, path: 'link', follow: true }), file)
  const device = await native.statIn({ root: fd, path: 'null' })
  assert.equal(device?.type, 'char')
  assert.equal(device?.rdev, 0x103)
  assert.equal(await native.statIn({ root: fd, path: 'none' }), undefined)
  assert.equal(await native.statIn({ root: fd, path: 'file/below' }), undefined)
  assert.equal((await native.statIn({ root: fd, path: '' }))?.type, 'directory')
})

test('mkdir makes what is missing with exact mode and owner', async (t) => {
  const { root, fd } = rootWithCanary(t)
  mkdirSync(join(root, 'a'), { mode: 0o700 })
  await native.mkdirIn({ root: fd, path: '/a//b/./c', mode: 0o2777, uid: 5, gid: 6 })
  assert.equal(statSync(join(root, 'a')).mode & 0o7777, 0o700)
  for (const path of ['a/b', 'a/b/c']) {
    const { mode, uid, gid } = statSync(join(root, path))
    assert.deepEqual([mode & 0o7777, uid, gid], [0o2777, 5, 6], path)
  }
  await native.mkdirIn({ root: fd, path: 'a/b/c', mode: 0o700 })
  assert.equal(statSync(join(root, 'a/b/c')).mode & 0o7777, 0o2777)
  writeFileSync(join(root, 'file'), '')
  await assert.rejects(native.mkdirIn({ root: fd, path: 'file/x', mode: 0o755 }), {
    code: 'ENOTDIR',
  })
})

test('mkdir through links stays inside and makes dangling targets', async (t) => {
  const { dir, root, fd } = rootWithCanary(t)
  fs.symlinkSync(dir, join(root, 'out'))
  fs.symlinkSync('../../made', join(root, 'up'))
  fs.symlinkSync('loop', join(root, 'loop'))
  await native.mkdirIn({ root: fd, path: 'out/x', mode: 0o755 })
  await native.mkdirIn({ root: fd, path: 'up/y', mode: 0o755 })
  await native.mkdirIn({ root: fd, path: '../../z', mode: 0o755 })
  await assert.rejects(native.mkdirIn({ root: fd, path: 'loop/x', mode: 0o755 }), { code: 'ELOOP' })
  assert.deepEqual(readdirSync(dir).sort(), ['canary', 'root'])
  assert.ok(existsSync(join(root, dir, 'x')))
  assert.ok(existsSync(join(root, 'made/y')))
  assert.ok(existsSync(join(root, 'z')))
})

/** Every kind of entry, with everything an entry can have. */
function fillTree(dir: string): void {
  sh(
    dir,
    `mkdir -p sub/deep empty && echo hello > sub/file && chown 7:8 sub/file && chmod 4751 sub/file
     ln sub/file sub/deep/hard && ln -s /etc/passwd abs && ln -s nowhere dangling && chown -h 3:4 abs
     mkfifo fifo && mknod null c 1 3 && mknod block b 7 99 && chmod 640 null
     python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('sock')"
     setfattr -n user.a -v 1 sub/file && setfattr -n user.d -v 2 sub && setfattr -h -n trusted.t -v 3 abs
     cp /bin/true capable && setcap cap_net_raw+ep capable
     truncate -s 10M sparse && printf x | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
     head -c 3000000 /dev/urandom > big && chmod 2770 sub && chmod 1777 empty
     find . -depth -exec touch -h -d '2003-04-05 06:07:08.987654321 UTC' {} +`,
  )
}

test('a tree is copied with all its metadata', async (t) => {
  const { dir, root, fd } = rootWithCanary(t)
  mkdirSync(join(root, 'src'), { mode: 0o711 })
  fs.chownSync(join(root, 'src'), 99, 98)
  fillTree(join(root, 'src'))
  const copy = join(dir, 'copy')
  mkdirSync(copy)
  const dest = native.openRoot(copy)
  const totals = await native.copyTree({ root: fd, path: 'src', dest })
  native.closeFd(dest)
  assertSameTree(describeTree(copy), describeTree(join(root, 'src')))
  assert.equal(totals.entries, 14)
  assert.equal(sh(copy, 'stat -c %i sub/file'), sh(copy, 'stat -c %i sub/deep/hard'))
  assert.ok(statSync(join(copy, 'sparse')).blocks < 100)
})

test('a copy follows the link that names the tree, inside the root only, and none below', async (t) => {
  const { dir, root, fd, canary } = rootWithCanary(t)
  mkdirSync(join(root, 'data'))
  writeFileSync(join(root, 'data/f'), 'inside')
  fs.symlinkSync(dir, join(root, 'data/out'))
  fs.symlinkSync('/data', join(root, 'link'))
  fs.symlinkSync(dir, join(root, 'escape'))
  const copy = join(dir, 'copy')
  mkdirSync(copy)
  const dest = native.openRoot(copy)
  await assert.rejects(native.copyTree({ root: fd, path: 'escape', dest }), { code: 'ENOENT' })
  await native.copyTree({ root: fd, path: 'link', dest })
  native.closeFd(dest)
  assert.equal(fs.readlinkSync(join(copy, 'out')), dir)
  assert.equal(readFileSync(join(copy, 'f'), 'utf8'), 'inside')
  assert.equal(readFileSync(canary, 'utf8'), 'secret')
})

test('a tree is not copied into itself', async (t) => {
  const { root } = rootWithCanary(t)
  // On a file system of its own, which a copy without an end would fill instead of the machine's memory.
  sh(root, 'mount -t tmpfs -o size=1m,nr_inodes=200 tmpfs . && cd "$PWD" && mkdir -p a/dest')
  const source = native.openRoot(root)
  const dest = native.openRoot(join(root, 'a/dest'))
  try {
    await assert.rejects(native.copyTree({ root: source, path: '', dest }), { code: 'EINVAL' })
    await assert.rejects(native.copyTree({ root: source, path: 'a/dest', dest }), {
      code: 'EINVAL',
    })
  } finally {
    native.closeFd(source)
    native.closeFd(dest)
    execFileSync('umount', ['-l', root])
  }
})

/** `levels` directories in each other: far beyond PATH_MAX and the number of descriptors. */
function makeDeep(dir: string, levels: number): void {
  const program = `import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    os.mkdir('directory'); os.chdir('directory')
open('bottom', 'w').write('x')`
  execFileSync('python3', ['-c', program, dir, String(levels)])
}

test('deep trees are measured, copied and removed', async (t) => {
  const { dir, root, fd } = rootWithCanary(t)
  makeDeep(root, 5000)
  assert.equal((await native.treeSize(root)).entries, 5001)
  const copy = join(dir, 'copy')
  mkdirSync(copy)
  const dest = native.openRoot(copy)
  assert.equal((await native.copyTree({ root: fd, path: '', dest })).entries, 5001)
  native.closeFd(dest)
  await native.removeTree(copy)
  assert.ok(!existsSync(copy))
  await native.removeTree(root)
  assert.ok(!existsSync(root))
})

test('removal follows no links and minds no missing tree', async (t) => {
  const { dir, root, canary } = rootWithCanary(t)
  const other = join(dir, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'kept'), '')
  mkdirSync(join(root, 'a'))
  fs.symlinkSync(other, join(root, 'a/dir'))
  fs.symlinkSync(canary, join(root, 'a/file'))
  await native.removeTree(root)
  await native.removeTree(root)
  fs.symlinkSync(other, root)
  await native.removeTree(`${root}/`)
  assert.deepEqual(readdirSync(other), ['kept'])
  assert.deepEqual(readdirSync(dir).sort(), ['canary', 'other'])
})

test('several removals of one tree at once', async (t) => {
  const { root } = rootWithCanary(t)
  sh(root, 'for i in $(seq 30); do mkdir -p d$i/e; touch d$i/e/$(seq -s " d$i/" 50); done')
  await Promise.all(Array.from({ length: 4 }, () => native.removeTree(root)))
  assert.ok(!existsSync(root))
})

test('immutable files do not stop a removal', async (t) => {
  const { root } = rootWithCanary(t)
  mkdirSync(join(root, 'd'))
  writeFileSync(join(root, 'd/f'), '')
  try {
    execFileSync('chattr', ['+i', join(root, 'd/f'), join(root, 'd')], { stdio: 'ignore' })
  } catch {
    return t.skip('no chattr here')
  }
  await native.removeTree(root)
  assert.ok(!existsSync(root))
})

test('sizes count hard links once and stay on the file system', async (t) => {
  const { root } = rootWithCanary(t)
  writeFileSync(join(root, 'a'), Buffer.alloc(8192, 1))
  fs.linkSync(join(root, 'a'), join(root, 'b'))
  const { bytes, entries } = await native.treeSize(root)
  assert.deepEqual([bytes, entries], [8192, 2])
  await assert.rejects(native.treeSize(join(root, 'none')), { code: 'ENOENT' })
})

test('syncFs reaches the file system of a path', async (t) => {
  const { root } = rootWithCanary(t)
  await native.syncFs(root)
  await assert.rejects(native.syncFs(join(root, 'none')), { code: 'ENOENT', syscall: 'open' })
})

// ---- overlay ----

function layers(t: TestContext, count: number): { dir: string; lowers: string[] } {
  const dir = scratchDir(t, 'overlay')
  const lowers = Array.from({ length: count }, (_, index) => join(dir, `l${index}`))
  for (const [index, lower] of lowers.entries()) {
    mkdirSync(lower)
    writeFileSync(join(lower, 'same'), `layer ${index}`)
    writeFileSync(join(lower, `only${index}`), '')
  }
  mkdirSync(join(dir, 'upper'))
  mkdirSync(join(dir, 'work'))
  return { dir, lowers }
}

function mountCount(): number {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length
}

for (const classic of [false, true]) {
  const way = classic ? 'by mount(2)' : 'by lowerdir+'
  test(`an overlay shows its layers, topmost first, and mounts nothing on the host, ${way}`, async (t) => {
    const { dir, lowers } = layers(t, 3)
    const before = mountCount()
    const options = { lowers, upper: join(dir, 'upper'), work: join(dir, 'work'), classic }
    const fd = await native.overlayOpen(options)
    const same = await native.readFileIn({ root: fd, path: 'same', max: 100 })
    assert.equal(same.toString(), 'layer 0')
    assert.ok(await native.statIn({ root: fd, path: 'only2' }))
    writeFileSync(`/proc/self/fd/${fd}/new`, 'written')
    assert.equal(mountCount(), before)
    native.closeFd(fd)
    assert.equal(readFileSync(join(dir, 'upper/new'), 'utf8'), 'written')
  })
}

for (const classic of [false, true]) {
  const way = classic ? 'by mount(2)' : 'by lowerdir+'
  test(`one layer without an upper, also one with whiteouts, ${way}`, async (t) => {
    const { lowers } = layers(t, 1)
    execFileSync('mknod', [join(String(lowers[0]), 'gone'), 'c', '0', '0'])
    const options = { lowers, classic }
    const fd = await native.overlayOpen(options)
    assert.ok(await native.statIn({ root: fd, path: 'same' }))
    assert.equal(await native.statIn({ root: fd, path: 'gone' }), undefined)
    assert.throws(() => writeFileSync(`/proc/self/fd/${fd}/new`, ''), { code: 'EROFS' })
    native.closeFd(fd)
  })

  test(`many layers with long names, ${way}`, async (t) => {
    const { dir, lowers } = layers(t, 128)
    const long = join(dir, 'x'.repeat(200), 'y'.repeat(200))
    mkdirSync(long, { recursive: true })
    writeFileSync(join(long, 'far'), '')
    const options = { lowers: [...lowers, long], classic }
    const fd = await native.overlayOpen(options)
    assert.ok(await native.statIn({ root: fd, path: 'far' }))
    assert.ok(await native.statIn({ root: fd, path: 'only127' }))
    native.closeFd(fd)
  })
}

test('a volatile upper can be mounted again', async (t) => {
  const { dir, lowers } = layers(t, 1)
  const options = { lowers, upper: join(dir, 'upper'), work: join(dir, 'work') }
  for (const isVolatile of [true, true, false]) {
    const fd = await native.overlayOpen({ ...options, volatile: isVolatile })
    native.closeFd(fd)
  }
})

test('a missing layer fails with its path', async (t) => {
  const { dir, lowers } = layers(t, 1)
  const missing = join(dir, 'missing')
  await assert.rejects(native.overlayOpen({ lowers: [...lowers, missing] }), {
    name: 'KernelError',
    code: 'ENOENT',
    path: missing,
  })
})
