import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { encodePlan } from './encode.ts'
import type { CreateTarget, LaunchPlan } from './plan.ts'
import { PLAN_VERSION } from './record.ts'

/** Records that end in raw bytes, and how many fields come before them. */
const TAILS: Readonly<Record<string, number>> = { seccomp: 1, client: 4 }

/** One record a line, as the shim reads them. Written independently of the encoder. */
function decode(plan: Buffer): string {
  assert.equal(plan[0], PLAN_VERSION)
  const lines: string[] = []
  for (let at = 1; at < plan.length;) {
    const end = at + 4 + plan.readUInt32LE(at)
    assert.ok(end <= plan.length)
    lines.push(decodeRecord(plan.subarray(at + 4, end)))
    at = end
  }
  return `${lines.join('\n')}\n`
}

function decodeRecord(record: Buffer): string {
  const fields: string[] = []
  const name = record.subarray(0, record.indexOf(0)).toString()
  let at = 0
  while (at < record.length && fields.length < (TAILS[name] ?? Infinity)) {
    const end = record.indexOf(0, at)
    assert.ok(end >= 0, `unterminated field in ${name}`)
    fields.push(record.subarray(at, end).toString())
    at = end + 1
  }
  if (name in TAILS) fields.push(`raw:${record.subarray(at).toString('hex')}`)
  return fields.map((field) => JSON.stringify(field)).join(' ')
}

function golden(name: string, plan: LaunchPlan): void {
  const file = join(import.meta.dirname, 'golden', `${name}.txt`)
  const actual = decode(encodePlan(plan))
  if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(file, actual)
  assert.equal(actual, readFileSync(file, 'utf8'))
}

const create: CreateTarget = {
  kind: 'create',
  namespaces: { pid: 'new', net: { fd: 1 }, ipc: 'new', uts: 'new', cgroup: 'new' },
  cgroupProcs: ['/sys/fs/cgroup/memory/x/cgroup.procs', '/sys/fs/cgroup/unified/x/cgroup.procs'],
  rootFd: 0,
  readonlyRoot: true,
  rootPropagation: 'rslave',
  hostname: 'box',
  domainname: 'example',
  mounts: [
    { type: 'proc', target: '/proc', flags: ['nosuid', 'noexec', 'nodev'], data: [] },
    {
      type: 'tmpfs',
      target: '/tmp',
      flags: ['ro', 'strictatime'],
      data: [
        ['mode', '1777'],
        ['noswap', ''],
      ],
      tmpcopyup: true,
    },
    {
      type: 'bind',
      source: { fd: 2 },
      target: '/data',
      recursive: true,
      readonly: true,
      recursiveReadonly: true,
      propagation: 'rshared',
      flags: [],
      directory: true,
    },
    { type: 'cgroup', target: '/sys/fs/cgroup/cpu', flags: ['ro'], controllers: 'cpu,cpuacct' },
    { type: 'cgroup', target: '/sys/fs/cgroup/systemd', flags: [], controllers: 'name=systemd' },
    {
      type: 'bind',
      source: { path: '/host/file' },
      target: '/etc/file',
      recursive: false,
      readonly: true,
      recursiveReadonly: false,
      propagation: '',
      flags: ['noatime', 'nosuid'],
      directory: false,
    },
  ],
  devices: [{ path: '/dev/null', type: 'c', major: 1, minor: 3, mode: 0o666, uid: 0, gid: 0 }],
  symlinks: [['/dev/fd', '/proc/self/fd']],
  sysctls: [
    ['net.ipv4.ip_forward', '1'],
    ['net/ipv4/conf/eth0.100/forwarding', '0'],
    ['net.ipv4.conf.eth0/200.forwarding', '0'],
  ],
  maskedPaths: ['/proc/keys'],
  readonlyPaths: ['/proc/sys'],
}

