import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { loadNative } from '@tdocker/kernel/load-native.ts'
import type { LayerExtractor } from '@tdocker/kernel/native.ts'

import { assertSameTree, describeTree, scratchDir, sh } from './scratch.ts'
import { longName, makeTar, tarEntry } from './tar-maker.ts'

const native = loadNative()

type Extracted = Awaited<ReturnType<LayerExtractor['end']>> & { dir: string }

async function extract(t: TestContext, tar: Buffer, chunk = 1 << 20): Promise<Extracted> {
  const dir = scratchDir(t, 'layer')
  const extractor = native.layerExtractor({ dir })
  for (let at = 0; at < tar.length; at += chunk) {
    await extractor.feed(tar.subarray(at, at + chunk))
  }
  return { ...(await extractor.end()), dir }
}

/** Rebuilds the archive and compares it with the one that was extracted. */
async function assertRebuilds(extracted: Extracted, tar: Buffer): Promise<void> {
  const { dir, metadata } = extracted
  const rebuilder = native.layerRebuilder({ dir, metadata })
  const parts: Buffer[] = []
  for (let part = await rebuilder.read(); part !== undefined; part = await rebuilder.read()) {
    parts.push(part)
  }
  rebuilder.close()
  assert.ok(Buffer.concat(parts).equals(tar), 'rebuilt archive differs')
}

function xattr(path: string, name: string): string {
  return execFileSync('getfattr', ['-h', '--absolute-names', '--only-values', '-n', name, path], {
    encoding: 'utf8',
  })
}

function isWhiteout(path: string): boolean {
  const { rdev } = lstatSync(path)
  return lstatSync(path).isCharacterDevice() && rdev === 0
}

/** A tree with everything in it that a layer may have. */
function sourceTree(t: TestContext, format: string): string {
  const dir = scratchDir(t, 'source')
  sh(
    dir,
    `cp -a /etc/apt /etc/ssl /etc/systemd . && mkdir -p a/b/c long && echo data > a/file && ln a/file a/b/hard
     ln -s /absolute/target a/abs && ln -s ../up a/rel && mkfifo fifo && mknod null c 1 3
     mknod disk b 8 17 && cp /bin/true capable
     chown 1234:5678 a/file && chmod 6755 a/file && chmod 1777 a/b && chown -h 7:8 a/abs
     d=long; for i in 1 2 3 4; do d=$d/$(printf 'n%.0s' {1..90}); mkdir $d; done; echo deep > $d/file
     ln -s $(printf 'l%.0s' {1..150}) long/link; ln $d/file long/hard; echo ü > 'naïve file'
     head -c 2500000 /dev/urandom > big; : > empty`,
  )
  // What each format can say.
  const nanoseconds = format === 'posix' ? '.123456789' : ''
  if (format === 'ustar' || format === 'v7') sh(dir, 'rm -r long null disk fifo')
  if (format === 'posix') {
    sh(
      dir,
      `setcap cap_net_raw+ep capable; setfattr -n user.note -v hello a/file
       setfattr -n user.dir -v world a; setfattr -h -n trusted.link -v t a/abs`,
    )
  }
  sh(dir, `find . -depth -exec touch -h -d '1999-12-31 23:59:59${nanoseconds} UTC' {} +`)
  return dir
}

for (const format of ['posix', 'gnu', 'ustar', 'v7'] as const) {
  for (const chunk of [1 << 20, 777]) {
    test(`what GNU tar packs comes out the same: ${format}, chunks of ${chunk}`, async (t) => {
      const source = sourceTree(t, format)
      const xattrs = format === 'posix' ? `--xattrs --xattrs-include='*'` : ''
      const file = join(scratchDir(t, 'tar'), 'x.tar')
      sh(source, `tar --format=${format} ${xattrs} --sort=name --numeric-owner -cf ${file} .`)
      const tar = readFileSync(file)
      const extracted = await extract(t, tar, chunk)
      const o = { rootTime: false }
      assertSameTree(describeTree(extracted.dir, o), describeTree(source, o))
      assert.deepEqual(extracted.implicitDirs, [])
      assert.deepEqual(extracted.openLinks, [])
      await assertRebuilds(extracted, tar)
    })
  }
}

