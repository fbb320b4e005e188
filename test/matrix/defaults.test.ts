/**
 * What a container gets when nobody says anything: Docker's defaults, item by item as data, seen in
 * the kernel; and what the usual wishes change of them.
 */
import assert from 'node:assert/strict'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { perVersion, PerVersion } from './field.ts'
import { Seen } from './seen.ts'
import { TestDaemon } from '../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

async function seen(hostConfig: object = {}, config: object = {}): Promise<Seen> {
  const id = await daemon.run({
    Cmd: ['sleep', '1000'],
    ...config,
    HostConfig: { NetworkMode: 'none', ...hostConfig },
  })
  return Seen.of(daemon, id)
}

/** Mounts but for the hierarchies of cgroup v1 and what is masked: [path, type, options, of the fs]. */
const MOUNTS: ReadonlyArray<readonly [string, string, string, RegExp | PerVersion]> = [
  ['/', 'overlay', 'rw,relatime', /^rw,/],
  ['/dev', 'tmpfs', 'rw,nosuid', /^rw,size=65536k,mode=755/],
  ['/dev/mqueue', 'mqueue', 'rw,nosuid,nodev,noexec,relatime', /^rw/],
  ['/dev/pts', 'devpts', 'rw,nosuid,noexec,relatime', /^rw,gid=5,mode=620,ptmxmode=666/],
  ['/dev/shm', 'tmpfs', 'rw,nosuid,nodev,noexec,relatime', /^rw,size=65536k/],
  ['/etc/hostname', '', 'rw,relatime', /^/],
  ['/etc/hosts', '', 'rw,relatime', /^/],
  ['/etc/resolv.conf', '', 'rw,relatime', /^/],
  ['/proc', 'proc', 'rw,nosuid,nodev,noexec,relatime', /^rw/],
  ['/sys', 'sysfs', 'ro,nosuid,nodev,noexec,relatime', /^rw/],
  ['/sys/fs/cgroup', 'cgroup', 'ro,nosuid,nodev,noexec,relatime', /^rw/],
]

const MASKED =
  '/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware'.split(
    ' ',
  )
const READONLY = '/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger'.split(' ')

test('mounts', async () => {
  const x = await seen()
  const covered = new Set([...MASKED, ...READONLY])
  const found = x
    .mounts()
    .filter(({ target }) => !covered.has(target) && !target.endsWith('thermal_throttle'))
    .filter(({ target, type }) => type !== 'cgroup' || target === '/sys/fs/cgroup')
  assert.deepEqual(
    found.map(({ target }) => target).sort(),
    MOUNTS.map(([target]) => target),
  )
  for (const [target, type, options, ofFs] of MOUNTS) {
    const mount = x.mount(target)!
    assert.equal(mount.options, options, target)
    if (type === 'cgroup') assert.equal(mount.type, x.cgroupVersion === 2 ? 'cgroup2' : 'tmpfs')
    else if (type !== '') assert.equal(mount.type, type, target)
    assert.match(mount.superOptions, ofFs as RegExp, target)
  }
})

test('nothing is propagated in or out', async () => {
  const x = await seen()
  assert.doesNotMatch(x.proc('mountinfo'), / (shared|master|propagate_from):/)
})

test('masked and read-only paths', async () => {
  const x = await seen()
  const throttles = (x.inspect.HostConfig.MaskedPaths ?? []).filter((path) =>
    /^\/sys\/devices\/system\/cpu\/cpu\d+\/thermal_throttle$/.test(path),
  )
  assert.deepEqual(x.inspect.HostConfig.MaskedPaths, [...MASKED, ...throttles])
  assert.deepEqual(x.inspect.HostConfig.ReadonlyPaths, READONLY)
  for (const path of [...MASKED, ...throttles].filter((one) => existsSync(one))) {
    const mount = x.mount(path)
    assert.ok(mount, path)
    assert.match(mount.options, /^ro/, path)
    // Of the host's /dev/null, or an empty directory.
    assert.match(`${mount.type} ${mount.source}`, /^(devtmpfs|tmpfs) /, path)
  }
  for (const path of READONLY.filter((one) => existsSync(one)))
    assert.match(x.mount(path)?.options ?? '', /^ro/, path)
})

test('devices and links in /dev', async () => {
  const x = await seen()
  const dev = `/proc/${x.pid}/root/dev`
  const shown = readdirSync(dev)
    .sort()
    .map((name) => {
      const stat = lstatSync(`${dev}/${name}`)
      if (stat.isSymbolicLink()) return `${name} -> ${readlinkSync(`${dev}/${name}`)}`
      if (!stat.isCharacterDevice()) return name
      return `${name} ${stat.rdev >> 8}:${stat.rdev & 255} ${(stat.mode & 0o777).toString(8)}`
    })
  assert.deepEqual(shown, [
    ...(existsSync('/proc/kcore') ? ['core -> /proc/kcore'] : []),
    'fd -> /proc/self/fd',
    'full 1:7 666',
    'mqueue',
    'null 1:3 666',
    'ptmx -> pts/ptmx',
    'pts',
    'random 1:8 666',
    'shm',
    'stderr -> /proc/self/fd/2',
    'stdin -> /proc/self/fd/0',
    'stdout -> /proc/self/fd/1',
    'tty 5:0 666',
    'urandom 1:9 666',
    'zero 1:5 666',
  ])
  const withTerminal = await seen({}, { Tty: true })
  assert.equal(withTerminal.mount('/dev/console')?.type, 'devpts')
})

