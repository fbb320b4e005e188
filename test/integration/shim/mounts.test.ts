import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { after, describe, it } from 'node:test'
import { Sandbox, alive, native } from './fixture.ts'
import type { StartOptions } from './fixture.ts'
import type { PlanMount } from '@tdocker/kernel/shim/plan.ts'
import { LaunchError } from '@tdocker/kernel/shim/shim.ts'

const box = new Sandbox()
after(() => box[Symbol.dispose]())

mkdirSync(box.path('source/sub'), { recursive: true })
writeFileSync(box.path('source/file'), 'content\n')
mkdirSync(box.path('canary'))

type Bind = PlanMount & { type: 'bind' }

function bind(target: string, o: Partial<Bind> = {}): Bind {
  return {
    type: 'bind',
    source: { path: box.path('source') },
    target,
    recursive: true,
    readonly: false,
    recursiveReadonly: false,
    propagation: 'rprivate',
    flags: [],
    directory: true,
    ...o,
  }
}

/** A link in the image, gone after the test. */
function imageLink(path: string, to: string): Disposable {
  const link = `${box.lower}${path}`
  rmSync(link, { force: true, recursive: true })
  symlinkSync(to, link)
  return { [Symbol.dispose]: () => rmSync(link, { force: true, recursive: true }) }
}

async function refused(o: StartOptions): Promise<LaunchError> {
  try {
    const container = await alive(box.start(o))
    await container.ended()
  } catch (error) {
    if (error instanceof LaunchError) return error
    throw error
  }
  throw new assert.AssertionError({ message: 'the launch succeeded' })
}

void describe('a bind mount', () => {
  void it('shows a directory at a target that is made', async () => {
    const mounts = [bind('/a/b/c')]
    const out = await box.sh('cat /a/b/c/file; echo new > /a/b/c/sub/new', { mounts })
    assert.equal(out, 'content\n')
    assert.equal(readFileSync(box.path('source/sub/new'), 'utf8'), 'new\n')
  })

  void it('shows a file, from a descriptor as from a path', async () => {
    const fd = native.openRoot(box.path('source'))
    const mounts = [
      bind('/etc/file', { source: { path: box.path('source/file') }, directory: false }),
      bind('/mnt/dir', { source: { fd: 1 } }),
    ]
    const out = await box.sh('cat /etc/file /mnt/dir/file', { mounts, fds: [fd] })
    native.closeFd(fd)
    assert.equal(out, 'content\ncontent\n')
  })

  void it('may be read-only with all below it, while its source is not', async () => {
    const mounts = [
      bind('/ro', { readonly: true, recursiveReadonly: true }),
      bind('/rw', { flags: ['nosuid', 'noexec'] }),
    ]
    const out = await box.sh(
      'touch /ro/x || echo no; touch /ro/sub/x || echo no; touch /rw/y && echo yes; grep " /rw " /proc/mounts',
      { mounts },
    )
    assert.match(out, /^no\nno\nyes\n.*nosuid.*noexec/)
  })

  void it('carries its propagation', async () => {
    const mounts = ['rprivate', 'rslave', 'rshared'].map((propagation) =>
      bind(`/${propagation}`, { propagation }),
    )
    const out = await box.sh('grep -E " /r(private|slave|shared) " /proc/self/mountinfo', {
      mounts,
    })
    const [private_, slave, shared] = out.split('\n')
    assert.doesNotMatch(private_ ?? '', /shared:|master:/)
    assert.match(slave ?? '', /\/rslave/)
    assert.match(shared ?? '', /shared:\d+/)
  })

  void it('whose source is missing names itself', async () => {
    const error = await refused({ mounts: [bind('/x', { source: { path: '/missing/x' } })] })
    assert.deepEqual([error.stage, error.errno], ['mount /x', 2])
  })

  void it('that cannot be cloned is refused, and its mount on the host is not touched', async (t) => {
    const dir = box.path('unbindable')
    mkdirSync(dir)
    const mount = (...argv: string[]): void => void execFileSync('mount', argv)
    try {
      mount('-t', 'tmpfs', 'tdst', dir)
    } catch {
      return t.skip('cannot mount')
    }
    const fd = native.openRoot(dir)
    try {
      mount('--make-unbindable', dir)
      const mounts = [bind('/x', { source: { fd: 1 }, readonly: true, recursiveReadonly: true })]
      const error = await refused({ mounts, fds: [fd] })
      assert.deepEqual([error.stage, error.errno], ['mount /x', 22])
      writeFileSync(`${dir}/still-writable`, '')
    } finally {
      native.closeFd(fd)
      execFileSync('umount', ['-l', dir])
    }
  })

  void it('leaves nothing in the namespace of the host', async () => {
    const before = readFileSync('/proc/self/mountinfo', 'utf8')
    await box.sh('true', { mounts: [bind('/x')] })
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
  })
})

