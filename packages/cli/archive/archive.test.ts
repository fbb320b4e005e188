import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { destinationEnd, planCopy, sourceEnd, sourceNames } from './copy-info.ts'
import { packTree } from './pack.ts'
import { encodeHeader } from './tar-header.ts'
import type { TarHeader } from './tar-header.ts'
import { readTar } from './tar-reader.ts'
import { unpackTree } from './unpack.ts'

const scratch = mkdtempSync(join(tmpdir(), 'tdocker-archive-'))
after(() => rmSync(scratch, { recursive: true }))

const fresh = (): string => mkdtempSync(join(scratch, 'd-'))
const same = (name: string): string => name

async function pack(path: string, rename: (name: string) => string = same): Promise<Buffer> {
  return buffer(Readable.from(packTree(path, rename), { objectMode: false }))
}

function listed(tar: Buffer): string[] {
  const { stdout, status, stderr } = spawnSync('tar', ['-tf', '-'], { input: tar })
  assert.equal(status, 0, String(stderr))
  return String(stdout).split('\n').filter(Boolean)
}

/** In pieces of odd sizes: no boundary of the stream may matter. */
async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function tree(): string {
  const root = join(fresh(), 'tree')
  mkdirSync(join(root, 'sub', 'x'.repeat(120)), { recursive: true })
  writeFileSync(join(root, 'file'), 'content', { mode: 0o640 })
  writeFileSync(join(root, 'sub', 'ümlaut'), Buffer.alloc(100_000, 7))
  writeFileSync(join(root, 'sub', 'x'.repeat(120), 'y'.repeat(120)), '')
  linkSync(join(root, 'file'), join(root, 'second'))
  symlinkSync('../nowhere', join(root, 'link'))
  utimesSync(join(root, 'sub'), 1_000_000, 1_000_000)
  return root
}

test('what is packed, the tar program reads, and the other way round', async () => {
  const root = tree()
  const tar = await pack(root)
  const names = listed(tar)
  assert.equal(names[0], 'tree/')
  assert.equal(names.length, 8)
  for (const archive of [
    tar,
    spawnSync('tar', ['-cf', '-', '-C', join(root, '..'), 'tree']).stdout,
  ]) {
    for (const size of [37, 511, 512, 65536]) {
      const out = fresh()
      await unpackTree(readTar(pieces(archive, size)), out, same)
      const { status, stdout } = spawnSync('diff', [
        '-r',
        '--no-dereference',
        join(out, 'tree'),
        root,
      ])
      assert.equal(status, 0, String(stdout))
      assert.equal(readlinkSync(join(out, 'tree', 'link')), '../nowhere')
      assert.equal(lstatSync(join(out, 'tree', 'file')).mode & 0o777, 0o640)
      const inode = (name: string): number => lstatSync(join(out, 'tree', name)).ino
      assert.equal(inode('file'), inode('second'))
      assert.equal(lstatSync(join(out, 'tree', 'sub')).mtimeMs, 1_000_000_000)
    }
  }
})

test('the contents of a directory, by a trailing /.', async () => {
  assert.deepEqual(listed(await pack(`${tree()}/.`)).slice(0, 2), ['./', './file'])
})

const header: TarHeader = {
  name: 'f',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  linkName: '',
  major: 0,
  minor: 0,
}

async function unpackHeaders(root: string, ...headers: Array<Partial<TarHeader>>): Promise<void> {
  const blocks = headers.map((fields) => encodeHeader({ ...header, ...fields }))
  const source = pieces(Buffer.concat([...blocks, Buffer.alloc(1024)]), 700)
  await unpackTree(readTar(source), root, same)
}

test('nothing leaves the directory', async () => {
  const root = fresh()
  await assert.rejects(unpackHeaders(root, { name: '../evil' }), {
    message: `"../evil" is outside of "${root}"`,
  })
  await assert.rejects(
    unpackHeaders(root, { name: 'hard', type: 'link', linkName: '../../etc/passwd' }),
    /is outside of/,
  )
  await assert.rejects(
    unpackHeaders(root, { name: 'out', type: 'symlink', linkName: scratch }, { name: 'out/evil' }),
    /below a link of the same archive/,
  )
  await assert.rejects(
    unpackHeaders(
      root,
      { name: 'out', type: 'symlink', linkName: '/etc' },
      { name: 'hard', type: 'link', linkName: 'out/passwd' },
    ),
    /below a link of the same archive/,
  )
  await unpackHeaders(root, { name: '/absolute' })
  assert.ok(lstatSync(join(root, 'absolute')).isFile())
})