test('namespaces', async () => {
  const x = await seen()
  const kinds = ['mnt', 'net', 'uts', 'pid', 'ipc', 'time', 'cgroup', 'user'] as const
  const version = x.cgroupVersion
  const wanted = {
    ...Object.fromEntries(kinds.map((kind) => [kind, 'own'])),
    ...(existsSync('/proc/self/ns/time') ? {} : { time: 'none' }),
    cgroup: version === 2 ? 'own' : 'host',
    user: 'host',
  }
  const found = Object.fromEntries(
    kinds.map((kind) => [kind, existsSync(`/proc/self/ns/${kind}`) ? x.namespaceOf(kind) : 'none']),
  )
  assert.deepEqual(found, wanted)
})

test('an exec is in all of them', async () => {
  const x = await seen()
  const script =
    'for n in /proc/self/ns/*; do readlink $n; done; for n in /proc/1/ns/*; do readlink $n; done'
  const made = await daemon.api.post<{ Id: string }>(`/containers/${x.inspect.Id}/exec`, {
    Cmd: ['sh', '-c', script],
    AttachStdout: true,
  })
  const { socket, head } = await daemon.api.upgrade(`/exec/${made.body.Id}/start`, {
    Detach: false,
  })
  const parts = [head]
  for await (const part of socket) parts.push(part as Buffer)
  const names =
    Buffer.concat(parts)
      .toString()
      .match(/[a-z_]+:\[\d+\]/g) ?? []
  assert.ok(names.length > 10)
  assert.deepEqual(names.slice(0, names.length / 2), names.slice(names.length / 2))
})

test('process: identity, privileges, limits', async () => {
  const x = await seen()
  const wanted: Readonly<Record<string, string>> = {
    Uid: '0\t0\t0\t0',
    Gid: '0\t0\t0\t0',
    Groups: '0',
    Umask: '0022',
    CapInh: '0000000000000000',
    CapAmb: '0000000000000000',
    NoNewPrivs: '0',
    Seccomp: '2',
    SigBlk: '0000000000000000',
    SigIgn: '0000000000000000',
  }
  assert.deepEqual(
    Object.fromEntries(Object.keys(wanted).map((key) => [key, x.status(key)])),
    wanted,
  )
  assert.equal(x.proc('oom_score_adj').trim(), '0')
  assert.deepEqual(readdirSync(`/proc/${x.pid}/fd`), ['0', '1', '2'])
  assert.equal(readlinkSync(`/proc/${x.pid}/fd/0`), '/dev/null')
  assert.ok(x.exists('/.dockerenv'))
  assert.equal(readlinkSync(`/proc/${x.pid}/root/etc/mtab`), '/proc/mounts')
})

test('sysctls', async () => {
  const id = await daemon.run({
    Cmd: [
      'cat',
      '/proc/sys/net/ipv4/ip_unprivileged_port_start',
      '/proc/sys/net/ipv4/ping_group_range',
    ],
    HostConfig: { NetworkMode: 'none' },
  })
  await daemon.wait(id)
  assert.equal(await daemon.logs(id), '0\n0\t2147483647\n')
})

test('the group is the container’s own, below the daemon’s', async () => {
  const x = await seen()
  assert.equal(x.cgroupPath('memory'), `/${daemon.id}/${x.inspect.Id}`)
  const limits = perVersion(['9223372036854771712', 'max', '1024'], ['max', 'max', '100'])
  const found = [
    x.cgroup('memory/memory.limit_in_bytes', 'memory.max'),
    x.cgroup('pids/pids.max', 'pids.max'),
    x.cgroup('cpu/cpu.shares', 'cpu.weight'),
  ]
  assert.deepEqual(found, x.cgroupVersion === 1 ? limits.v1 : limits.v2)
})

test('privileged: no masks, all the host’s devices, /sys and cgroups writable', async () => {
  const x = await seen({ Privileged: true })
  for (const path of [...MASKED, ...READONLY]) assert.equal(x.mount(path), undefined, path)
  assert.match(x.mount('/sys')!.options, /^rw/)
  for (const { target, options } of x.mounts().filter(({ type }) => type.startsWith('cgroup')))
    assert.match(options, /^rw/, target)
  const own = /^CapBnd:\s+(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]
  assert.equal(x.status('CapEff'), own)
  assert.equal(x.status('Seccomp'), '0')
  assert.ok(x.exists('/dev/kmsg'))
})

test('a read-only root: what is mounted by Docker is read-only, but for what programs need', async () => {
  const x = await seen({ ReadonlyRootfs: true })
  const writable = x
    .mounts()
    .filter(({ options }) => options.startsWith('rw'))
    .map(({ target }) => target)
    .sort()
  assert.deepEqual(writable, ['/dev', '/dev/mqueue', '/dev/pts', '/dev/shm', '/proc'])
})