const base: LaunchPlan = {
  name: '0123456789ab',
  shim: { socket: '/run/x/s', exitFile: '/run/x/exit', cgroupProcs: ['/cg/cgroup.procs'] },
  stdio: { tty: false, stdin: 'open', stdinOnce: true },
  log: {
    driver: 'json-file',
    path: '/log',
    maxSize: 1000,
    maxFile: 3,
    attrs: '{"a":"b"}',
  },
  clients: [
    {
      fd: 3,
      stdin: true,
      stdout: true,
      stderr: false,
      detachKeys: [16, 17],
      head: Uint8Array.of(0, 255, 10),
    },
  ],
  hold: [4],
  target: create,
  process: {
    argv: ['sh', '-c', 'echo "ä"'],
    env: ['PATH=/bin', 'A=b=c'],
    cwd: '/work dir',
    uid: 1000,
    gid: 1001,
    groups: [1001, 5],
    capabilities: {
      bounding: ['CHOWN', 'CAP_KILL'],
      effective: ['CHOWN'],
      permitted: ['CHOWN'],
      ambient: [],
    },
    noNewPrivileges: false,
    rlimits: [{ name: 'RLIMIT_NOFILE', soft: 1024n, hard: 18446744073709551615n }],
    oomScoreAdj: -100,
    seccomp: Uint8Array.of(6, 0, 0, 0, 0, 0, 255, 127),
    keyring: true,
  },
}

void describe('encodePlan', () => {
  void it('writes the records of a container', () => {
    golden('create', base)
  })

  void it('writes the records of a terminal without what may be absent', () => {
    golden('create-tty', {
      ...base,
      stdio: { tty: true, stdin: 'null', stdinOnce: false, consoleSize: [24, 80] },
      log: { driver: 'none' },
      clients: [],
      hold: [],
      target: {
        ...create,
        namespaces: { pid: 'host', net: 'host', ipc: 'host', uts: 'host', cgroup: 'host' },
        mounts: [],
        maskedPaths: [],
        readonlyPaths: [],
      },
      process: { ...base.process, noNewPrivileges: true, keyring: false, rlimits: [] },
    })
  })

  void it('writes the records of an exec', () => {
    golden('enter', {
      ...base,
      stdio: { tty: true, stdin: 'open', stdinOnce: true },
      target: { kind: 'enter', pidfd: 0, cgroupProcs: ['/cg/cgroup.procs'] },
      process: {
        ...base.process,
        capabilities: { bounding: [], effective: [], permitted: [], ambient: ['NET_RAW'] },
      },
    })
  })

  void it('says where segments begin and what may wait to be sent', () => {
    const log = { path: '/log', maxSize: -1, maxFile: 5, attrs: '', driver: 'segments' } as const
    const line = (more: object): string | undefined =>
      decode(encodePlan({ ...base, log: { ...log, start: 70, ...more } }))
        .split('\n')
        .find((record) => record.startsWith('"log"'))
    assert.equal(line({}), '"log" "segments" "/log" "-1" "5" "" "70" "-1" "0"')
    const backlog = { limit: 1000, sent: 60 }
    assert.equal(line({ backlog }), '"log" "segments" "/log" "-1" "5" "" "70" "1000" "60"')
  })

  void it('loads a filter without no_new_privs while CAP_SYS_ADMIN is held, and drops it then', () => {
    const names = decode(encodePlan(base)).trimEnd().split('\n')
    const sets = names.filter((line) => line.startsWith('"capabilities"'))
    assert.deepEqual(sets, ['"capabilities" "200001" "200001" "0"', '"capabilities" "1" "1" "0"'])
    const order = names
      .map((line) => JSON.parse(line.split(' ')[0] ?? '') as string)
      .filter((name) => ['user', 'capabilities', 'find', 'seccomp', 'exec'].includes(name))
    assert.deepEqual(order, ['user', 'capabilities', 'find', 'seccomp', 'capabilities', 'exec'])
  })

  const refused: Array<[string, Partial<LaunchPlan['process']>]> = [
    ['a NUL byte in an argument', { argv: ['a\0b'] }],
    ['a NUL byte in a variable', { env: ['A=\0'] }],
    ['a user id that means "unchanged"', { uid: 4294967295 }],
    ['a negative user id', { uid: -1 }],
    ['a group that is no number', { groups: [NaN] }],
    ['a fraction', { umask: 0.5 }],
    ['an unknown limit', { rlimits: [{ name: 'RLIMIT_X', soft: 0n, hard: 0n }] }],
    [
      'an unknown capability',
      { capabilities: { ...base.process.capabilities, ambient: ['SYS_NOTHING'] } },
    ],
  ]
  for (const [what, process] of refused)
    void it(`refuses ${what}`, () => {
      assert.throws(
        () => encodePlan({ ...base, process: { ...base.process, ...process } }),
        RangeError,
      )
    })
})