test('the metadata is small', async (t) => {
  const file = join(scratchDir(t, 'tar'), 'x.tar')
  sh('/', `tar --sort=name -cf ${file} usr/share/doc`)
  const tar = readFileSync(file)
  const extracted = await extract(t, tar)
  const perEntry = extracted.metadata.length / extracted.entries
  t.diagnostic(`${extracted.entries} entries, ${perEntry.toFixed(0)} bytes each`)
  assert.ok(perEntry < 150)
  await assertRebuilds(extracted, tar)
})

test('counts entries and content', async (t) => {
  const tar = makeTar({ name: 'a/', type: '5' }, { name: 'a/f', content: 'hello' })
  const { entries, bytes } = await extract(t, tar)
  assert.deepEqual([entries, bytes], [2, 5])
})

test('an empty stream and an empty archive are empty layers', async (t) => {
  assert.equal((await extract(t, Buffer.alloc(0))).entries, 0)
  assert.equal((await extract(t, makeTar())).entries, 0)
})

test('the end: no zero blocks, one, many, garbage after them', async (t) => {
  const entry = tarEntry({ name: 'f', content: 'x' })
  const ends = [0, 512, 1024, 10240].map((size) => Buffer.alloc(size))
  ends.push(Buffer.concat([Buffer.alloc(1024), Buffer.from('garbage after the end')]))
  for (const end of ends) {
    const tar = Buffer.concat([entry, end])
    await assertRebuilds(await extract(t, tar, 100), tar)
  }
  const unpadded = entry.subarray(0, 513)
  await assertRebuilds(await extract(t, unpadded), unpadded)
})

test('a truncated archive is refused', async (t) => {
  const tar = makeTar({ name: 'f', content: 'x'.repeat(1000) })
  for (const size of [1, 511, 512, 600, 1511]) {
    await assert.rejects(extract(t, tar.subarray(0, size)), { code: 'EBADMSG' }, String(size))
  }
  const header = tarEntry({ name: 'x', type: 'x', content: '12 path=abc\n' })
  await assert.rejects(extract(t, header), { code: 'EBADMSG' })
  await assert.rejects(extract(t, header.subarray(0, 700)), { code: 'EBADMSG' })
})

test('damaged headers are refused', async (t) => {
  const tar = makeTar({ name: 'f', content: 'x' })
  for (const at of [0, 130, 150, 300]) {
    const damaged = Buffer.from(tar)
    damaged[at] = Number(damaged[at]) ^ 1
    await assert.rejects(extract(t, damaged), { code: 'EBADMSG' }, String(at))
  }
  await assert.rejects(extract(t, Buffer.alloc(1024, 'not a tar')), { code: 'EBADMSG' })
  const afterZero = Buffer.concat([Buffer.alloc(512), tar])
  await assert.rejects(extract(t, afterZero), { code: 'EBADMSG' })
})

test('pax overrides name, link, ids, size and time', async (t) => {
  const pax = { path: 'real/näme', uid: '3000000000', gid: '7', mtime: '-1.25', size: '3' }
  const tar = makeTar(
    { name: 'short', pax, content: 'abc', size: 0 },
    { name: 's', type: '2', link: 'x', pax: { linkpath: 'y'.repeat(300) } },
    { name: 'g', type: 'g', content: '16 path=ignored\n' },
    { name: 'plain', content: 'p' },
  )
  // A true size of 3 in a header that says 0 leaves no block for the payload: write one.
  const { dir } = await extract(t, tar)
  const st = statSync(join(dir, 'real/näme'), { bigint: true })
  assert.deepEqual([st.uid, st.gid, st.size], [3000000000n, 7n, 3n])
  assert.equal(st.mtimeNs, -1_250_000_000n)
  assert.equal(readdirSync(dir).sort().join(), 'plain,real,s')
})

