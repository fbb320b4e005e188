/** Volumes, binds and tmpfs of containers: what persists, what is filled, what is refused. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { busyboxTar, tarOf } from '../../lib/image-maker.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
/** A directory of the host for binds. */
let host: string

before(async () => {
  daemon = await TestDaemon.start()
  host = join(daemon.directory, 'host')
  mkdirSync(host)
  await importImage('filled', await filledTar(), ['CMD ["sh"]', 'VOLUME /data'])
})
after(() => daemon[Symbol.asyncDispose]())

/** busybox with something of everything in /data. */
async function filledTar(): Promise<Buffer> {
  const data = await tarOf([
    { name: 'data/', type: 'directory', mode: 0o2750, uid: 33, gid: 44 },
    { name: 'data/plain', mode: 0o640, uid: 1, gid: 2, content: 'of the image' },
    { name: 'data/run', mode: 0o4755, content: '#!/bin/sh\n' },
    { name: 'data/hard', type: 'link', linkname: 'data/plain' },
    { name: 'data/soft', type: 'symlink', linkname: '/etc/passwd', uid: 7, gid: 8 },
    { name: 'data/deep/', type: 'directory', mode: 0o1777, uid: 5, gid: 6 },
    { name: 'data/deep/er', mode: 0o600, content: 'x' },
  ])
  // A tar ends with two blocks of zeros: those of the first one are cut off.
  const base = await busyboxTar()
  return Buffer.concat([base.subarray(0, base.length - 1024), data])
}

async function importImage(repo: string, tar: Buffer, changes: string[]): Promise<void> {
  const query = new URLSearchParams({ fromSrc: '-', repo, tag: 'latest' })
  for (const change of changes) query.append('changes', change)
  const { text } = await daemon.api.request('POST', `/images/create?${query}`, tar, {
    'Content-Type': 'application/x-tar',
  })
  assert.doesNotMatch(text, /"error"/)
}

interface Run {
  output: string
  code: number
  id: string
}

/** Runs a script to its end; the container stays. */
async function run(script: string, hostConfig: object = {}, config: object = {}): Promise<Run> {
  const id = await daemon.run({
    Cmd: ['sh', '-c', script],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
    ...config,
  })
  return { code: await daemon.wait(id), output: await daemon.logs(id), id }
}

/** The same, without the container after it. */
async function output(
  script: string,
  hostConfig: object = {},
  config: object = {},
): Promise<string> {
  const done = await run(script, hostConfig, config)
  assert.equal((await daemon.api.delete(`/containers/${done.id}?v=1`)).status, 204)
  return done.output
}

interface Shown {
  Mounts: Array<{
    Type: string
    Name?: string
    Source: string
    Destination: string
    RW: boolean
    Mode: string
  }>
}

async function mountsOf(id: string): Promise<Shown['Mounts']> {
  return (await daemon.api.get<Shown>(`/containers/${id}/json`)).body.Mounts
}

const LIST = `cd /data && stat -c '%n %a %u:%g %h %F' . plain run hard soft deep deep/er | sort`

test('a named volume keeps what is written, beyond its containers', async () => {
  const binds = { Binds: ['kept:/v'] }
  assert.equal(await output('echo one > /v/file; chown 9:9 /v', binds), '')
  assert.equal(
    await output('cat /v/file; stat -c %u:%g /v; mount | grep -c " /v "', binds),
    'one\n9:9\n1\n',
  )
  // By another kind of wish, at another place, read-only.
  const mounts = [{ Type: 'volume', Source: 'kept', Target: '/w', ReadOnly: true }]
  assert.match(
    await output('cat /w/file; touch /w/new', { Mounts: mounts }),
    /^one\ntouch: .*Read-only file system/,
  )
  const { id } = await run('', binds)
  const [mount] = await mountsOf(id)
  assert.deepEqual(
    [mount!.Type, mount!.Name, mount!.Destination, mount!.RW],
    ['volume', 'kept', '/v', true],
  )
  assert.equal(readFileSync(join(mount!.Source, 'file'), 'utf8'), 'one\n')
  await daemon.api.delete(`/containers/${id}?v=1`)
  assert.ok(existsSync(mount!.Source), 'rm -v leaves named volumes')
})