test('a link in the place of a file is replaced, not followed', async () => {
  const root = fresh()
  const outside = join(fresh(), 'canary')
  writeFileSync(outside, 'alive')
  symlinkSync(outside, join(root, 'f'))
  await unpackHeaders(root, { name: 'f' })
  assert.equal(readFileSync(outside, 'utf8'), 'alive')
  assert.ok(lstatSync(join(root, 'f')).isFile())
})

test('directories and other things do not replace each other', async () => {
  const root = fresh()
  mkdirSync(join(root, 'd'))
  writeFileSync(join(root, 'f'), '')
  await assert.rejects(unpackHeaders(root, { name: 'd' }), {
    message: `cannot overwrite directory "${root}/d" with non-directory "${root}"`,
  })
  await assert.rejects(unpackHeaders(root, { name: 'f/', type: 'directory', mode: 0o755 }), {
    message: `cannot overwrite non-directory "${root}/f" with directory "${root}"`,
  })
})

test('a broken archive is an error', async () => {
  const root = fresh()
  const unpack = (bytes: Buffer): Promise<void> =>
    unpackTree(readTar(pieces(bytes, 512)), root, same)
  await assert.rejects(unpack(Buffer.alloc(512, 'x')), /invalid tar header/)
  await assert.rejects(unpack(encodeHeader({ ...header, size: 10 })), /unexpected EOF/)
})

/** Source and destination → directory, and the names of what the archive holds. */
test('where a copy goes', async () => {
  const root = fresh()
  const at = (path: string): string => `${root}/${path}`
  mkdirSync(at('dir'))
  writeFileSync(at('dir/inner'), '')
  writeFileSync(at('file'), '')
  mkdirSync(at('there'))
  symlinkSync('file', at('link'))
  const cases: Array<[from: string, to: string, directory: string, names: string[]]> = [
    ['file', 'there', 'there', ['file']],
    ['file', 'there/', 'there/', ['file']],
    ['file', 'new', '', ['new']],
    ['file', 'dir/inner', 'dir', ['inner']],
    ['dir', 'there', 'there', ['dir/', 'dir/inner']],
    ['dir/', 'there', 'there', ['dir/', 'dir/inner']],
    ['dir/.', 'there', 'there', ['./', './inner']],
    ['dir', 'new', '', ['new/', 'new/inner']],
    ['dir', 'new/', '', ['new/', 'new/inner']],
    ['dir/.', 'new', '', ['new/', 'new/inner']],
    ['link', 'there', 'there', ['link']],
    ['file', 'link', '', ['file']],
  ]
  for (const [from, to, directory, names] of cases) {
    const source = sourceEnd(at(from), false)
    const plan = planCopy(source, destinationEnd(at(to)))
    const found = listed(await pack(source.path, (name) => plan.rename(name)))
    assert.deepEqual(
      [plan.directory, found],
      [directory ? at(directory) : root, names],
      `${from} → ${to}`,
    )
  }
  const plan = (from: string, to: string) => () =>
    planCopy(sourceEnd(at(from), false), destinationEnd(at(to)))
  assert.throws(plan('dir', 'file'), { message: 'cannot copy directory' })
  assert.throws(plan('file', 'new/'), { message: 'no such directory' })
  assert.throws(plan('file', 'no/such'), { message: `stat ${root}/no: no such file or directory` })
  assert.throws(plan('no/such', 'new'), { message: `lstat ${root}/no: no such file or directory` })
  assert.throws(plan('file/', 'new'), { message: 'not a directory' })
})

test('a followed link keeps the name it was asked by', async () => {
  const root = fresh()
  writeFileSync(`${root}/target`, 'x')
  symlinkSync('target', `${root}/link`)
  mkdirSync(`${root}/there`)
  const source = sourceEnd(`${root}/link`, true)
  assert.equal(source.path, `${root}/target`)
  assert.deepEqual(listed(await pack(source.path, sourceNames(source))), ['link'])
})