void describe('a target that the image has made a link', () => {
  const outside = box.path('canary')

  void it('never leads outside of the root', async () => {
    for (const to of [outside, `../../../../..${outside}`, `/proc/self/root${outside}`]) {
      using _link = imageLink('/data', to)
      const mounts = [bind('/data/sub/deep'), bind('/data2')]
      await box.sh('cat /data/sub/deep/file', { mounts }).catch((error: unknown) => {
        assert.ok(error instanceof LaunchError, String(error))
      })
      assert.deepEqual(readdirSync(outside), [])
    }
  })

  void it('is followed inside the root, even to what is not there yet', async () => {
    using _absolute = imageLink('/absolute', '/made/by/us')
    using _relative = imageLink('/etc/resolv.conf', '../run/systemd/resolv.conf')
    const file = { source: { path: box.path('source/file') }, directory: false } as const
    const mounts = [bind('/absolute'), bind('/etc/resolv.conf', file)]
    const out = await box.sh(
      'cat /made/by/us/file /run/systemd/resolv.conf; readlink /etc/resolv.conf',
      { mounts },
    )
    assert.equal(out, 'content\ncontent\n../run/systemd/resolv.conf\n')
  })

  void it('that turns in circles is an error', async () => {
    using _link = imageLink('/loop', 'loop')
    assert.deepEqual((await refused({ mounts: [bind('/loop')] })).stage, 'mount /loop')
  })

  void it('is refused for /proc and /sys', async () => {
    for (const path of ['/proc', '/sys']) {
      using _link = imageLink(path, '/tmp')
      const error = await refused({})
      assert.deepEqual([error.stage, error.errno], [`mount ${path}`, 40])
      rmSync(`${box.lower}${path}`)
      mkdirSync(`${box.lower}${path}`)
    }
    mkdirSync(`${box.lower}/proc`, { recursive: true })
    mkdirSync(`${box.lower}/sys`, { recursive: true })
  })

  void it('as /dev makes no node outside', async () => {
    using _link = imageLink('/dev', outside)
    await box.sh('true').catch(() => undefined)
    assert.deepEqual(readdirSync(outside), [])
  })
})

void describe('a mount over procfs', () => {
  void it('is refused but for the few files that tools cover', async () => {
    const file = { source: { path: box.path('source/file') }, directory: false } as const
    for (const target of ['/proc/self/attr', '/proc/sys', '/proc/1'])
      assert.deepEqual((await refused({ mounts: [bind(target)] })).errno, 1, target)
    using _link = imageLink('/alias', '/proc/sys/kernel')
    assert.deepEqual((await refused({ mounts: [bind('/alias')] })).errno, 1)
    assert.deepEqual((await refused({ mounts: [bind('/proc')] })).errno, 1)
    const out = await box.sh('cat /proc/uptime', { mounts: [bind('/proc/uptime', file)] })
    assert.equal(out, 'content\n')
  })

  void it('may be another procfs', async () => {
    const mounts = [bind('/proc', { source: { path: '/proc' } })]
    const out = await box.sh('readlink /proc/self/exe || ls /proc | grep -c version', {
      mounts,
      target: { readonlyPaths: [], maskedPaths: [] },
    })
    assert.notEqual(out, '')
  })
})