test('an empty named volume is filled from the image, once', async () => {
  const original = await output(LIST, { Tmpfs: {} }, { Image: 'filled', Volumes: {} })
  assert.match(original, /^\. 2750 33:44 3 directory$/m)
  assert.match(original, /^plain 640 1:2 2 regular file$/m)
  assert.match(original, /^run 4755 0:0 1 regular file$/m)
  assert.match(original, /^soft 777 7:8 1 symbolic link$/m)
  assert.match(original, /^deep 1777 5:6 2 directory$/m)
  const binds = { Binds: ['copy:/data'] }
  assert.equal(await output(LIST, binds, { Image: 'filled' }), original)
  const change = 'rm /data/hard; echo mine > /data/plain; cat /data/plain'
  assert.equal(await output(change, binds, { Image: 'filled' }), 'mine\n')
  assert.equal(
    await output('cat /data/plain; ls /data', binds, { Image: 'filled' }),
    'mine\ndeep\nplain\nrun\nsoft\n',
  )
})

test('nocopy leaves it empty', async () => {
  for (const wish of [
    { Binds: ['bare:/data:nocopy'] },
    {
      Mounts: [
        { Type: 'volume', Source: 'bare2', Target: '/data', VolumeOptions: { NoCopy: true } },
      ],
    },
  ])
    assert.equal(await output('ls -A /data', wish, { Image: 'filled' }), '')
})

