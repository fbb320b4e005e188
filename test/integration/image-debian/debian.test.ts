/** A whole Debian through a real registry: every file of the container is the file it was. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { debianTar } from '../../lib/debian.ts'
import { makeImage, makeLayer, tarOfDirectory } from '../../lib/image-maker.ts'
import { startRegistry, type TestRegistry } from '../../lib/registry.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

/** What real trees have, and what few unpackers get right, below /opt/odd. */
const ODDITIES = `
  mkdir "$1/opt/odd"; cd "$1/opt/odd"
  cp ../../usr/bin/id suid; chmod 4755 suid
  cp suid owned; chown 1000:2000 owned; chmod 6755 owned
  echo linked > one; ln one two; mkdir deep; ln one deep/three
  ln -s /nowhere/at/all dangling; chown -h 12:34 dangling
  ln -s one symlink; ln symlink symlink-hard
  mkfifo -m 0620 fifo; mknod -m 0604 null c 1 3
  mkdir -m 3771 sticky; mkdir -m 0000 locked; echo no > locked/inside; chmod 0000 locked/inside
  : > empty; truncate -s 1M holes; printf x >> holes
  echo a > "$(printf 'new\\nline')"; echo b > 'sp ace*?['; echo c > 'ünïcode'
  echo d > "$(printf 'latin\\351')"; echo e > "$(printf '%0250d' 7)"
  chown 4000000:4000001 empty
  setfattr -n user.note -v 'some text' one; setfattr -n user.binary -v 0x00ff00 sticky
  setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 suid
  touch -hd '1969-12-31 12:00:00 UTC' empty dangling
  touch -d '2040-02-03 04:05:06.123456789 UTC' one sticky
  touch -d '1999-01-01 00:00:00.000000001 UTC' locked deep`

let source: string
let registry: TestRegistry
let daemon: TestDaemon
let image: string
/** A container that sleeps, and its root as the host sees it. */
let container: string
let rootfs: string

