/** Volumes of a type and a device: mounted while they are used, shared, and never on the host. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Volume } from '@tdocker/api'
import { ownMounts } from '../../lib/own-mounts.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
let host: string

before(async () => {
  daemon = await TestDaemon.start()
  host = join(daemon.directory, 'host')
  mkdirSync(host)
})
after(() => daemon[Symbol.asyncDispose]())

type Told = Volume & { message: string }

async function make(Name: string, DriverOpts: Record<string, string>): Promise<void> {
  const made = await daemon.api.post<Told>('/volumes/create', { Name, DriverOpts })
  assert.equal(made.status, 201, made.text)
  assert.deepEqual(made.body.Options, DriverOpts)
}

const hostMounts = (): string => ownMounts(daemon.id).join('\n')

async function start(script: string, hostConfig: object): Promise<string> {
  return daemon.run({
    Cmd: ['sh', '-c', script],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
  })
}

/** Runs to the end; the container goes. */
async function output(script: string, hostConfig: object): Promise<string> {
  const id = await start(script, hostConfig)
  await daemon.wait(id)
  const text = await daemon.logs(id)
  assert.equal((await daemon.api.delete(`/containers/${id}`)).status, 204)
  return text
}

async function exec(id: string, script: string): Promise<string> {
  const { stdout, stderr } = await daemon.tdocker('exec', id, 'sh', '-c', script)
  return stdout + stderr
}

const remove = async (...ids: string[]): Promise<void> => {
  for (const id of ids)
    assert.equal((await daemon.api.delete(`/containers/${id}?force=1`)).status, 204)
}