test('malformed pax is refused', async (t) => {
  const records = ['x', '5 a=b\n', '99 path=a\n', '0 path=a\n', '9 path\n', '8 =abc\n', '-6 a=b\n']
  for (const content of [...records, '12 path=a\0b\n', '10 size=z\n', '11 mtime=x\n']) {
    const tar = makeTar({ name: 'x', type: 'x', content }, { name: 'f' })
    await assert.rejects(extract(t, tar), { code: 'EBADMSG' }, JSON.stringify(content))
  }
})

test('missing parents are made, reported, and forgotten when their entry comes', async (t) => {
  const tar = makeTar(
    { name: 'a/b/c/file' },
    { name: 'x/y/file' },
    { name: 'a/b', type: '5', mode: 0o700, uid: 5 },
  )
  const { dir, implicitDirs } = await extract(t, tar)
  assert.deepEqual(implicitDirs, ['a', 'a/b/c', 'x', 'x/y'])
  assert.equal(statSync(join(dir, 'a')).mode & 0o7777, 0o755)
  assert.equal(statSync(join(dir, 'a/b')).mode & 0o7777, 0o700)
})

test('hard links into lower layers are reported', async (t) => {
  const tar = makeTar(
    { name: 'new/link', type: '1', link: '/usr/bin/tool' },
    { name: 'other', type: '1', link: './missing' },
    { name: 'other', content: 'now a file' },
  )
  const { openLinks, dir, implicitDirs } = await extract(t, tar)
  assert.deepEqual(openLinks, [['new/link', 'usr/bin/tool']])
  assert.deepEqual(implicitDirs, ['new'])
  assert.equal(readFileSync(join(dir, 'other'), 'utf8'), 'now a file')
})

test('whiteouts become what overlay knows', async (t) => {
  const tar = makeTar(
    { name: 'd/', type: '5' },
    { name: 'd/.wh.gone', uid: 3, gid: 4 },
    { name: 'o/.wh..wh..opq' },
    { name: '.wh..wh.plnk/x', content: 'aufs' },
    { name: '.wh..wh.aufs', content: 'aufs' },
    { name: 'a/.wh..wh.orph/deep/f', content: 'aufs' },
  )
  const extracted = await extract(t, tar)
  const { dir } = extracted
  assert.ok(isWhiteout(join(dir, 'd/gone')))
  assert.equal(lstatSync(join(dir, 'd/gone')).uid, 3)
  assert.equal(xattr(join(dir, 'o'), 'trusted.overlay.opaque'), 'y')
  assert.deepEqual(readdirSync(dir).sort(), ['d', 'o'])
  await assertRebuilds(extracted, tar)
})

test('a whiteout and an entry of the same name: the entry is new, in any order', async (t) => {
  const tar = makeTar(
    { name: '.wh.d1' },
    { name: 'd1', type: '5' },
    { name: 'd2/', type: '5' },
    { name: '.wh.d2' },
    { name: '.wh.d3' },
    { name: 'd3/file' },
    { name: '.wh.f1' },
    { name: 'f1', content: '1' },
    { name: 'f2', content: '2' },
    { name: '.wh.f2' },
  )
  const extracted = await extract(t, tar)
  for (const name of ['d1', 'd2', 'd3']) {
    assert.equal(xattr(join(extracted.dir, name), 'trusted.overlay.opaque'), 'y', name)
  }
  assert.equal(readFileSync(join(extracted.dir, 'f1'), 'utf8'), '1')
  assert.equal(readFileSync(join(extracted.dir, 'f2'), 'utf8'), '2')
  await assertRebuilds(extracted, tar)
})

test('bad whiteouts are refused', async (t) => {
  for (const name of ['.wh.', 'a/.wh.', '.wh..', '.wh...', '.wh.a/b', 'x/.wh.a/b/c']) {
    await assert.rejects(extract(t, makeTar({ name })), { code: 'EBADMSG' }, name)
  }
})