before(async () => {
  source = mkdtempSync('/dev/shm/tdocker-debian-')
  execFileSync('tar', ['--numeric-owner', '--xattrs', '-xpf', '-', '-C', source], {
    input: debianTar(),
  })
  execFileSync('sh', ['-ec', ODDITIES, 'sh', source])
  // What debootstrap made of the machine's own; a container gets its own.
  for (const name of ['hosts', 'hostname', 'resolv.conf'])
    rmSync(join(source, 'etc', name), { force: true })
  registry = await startRegistry()
  const made = makeImage({
    layers: [makeLayer(await tarOfDirectory(source))],
    config: { Cmd: ['bash'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin'] },
  })
  image = `${registry.host}/${await registry.push('test/debian:12', made)}`
  daemon = await TestDaemon.start({ busybox: false })
  const pulled = await daemon.api.post(`/images/create?fromImage=${encodeURIComponent(image)}`)
  assert.match(pulled.text, /Downloaded newer image/)
  container = await daemon.run({
    Image: image,
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none' },
  })
  const { body } = await daemon.api.get<{ State: { Pid: number } }>(`/containers/${container}/json`)
  rootfs = `/proc/${body.State.Pid}/root`
})
after(async () => {
  await daemon?.[Symbol.asyncDispose]()
  await registry?.[Symbol.asyncDispose]()
  rmSync(source, { recursive: true, force: true })
})

function shell(script: string, user = '0'): Promise<{ status: number; stdout: string }> {
  return daemon.tdocker('exec', '-u', user, container, 'bash', '-c', script)
}

/** Made for every container, as Docker does, or below its own mounts. */
const OF_MOUNTS = new Set([
  ...['proc', 'sys', 'dev', '.dockerenv', 'etc/mtab'],
  ...['etc/hosts', 'etc/hostname', 'etc/resolv.conf'],
])
const TOUCHED_BY_MOUNTS = new Set(['', 'etc'])

interface File {
  path: string
  attributes: string
  inode: string
}

function parse(listing: string): File[] {
  const fields = listing.split('\0')
  const files: File[] = []
  for (let i = 0; i + 2 < fields.length; i += 3) {
    const [path = '', attributes = '', inode = ''] = fields.slice(i, i + 3)
    if (OF_MOUNTS.has(path) || /^(dev|proc|sys)\//.test(path)) continue
    files.push({
      path,
      attributes: TOUCHED_BY_MOUNTS.has(path) ? attributes.replace(/\d+\.\d+/, '') : attributes,
      inode,
    })
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Path, attributes, inode. Sizes and link counts of directories are the filesystem’s own. */
const FIND = String.raw`-xdev \( -type d -printf '%P\0%m|%U|%G|%y|-|-|%T@|%l\0%i\0' -o -printf '%P\0%m|%U|%G|%y|%s|%n|%T@|%l\0%i\0' \)`

let original: File[]
let inside: File[]

test('every file has its mode, owner, size, links, time and type', async () => {
  original = parse(
    execFileSync('sh', ['-c', `find ${source}/ ${FIND}`], {
      encoding: 'latin1',
      maxBuffer: 1 << 28,
    }),
  )
  const { status } = await shell(`find / ${FIND} > /dev/shm/list`)
  assert.equal(status, 0)
  inside = parse(readFileSync(`${rootfs}/dev/shm/list`, 'latin1'))
  assert.ok(original.length > 6000, `${original.length} files`)
  const flat = (files: File[]): string[] => files.map((file) => `${file.path} ${file.attributes}`)
  const [was, is] = [new Set(flat(original)), new Set(flat(inside))]
  assert.deepEqual([...was].filter((line) => !is.has(line)).slice(0, 20), [], 'lost or changed')
  assert.deepEqual([...is].filter((line) => !was.has(line)).slice(0, 20), [], 'new or changed')
})

/** Paths that are one file, as groups. */
function hardLinks(files: File[]): string[] {
  const groups = Map.groupBy(
    files.filter((file) => !file.attributes.includes('|d|')),
    (file) => file.inode,
  )
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.map((file) => file.path).join(' '))
    .sort()
}

test('hard links are one file', () => {
  const links = hardLinks(original)
  assert.ok(links.includes('opt/odd/deep/three opt/odd/one opt/odd/two'), links.join('\n'))
  assert.ok(links.includes('opt/odd/symlink opt/odd/symlink-hard'))
  assert.deepEqual(hardLinks(inside), links)
})

test('contents are what they were', async () => {
  const sums = String.raw`-xdev -type f ! -path './etc/host*' ! -path './etc/resolv.conf' ! -path './.dockerenv' ! -path './dev/*' ! -path './proc/*' ! -path './sys/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum`
  const expected = execFileSync('sh', ['-c', `cd ${source} && find . ${sums}`], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  })
  assert.equal((await shell(`cd / && find . ${sums} > /dev/shm/sums`)).status, 0)
  assert.ok(readFileSync(`${rootfs}/dev/shm/sums`, 'latin1') === expected, 'contents differ')
})

test('extended attributes are what they were', () => {
  const attributes = (root: string): string[] =>
    spawnSync(
      'getfattr',
      ['-hRPd', '-e', 'hex', '-m', '^(user|security.capability)', 'opt', 'usr'],
      {
        cwd: root,
        encoding: 'latin1',
        maxBuffer: 1 << 28,
      },
    )
      .stdout.split('\n\n')
      .filter((block) => block !== '')
      .sort()
  const expected = attributes(source)
  assert.ok(expected.length >= 3, expected.join('\n'))
  assert.deepEqual(attributes(rootfs), expected)
})

test('setuid bits work', async () => {
  const { stdout } = await shell('/opt/odd/suid -u; /opt/odd/owned -un; id -u', '1234')
  assert.equal(stdout.split('\n')[0], '0')
  assert.equal(stdout.trim().split('\n').at(-1), '1234')
  assert.equal((await shell('/opt/odd/owned -u; /opt/odd/owned -g', '77')).stdout, '1000\n2000\n')
})

test('its programs run', async () => {
  const apt = await shell('apt-get --version')
  assert.match(apt.stdout, /^apt 2\.6/)
  const listing = await shell('ls -lan /')
  assert.match(listing.stdout, /^drwxrwxrwt +\d+ 0 +0 .* tmp$/m)
  assert.match(listing.stdout, /^lrwxrwxrwx +1 0 +0 .* bin -> usr\/bin$/m)
  const dpkg = await shell('dpkg --verify --verify-format rpm; dpkg -l | grep -c ^ii')
  assert.ok(Number(dpkg.stdout.trim().split('\n').at(-1)) > 80, dpkg.stdout)
})