test('tmpfs: one for all users, gone with the last; the host sees nothing of it', async () => {
  await make('ram', { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=7,mode=750' })
  const before = hostMounts()
  const one = await start('sleep 1000', { Binds: ['ram:/v'] })
  const two = await start('sleep 1000', {
    Mounts: [{ Type: 'volume', Source: 'ram', Target: '/w' }],
  })
  assert.equal(
    await exec(one, 'echo hi > /v/x; stat -c "%u %a" /v; mount | grep " /v " | sed s/,inode64//'),
    '7 750\ntmpfs on /v type tmpfs (rw,relatime,size=1024k,mode=750,uid=7)\n',
  )
  assert.equal(
    await exec(
      two,
      'cat /w/x; dd if=/dev/zero of=/w/big bs=1M count=2 2>&1 | grep -o "No space.*"',
    ),
    'hi\nNo space left on device\n',
  )
  assert.equal(hostMounts(), before)
  assert.deepEqual(readdirSync(join(daemon.dataRoot, 'volumes/ram/_data')), [])
  await remove(one)
  assert.equal(await exec(two, 'cat /w/x'), 'hi\n')
  await remove(two)
  assert.equal(await output('ls /v', { Binds: ['ram:/v'] }), '')
  assert.equal((await daemon.api.delete('/volumes/ram')).status, 204)
})

test('a daemon that comes back finds what is mounted', async () => {
  await make('kept', { type: 'tmpfs', device: 'tmpfs' })
  await make('kept2', { type: 'tmpfs', device: 'tmpfs' })
  const Binds = ['kept2:/b', 'kept:/a', 'kept:/again']
  const one = await start('echo a > /a/x; echo b > /b/x; sleep 1000', { Binds })
  for (const how of ['crash', 'end'] as const) {
    await daemon[how]()
    await daemon.boot()
    assert.equal(await output('cat /a/x /b/x', { Binds }), 'a\nb\n', how)
  }
  const two = await start('sleep 1000', { Binds })
  await remove(one)
  assert.equal(await exec(two, 'cat /a/x /again/x /b/x'), 'a\na\nb\n')
  await daemon.crash()
  await daemon.boot()
  await remove(two)
  assert.equal(await output('ls /a /b', { Binds }), '/a:\n\n/b:\n')
})

test('bind: a directory of the host by a name, read-only where asked', async () => {
  const shared = join(host, 'shared')
  mkdirSync(shared)
  writeFileSync(join(shared, 'file'), 'of the host\n')
  await make('bound', { type: 'none', device: shared, o: 'bind' })
  await make('bound-ro', { type: 'none', device: shared, o: 'bind,ro' })
  const Binds = ['bound:/v', 'bound-ro:/ro']
  assert.match(
    await output('cat /v/file; echo new > /v/new; cat /ro/new; touch /ro/x', { Binds }),
    /^of the host\nnew\ntouch: .*Read-only file system\n$/,
  )
  assert.equal(readFileSync(join(shared, 'new'), 'utf8'), 'new\n')
  // The data is not the volume's: it stays.
  for (const name of ['bound', 'bound-ro'])
    assert.equal((await daemon.api.delete(`/volumes/${name}`)).status, 204)
  assert.ok(readdirSync(shared).includes('new'))
})

test('a block device keeps its file system', async (t) => {
  const image = join(host, 'disk')
  execFileSync('truncate', ['-s', '16M', image])
  execFileSync('mkfs.ext4', ['-q', image])
  let loop: string
  try {
    loop = execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8' }).trim()
  } catch {
    return t.skip('no loop devices')
  }
  try {
    await make('disk', { type: 'ext4', device: loop, o: 'noatime' })
    const Binds = ['disk:/v']
    const one = await start('echo kept > /v/x; sleep 1000', { Binds })
    assert.match(await exec(one, 'mount | grep " /v "'), /on \/v type ext4 \(rw,noatime/)
    assert.equal(await output('cat /v/x; ls /v', { Binds }), 'kept\nlost+found\nx\n')
    await remove(one)
    assert.equal(await output('cat /v/x', { Binds }), 'kept\n')
    assert.equal((await daemon.api.delete('/volumes/disk')).status, 204)
  } finally {
    // Fails when something still has it mounted.
    execFileSync('losetup', ['-d', loop])
  }
})

test('what cannot be mounted is told as moby tells it, and leaves nothing', async () => {
  const cases: ReadonlyArray<[name: string, options: Record<string, string>, sentence: RegExp]> = [
    [
      'nofs',
      { type: 'nosuchfs', device: 'x', o: 'a=b' },
      /failed to mount local volume: mount x:.*\/nofs\/_data, data: a=b: no such device$/,
    ],
    [
      'nodev',
      { type: 'ext4', device: '/nowhere', o: 'ro' },
      /mount \/nowhere:.*_data, flags: 0x1: no such file or directory$/,
    ],
    [
      'nodir',
      { type: 'none', device: join(host, 'missing'), o: 'bind' },
      /failed to mount local volume: mount .*missing:.*, flags: 0x1000: no such file or directory$/,
    ],
    [
      'badopt',
      { type: 'tmpfs', device: 'tmpfs', o: 'bogus=1' },
      /data: bogus=1: invalid argument$/,
    ],
    [
      'nfs',
      { type: 'nfs', device: ':/x', o: 'addr=name.invalid' },
      /error resolving passed in network volume address: lookup name\.invalid/,
    ],
    [
      'cifs',
      { type: 'cifs', device: '//127.0.0.1/x', o: 'user=a,password=secret' },
      /password=\*{8}: (no such device|connection refused)$/,
    ],
  ]
  for (const [name, options, sentence] of cases) {
    await make(name, options)
    const created = await daemon.api.post<{ Id: string }>('/containers/create', {
      Image: 'busybox',
      HostConfig: { NetworkMode: 'none', Binds: [`${name}:/v`] },
    })
    assert.equal(created.status, 201, created.text)
    const id = created.body.Id
    const started = await daemon.api.post<{ message: string }>(`/containers/${id}/start`)
    assert.equal(started.status, 500)
    assert.match(started.body.message, /^error while mounting volume '/)
    assert.match(started.body.message, sentence)
    await remove(id)
    assert.equal((await daemon.api.delete(`/volumes/${name}`)).status, 204)
  }
})

test('cp sees into a volume with a device while nothing runs', async () => {
  const dir = join(host, 'for-cp')
  mkdirSync(dir)
  writeFileSync(join(dir, 'file'), 'content')
  await make('for-cp', { type: 'none', device: dir, o: 'bind' })
  const before = hostMounts()
  const { body } = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: 'busybox',
    HostConfig: { NetworkMode: 'none', Binds: ['for-cp:/v'] },
  })
  const out = join(host, 'out')
  const copied = await daemon.tdocker('cp', `${body.Id}:/v/file`, out)
  assert.equal(copied.status, 0, copied.stderr)
  assert.equal(readFileSync(out, 'utf8'), 'content')
  const back = await daemon.tdocker('cp', out, `${body.Id}:/v/back`)
  assert.equal(back.status, 0, back.stderr)
  assert.equal(readFileSync(join(dir, 'back'), 'utf8'), 'content')
  assert.equal(hostMounts(), before)
  await remove(body.Id)
})