void describe('masks', () => {
  void it('come from the host, whatever the container has for /dev/null', async () => {
    const dev = box.path('hostile-dev')
    mkdirSync(`${dev}/pts`, { recursive: true })
    symlinkSync('/proc/sys/kernel/core_pattern', `${dev}/null`)
    const out = await box.sh('wc -c < /proc/keys; wc -c < /proc/interrupts', {
      mounts: [bind('/dev', { source: { path: dev } })],
      target: { devices: [], symlinks: [] },
    })
    assert.equal(out.trim().replace(/\s+/g, ' '), '0 0')
  })
})

void describe('a tmpfs', () => {
  const tmpfs = (o: object): PlanMount => ({
    type: 'tmpfs',
    target: '/etc',
    flags: ['nosuid'],
    data: [],
    ...o,
  })

  void it('takes over what it covers when asked to', async () => {
    using _link = imageLink('/etc/link', 'passwd')
    mkdirSync(`${box.lower}/etc/dir`, { recursive: true })
    writeFileSync(`${box.lower}/etc/dir/x`, 'x', { mode: 0o4750 })
    const out = await box.sh(
      'readlink /etc/link; stat -c "%a %s" /etc/dir/x; head -c 4 /etc/passwd; stat -f -c %T /etc',
      { mounts: [tmpfs({ tmpcopyup: true })] },
    )
    assert.equal(out, 'passwd\n4750 1\nroottmpfs\n')
  })

  void it('takes the mode of what it covers, else the one it is told', async () => {
    assert.equal(
      await box.sh('stat -c %a /etc; ls /etc | wc -l', { mounts: [tmpfs({})] }),
      '755\n0\n',
    )
    const data = [['mode', '700']]
    assert.equal(await box.sh('stat -c %a /etc', { mounts: [tmpfs({ data })] }), '700\n')
  })

  void it('may be read-only and still hold the targets of later mounts', async () => {
    const mounts = [tmpfs({ target: '/ro', flags: ['ro'] }), bind('/ro/in/here')]
    const out = await box.sh('cat /ro/in/here/file; touch /ro/x || echo no', { mounts })
    assert.equal(out, 'content\nno\n')
  })
})

void describe('a cgroup hierarchy', () => {
  void it('is mounted as the container sees it', async (t) => {
    const v1 = existsSync('/sys/fs/cgroup/pids/cgroup.procs')
    const unified = existsSync('/sys/fs/cgroup/unified/cgroup.procs')
    if (!v1 && !unified && !existsSync('/sys/fs/cgroup/cgroup.procs')) return t.skip('no cgroups')
    const flags = ['ro', 'nosuid', 'noexec', 'nodev'] as const
    const mounts: PlanMount[] = [
      { type: 'tmpfs', target: '/sys/fs/cgroup', flags, data: [['mode', '755']] },
      { type: 'cgroup2', target: '/sys/fs/cgroup/unified', flags, data: [] },
    ]
    if (v1)
      mounts.push(
        { type: 'cgroup', target: '/sys/fs/cgroup/pids', flags, controllers: 'pids' },
        { type: 'cgroup', target: '/sys/fs/cgroup/systemd', flags, controllers: 'name=systemd' },
      )
    const out = await box.sh(
      'cd /sys/fs/cgroup && ls && cat */cgroup.procs | grep -cx 1; mkdir x unified/x || echo no',
      { mounts },
    )
    assert.equal(out, v1 ? 'pids\nsystemd\nunified\n3\nno\n' : 'unified\n1\nno\n')
  })
})

void describe('the root', () => {
  void it('may be read-only', async () => {
    const out = await box.sh('touch /x || echo no; touch /dev/shm/x && echo yes', {
      target: { readonlyRoot: true },
    })
    assert.equal(out, 'no\nyes\n')
  })

  void it('has the propagation asked for', async () => {
    for (const [rootPropagation, pattern] of [
      ['rprivate', /^((?!shared:|master:).)*$/],
      ['rshared', /shared:/],
    ] as const) {
      const out = await box.sh('grep " / / " /proc/self/mountinfo', { target: { rootPropagation } })
      assert.match(out.trim(), pattern)
    }
  })

  void it('holds no way to the root of the host', async () => {
    const out = await box.sh('ls / /.. /../..; wc -l < /proc/self/mountinfo; ls /proc/1/root/')
    assert.ok(!out.includes('work'))
    assert.ok(!out.includes('boot'))
  })
})