test('a later entry replaces an earlier one', async (t) => {
  const tar = makeTar(
    { name: 'f', content: 'old' },
    { name: 'f', content: 'new', mode: 0o600 },
    { name: 'd/', type: '5' },
    { name: 'd/inner', content: 'x' },
    { name: 'd', type: '2', link: '/etc' },
    { name: 'l', type: '2', link: 'f' },
    { name: 'l/', type: '5' },
    { name: 'keep/', type: '5', mode: 0o700 },
    { name: 'keep/f' },
    { name: 'keep/', type: '5', mode: 0o711 },
  )
  const extracted = await extract(t, tar)
  const { dir, metadata } = extracted
  assert.equal(readFileSync(join(dir, 'f'), 'utf8'), 'new')
  assert.ok(lstatSync(join(dir, 'd')).isSymbolicLink())
  assert.ok(lstatSync(join(dir, 'l')).isDirectory())
  assert.ok(existsSync(join(dir, 'keep/f')))
  assert.equal(statSync(join(dir, 'keep')).mode & 0o777, 0o711)
  assert.throws(() => native.layerRebuilder({ dir, metadata }), { code: 'ENODATA' })
})

test('caps on bytes and entries', async (t) => {
  const tar = makeTar({ name: 'a', content: 'x'.repeat(600) }, { name: 'b', content: 'y' })
  const dir = scratchDir(t, 'layer')
  const limits = [{ maxBytes: 600 }, { maxBytes: 599 }, { maxEntries: 1 }]
  for (const limit of limits) {
    const extractor = native.layerExtractor({ dir, ...limit })
    await assert.rejects(extractor.feed(tar), { code: 'EFBIG' }, JSON.stringify(limit))
    // Nothing goes on after a failure.
    await assert.rejects(extractor.end(), { code: 'EFBIG' })
  }
  const extractor = native.layerExtractor({ dir, maxBytes: 601, maxEntries: 2 })
  await extractor.feed(tar)
  await extractor.end()
})

test('abort ends the work and gives descriptors back', async (t) => {
  const dir = scratchDir(t, 'layer')
  const held = (): string[] => descriptors().filter((path) => path.startsWith(dir))
  const extractor = native.layerExtractor({ dir })
  await extractor.feed(tarEntry({ name: 'f', size: 5000 }))
  assert.notDeepEqual(held(), [])
  extractor.abort()
  await assert.rejects(extractor.feed(makeTar()), { code: 'ECANCELED' })
  assert.deepEqual(held(), [])
})

/** What this process has open. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      // The one of the directory itself.
      return []
    }
  })
}

test('long names of both kinds', async (t) => {
  const long = `${'d'.repeat(200)}/${'f'.repeat(200)}`
  const tar = makeTar(
    longName(long),
    { name: 'cut', content: 'long' },
    longName('t'.repeat(300), 'K'),
    { name: 'link', type: '2', link: 'cut' },
    { name: 'next', content: 'n' },
  )
  const { dir } = await extract(t, tar)
  assert.equal(readFileSync(join(dir, long), 'utf8'), 'long')
  assert.equal(readFileSync(join(dir, 'next'), 'utf8'), 'n')
})

test('damaged metadata is refused', async (t) => {
  const tar = makeTar({ name: 'f', content: 'hello' })
  const { dir, metadata } = await extract(t, tar)
  assert.throws(() => native.layerRebuilder({ dir, metadata: Buffer.from('x') }), {
    code: 'EBADMSG',
  })
  for (let size = 6; size < metadata.length; size++) {
    const rebuilder = native.layerRebuilder({ dir, metadata: metadata.subarray(0, size) })
    await assert.rejects(rebuilder.read(), { code: 'EBADMSG' }, String(size))
    rebuilder.close()
  }
  sh(dir, 'echo more >> f')
  await assert.rejects(native.layerRebuilder({ dir, metadata }).read(), { code: 'ESTALE' })
})

test('speed', async (t) => {
  const file = join(scratchDir(t, 'tar'), 'x.tar')
  sh('/', `tar -cf ${file} usr/lib/python3.11 usr/lib/python3 usr/share/doc`)
  const tar = readFileSync(file)
  const started = performance.now()
  const { entries } = await extract(t, tar)
  const seconds = (performance.now() - started) / 1000
  const megabytes = tar.length / (1 << 20)
  t.diagnostic(`${entries} entries, ${megabytes.toFixed(0)} MB in ${seconds.toFixed(2)} s`)
  // A tenth of what is measured on an idle machine: this is about disasters only.
  assert.ok(entries / seconds > 5000)
})
