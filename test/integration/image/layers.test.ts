import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { zstdDecompressSync } from 'node:zlib'
import { chainIds } from '@tdocker/oci'
import {
  type Entry,
  type LayerBlob,
  makeImage,
  makeLayer,
  tarOf,
  tarOfDirectory,
} from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import { type TestRegistry, startRegistry } from '../../lib/registry.ts'

const run = promisify(execFile)
let registry: TestRegistry

before(async () => {
  registry = await startRegistry()
})
after(() => registry[Symbol.asyncDispose]())

const layer = async (entries: readonly Entry[]): Promise<LayerBlob> =>
  makeLayer(await tarOf(entries))

/** Pulls an image of these layers (bottom first); its lowers, topmost first. */
async function lowersOf(rig: ImagesRig, name: string, layers: LayerBlob[]): Promise<string[]> {
  const reference = `${registry.host}/${await registry.push(`${name}:1`, makeImage({ layers }))}`
  await rig.pull(reference)
  return (await rig.images.source.resolve(reference)).lowers
}

const directory = (name: string, mode: number, uid: number): Entry => ({
  name,
  type: 'directory',
  mode,
  uid,
  gid: uid,
})

test('a directory without an entry of its own takes the lower one’s metadata', async () => {
  await using rig = await imagesRig()
  const base = await layer([
    directory('private/', 0o700, 1234),
    directory('private/deep/', 0o2750, 1235),
    { name: 'private/deep/old', content: 'old' },
  ])
  const upper = await layer([
    { name: 'private/deep/new', content: 'new' },
    { name: 'fresh/made/here', content: 'x' },
  ])
  const [top = ''] = await lowersOf(rig, 'implicit', [base, upper])
  const deep = await lstat(join(top, 'private/deep'))
  assert.deepEqual([deep.mode & 0o7777, deep.uid, deep.gid], [0o2750, 1235, 1235])
  assert.equal(deep.mtimeMs, 1_700_000_000_000)
  const outer = await lstat(join(top, 'private'))
  assert.deepEqual([outer.mode & 0o7777, outer.uid], [0o700, 1234])
  const fresh = await lstat(join(top, 'fresh/made'))
  assert.deepEqual([fresh.mode & 0o7777, fresh.uid], [0o755, 0])
  const [chain] = chainIds([base.diffId, upper.diffId]).slice(-1)
  const keys = rig.store.all<{ key: string }>('SELECT key FROM layer').map((row) => row.key)
  assert.ok(keys.includes(`chain:${chain}`), keys.join(' '))
  assert.ok(keys.includes(base.diffId))
})

test('the same layer over another base is closed anew', async () => {
  await using rig = await imagesRig()
  const upper = await layer([{ name: 'd/f', content: 'f' }])
  const one = await lowersOf(rig, 'over-one', [await layer([directory('d/', 0o711, 1)]), upper])
  const two = await lowersOf(rig, 'over-two', [await layer([directory('d/', 0o722, 2)]), upper])
  assert.equal((await lstat(join(one[0] ?? '', 'd'))).mode & 0o777, 0o711)
  assert.equal((await lstat(join(two[0] ?? '', 'd'))).mode & 0o777, 0o722)
})

test('whiteouts and opaque directories in between count', async () => {
  await using rig = await imagesRig()
  const base = await layer([
    directory('a/', 0o700, 7),
    directory('b/', 0o700, 7),
    directory('b/c/', 0o700, 7),
  ])
  const middle = await layer([
    { name: '.wh.a' },
    directory('b/', 0o711, 8),
    { name: 'b/.wh..wh..opq' },
  ])
  const upper = await layer([
    { name: 'a/f', content: '' },
    { name: 'b/c/f', content: '' },
  ])
  const [top = ''] = await lowersOf(rig, 'hidden', [base, middle, upper])
  assert.equal((await lstat(join(top, 'a'))).mode & 0o777, 0o755)
  assert.equal((await lstat(join(top, 'b'))).mode & 0o777, 0o711)
  assert.equal((await lstat(join(top, 'b/c'))).mode & 0o777, 0o755)
})

test('a hard link into a lower layer becomes a copy, shared among its links', async () => {
  await using rig = await imagesRig()
  const base = await layer([
    directory('bin/', 0o755, 0),
    { name: 'bin/tool', mode: 0o4755, uid: 3, gid: 4, content: 'tool' },
    { name: 'bin/alias', type: 'symlink', linkname: 'tool' },
  ])
  const upper = await layer([
    directory('bin/', 0o755, 0),
    { name: 'bin/one', type: 'link', linkname: 'bin/tool' },
    { name: 'bin/two', type: 'link', linkname: 'bin/tool' },
    { name: 'bin/three', type: 'link', linkname: 'bin/one' },
    { name: 'bin/soft', type: 'link', linkname: 'bin/alias' },
  ])
  const [top = ''] = await lowersOf(rig, 'links', [base, upper])
  const one = await lstat(join(top, 'bin/one'))
  assert.equal(await readFile(join(top, 'bin/one'), 'utf8'), 'tool')
  assert.deepEqual([one.mode & 0o7777, one.uid, one.gid], [0o4755, 3, 4])
  assert.equal((await lstat(join(top, 'bin/two'))).ino, one.ino)
  assert.equal((await lstat(join(top, 'bin/three'))).ino, one.ino)
  assert.ok((await lstat(join(top, 'bin/soft'))).isSymbolicLink())
})