const volumes = (): string[] => {
  const directory = join(daemon.dataRoot, 'volumes')
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

test('a VOLUME of the image gets a volume of its own, which goes with rm -v only', async () => {
  const earlier = volumes()
  const first = await run('echo mine > /data/plain; ls /data', {}, { Image: 'filled' })
  assert.equal(first.output, 'deep\nhard\nplain\nrun\nsoft\n')
  const [mount] = await mountsOf(first.id)
  assert.match(mount!.Name!, /^[0-9a-f]{64}$/)
  assert.equal(mount!.Destination, '/data')
  const second = await run('cat /data/plain', {}, { Image: 'filled' })
  assert.equal(second.output, 'of the image')
  assert.equal(volumes().length, earlier.length + 2)

  await daemon.api.delete(`/containers/${second.id}?v=1`)
  assert.deepEqual(volumes(), [...earlier, mount!.Name!].sort())
  await daemon.api.delete(`/containers/${first.id}`)
  assert.deepEqual(volumes(), [...earlier, mount!.Name!].sort(), 'rm without -v keeps it')
  assert.equal(
    await output('cat /v/plain', { Binds: [`${mount!.Name!}:/v`] }),
    'mine\n',
    'and it is found by its name',
  )
})

test('an anonymous volume of --rm goes, of -v, too', async () => {
  const earlier = volumes()
  const { stdout, stderr } = await daemon.tdocker(
    ...['run', '--rm', '--network', 'none', '-v', '/anon', '--mount', 'type=volume,dst=/other'],
    ...['filled', 'sh', '-c', 'mount | grep -cE " on /(anon|other|data) "'],
  )
  assert.equal(stdout, '3\n', stderr)
  assert.deepEqual(volumes(), earlier)
})

test('anonymous volumes that others use stay', async () => {
  const donor = await run('echo shared > /data/new', {}, { Image: 'filled' })
  const [mount] = await mountsOf(donor.id)
  const user = await run('cat /data/new; touch /data/x && echo wrote', { VolumesFrom: [donor.id] })
  assert.equal(user.output, 'shared\nwrote\n')
  const reader = await run('cat /data/new; touch /data/x 2>&1 || echo refused', {
    VolumesFrom: [`${donor.id}:ro`],
  })
  assert.match(reader.output, /^shared\n.*Read-only file system\nrefused\n$/)
  await daemon.api.delete(`/containers/${reader.id}?v=1`)
  await daemon.api.delete(`/containers/${donor.id}?v=1`)
  assert.ok(volumes().includes(mount!.Name!), 'still used')
  await daemon.api.delete(`/containers/${user.id}?v=1`)
  assert.ok(!volumes().includes(mount!.Name!), 'the last user takes it along')
})

test('binds, writable and read-only, of directories and files', async () => {
  writeFileSync(join(host, 'file'), 'of the host\n')
  const binds = [`${host}:/rw`, `${host}:/ro:ro`, `${host}/file:/etc/one`]
  const script = `
    cat /rw/file /ro/file /etc/one; echo new > /rw/made
    touch /ro/x 2>/dev/null || echo refused; echo changed > /etc/one`
  assert.equal(
    await output(script, { Binds: binds }),
    'of the host\nof the host\nof the host\nrefused\n',
  )
  assert.equal(readFileSync(join(host, 'made'), 'utf8'), 'new\n')
  assert.equal(readFileSync(join(host, 'file'), 'utf8'), 'changed\n')
  assert.ok(!existsSync(join(host, 'x')))
})

test('a bind hides what the image has, and is never filled', async () => {
  const empty = join(host, 'empty')
  mkdirSync(empty)
  assert.equal(await output('ls -A /data', { Binds: [`${empty}:/data`] }, { Image: 'filled' }), '')
  assert.deepEqual(readdirSync(empty), [])
})

test('a directory of the host that is not there is made for -v, refused for --mount', async () => {
  const missing = join(host, 'absent/for/it')
  assert.equal(await output('echo x > /b/f', { Binds: [`${missing}:/b`] }), '')
  assert.equal(readFileSync(join(missing, 'f'), 'utf8'), 'x\n')
  assert.equal((statSync(missing).mode & 0o7777).toString(8), '755')

  const other = join(host, 'not/made')
  const { status, stderr } = await daemon.tdocker(
    ...['run', '--rm', '--mount', `type=bind,src=${other},dst=/b`, 'busybox', 'true'],
  )
  assert.equal(status, 125)
  assert.match(
    stderr,
    new RegExp(`invalid mount config for type "bind": bind source path does not exist: ${other}`),
  )
  assert.ok(!existsSync(other))
})

test('a source that cannot be made is told as such, and leaves nothing', async () => {
  writeFileSync(join(host, 'flat'), '')
  const source = join(host, 'flat/below')
  const { status, stderr } = await daemon.tdocker(
    ...['run', '--name', 'unmade', '-v', `${source}:/b`, 'busybox', 'true'],
  )
  assert.equal(status, 125)
  assert.ok(
    stderr.includes(
      `error while creating mount source path '${source}': mkdir ${source}: not a directory`,
    ),
    stderr,
  )
  assert.equal((await daemon.api.delete('/containers/unmade')).status, 204)
})

test('--mount: volume, bind and tmpfs beside each other', async () => {
  const { stdout, stderr } = await daemon.tdocker(
    ...['run', '--rm', '--network', 'none'],
    ...['--mount', 'type=volume,src=by-mount,dst=/v'],
    ...['--mount', `type=bind,src=${host},dst=/b,readonly`],
    ...['--mount', 'type=tmpfs,dst=/t,tmpfs-size=65536,tmpfs-mode=1770'],
    ...['--tmpfs', '/u:size=32k,uid=5'],
    ...['busybox', 'sh', '-c'],
    `mount | grep -E " on /[vbtu] " | sed -E "s/^.* on (.*) type (.*) \\((r.).*/\\1 \\3/" | sort
     stat -c "%a" /t; stat -c "%u" /u; df -k /t /u | awk 'NR > 1 {print $2}'
     dd if=/dev/zero of=/t/big bs=1k count=100 2>&1 | grep -c "No space left"`,
  )
  assert.equal(stdout, '/b ro\n/t rw\n/u rw\n/v rw\n1770\n5\n64\n32\n1\n', stderr)
})

test('a mount below a mount, in whatever order they were asked for', async () => {
  const script = 'ls /a/b; mount | grep -oE " on /a(/b)? " | sort'
  const below = await output(script, {
    Binds: [`${host}:/a/b:ro`, 'outer:/a'],
  })
  assert.match(below, /^absent\nempty\nfile\nflat\nmade\n on \/a \n on \/a\/b \n$/)
})

test('a target that leads out of the root is inside of it', async () => {
  const { id, output: text } = await run('ls -ld /etc/x /up 2>&1; ls /etc/x', {
    Binds: [`${host}:/etc/../../../../etc/x`],
  })
  assert.match(text, /\nabsent\nempty\nfile\nflat\nmade\n$/)
  assert.equal((await mountsOf(id))[0]!.Destination, '/etc/x')
  await daemon.api.delete(`/containers/${id}`)
})

test('volumes outlive a crash of the daemon, with their users', async () => {
  const { id } = await run('echo here > /v/f', { Binds: ['lasting:/v'] })
  const anonymous = await run('true', {}, { Image: 'filled' })
  const [mount] = await mountsOf(anonymous.id)
  await daemon.crash()
  await daemon.boot()
  assert.equal(await output('cat /v/f', { Binds: ['lasting:/v'] }), 'here\n')
  await daemon.api.delete(`/containers/${id}?v=1`)
  await daemon.api.delete(`/containers/${anonymous.id}?v=1`)
  assert.ok(!volumes().includes(mount!.Name!))
  assert.ok(volumes().includes('lasting'))
})