test('a hard link to nowhere fails the pull and leaves nothing', async () => {
  await using rig = await imagesRig()
  const layers = [
    await layer([{ name: 'f', content: 'f' }]),
    await layer([{ name: 'g', type: 'link', linkname: 'nosuch' }]),
  ]
  await assert.rejects(lowersOf(rig, 'nowhere', layers), /failed to register layer: .*nosuch/)
  assert.deepEqual(await rig.files(), { layers: ['empty'], blobs: [], partials: [] })
})

test('hostile names stay inside the layer', async () => {
  await using rig = await imagesRig()
  const canary = await mkdtemp('/dev/shm/tdocker-canary-')
  try {
    const hostile: Entry[][] = [
      [{ name: '../../../../..' + canary + '/a', content: 'x' }],
      [{ name: canary + '/b', content: 'x' }],
      [
        { name: 'out', type: 'symlink', linkname: canary },
        { name: 'out/c', content: 'x' },
      ],
      [
        { name: 'up', type: 'symlink', linkname: '../../../../../../..' + canary },
        { name: 'up/d', content: 'x' },
        { name: 'up/.wh..wh..opq' },
      ],
      [{ name: 'hard', type: 'link', linkname: '../../../../../etc/passwd' }],
      [{ name: '.wh...', content: '' }],
    ]
    for (const [at, entries] of hostile.entries()) {
      await lowersOf(rig, `hostile-${at}`, [await layer(entries)]).catch((error: unknown) => {
        assert.match(String(error), /failed to register layer/)
      })
    }
    assert.deepEqual((await run('ls', ['-A', canary])).stdout, '')
  } finally {
    await rm(canary, { recursive: true })
  }
})

test('a tree with all that a file system knows comes through unchanged', async () => {
  await using rig = await imagesRig()
  const source = await mkdtemp('/dev/shm/tdocker-tree-')
  try {
    await makeTree(source)
    const tree = makeLayer(await tarOfDirectory(source))
    const [top = ''] = await lowersOf(rig, 'tree', [tree])
    const listing = async (root: string): Promise<string> => {
      const format = '%P %y %m %U %G %s %T@ %n %l\\n'
      const { stdout } = await run('find', [root, '-mindepth', '1', '-printf', format])
      return stdout.split('\n').toSorted().join('\n')
    }
    // Directories' sizes and link counts are the file system's own business.
    const comparable = (text: string): string =>
      text.replaceAll(/ d (\d+ \d+ \d+) \d+ (\S+) \d+ /g, ' d $1 $2 ')
    assert.equal(comparable(await listing(top)), comparable(await listing(source)))
    const xattrs = async (root: string): Promise<string> => {
      const { stdout } = await run('getfattr', ['-R', '-h', '-d', '-m', '^(user|security)', '.'], {
        cwd: root,
      })
      // In the order of the directory, which differs.
      return stdout.split('\n\n').toSorted().join('\n\n')
    }
    assert.equal(await xattrs(top), await xattrs(source))
    assert.equal((await lstat(join(top, 'one'))).ino, (await lstat(join(top, 'two'))).ino)
  } finally {
    await rm(source, { recursive: true })
  }
})

async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, 'sub/sticky'), { recursive: true })
  await chmod(join(root, 'sub/sticky'), 0o1777)
  await writeFile(join(root, 'setuid'), 'x')
  await chown(join(root, 'setuid'), 1000, 1001)
  await chmod(join(root, 'setuid'), 0o6755)
  await writeFile(join(root, 'one'), 'linked')
  await link(join(root, 'one'), join(root, 'two'))
  await symlink('/absolute/../target', join(root, 'symlink'))
  await run('mkfifo', [join(root, 'fifo')])
  await run('mknod', [join(root, 'device'), 'c', '1', '3'])
  await writeFile(join(root, `long-${'n'.repeat(200)}`), 'long name')
  await writeFile(join(root, 'unicode-ä-☃'), 'snow')
  await run('setcap', ['cap_net_raw+ep', join(root, 'one')]).catch(() => {})
  await run('setfattr', ['-n', 'security.test', '-v', 'value', join(root, 'setuid')]).catch(
    () => {},
  )
  await utimes(join(root, 'unicode-ä-☃'), 1, 1234567890.123456)
  await run('touch', ['-d', '2001-02-03 04:05:06.789012345', join(root, 'sub')])
}

test('tar metadata and the compressed blob are kept', async () => {
  await using rig = await imagesRig()
  const made = await layer([{ name: 'f', content: 'content' }])
  const [top = ''] = await lowersOf(rig, 'metadata', [made])
  const metadata = zstdDecompressSync(await readFile(join(top, '../tar-metadata')))
  assert.ok(metadata.length > 0)
  const blob = await readFile(join(rig.dataRoot, 'content/blobs', made.digest.replace(':', '/')))
  assert.deepEqual(blob, made.bytes)
})
