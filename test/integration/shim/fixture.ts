import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadNative, shimPath } from '@tdocker/kernel/load-native.ts'
import { NativeShimLauncher } from '@tdocker/kernel/shim/launcher.ts'
import type {
  CreateTarget,
  ExitRecord,
  LaunchPlan,
  PlanMount,
  PlanProcess,
  PlanStdio,
} from '@tdocker/kernel/shim/plan.ts'
import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'

export const native: ReturnType<typeof loadNative> = loadNative()
export const launcher: NativeShimLauncher = new NativeShimLauncher({
  native,
  shimPath: process.env['TDOCKER_TEST_SHIM'] ?? shimPath(),
})

/** moby's default set. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
]

export const DEFAULT_MOUNTS: readonly PlanMount[] = [
  { type: 'proc', target: '/proc', flags: ['nosuid', 'noexec', 'nodev'], data: [] },
  {
    type: 'tmpfs',
    target: '/dev',
    flags: ['nosuid', 'strictatime'],
    data: [
      ['mode', '755'],
      ['size', '65536k'],
    ],
  },
  {
    type: 'devpts',
    target: '/dev/pts',
    flags: ['nosuid', 'noexec'],
    data: [
      ['newinstance', ''],
      ['ptmxmode', '0666'],
      ['mode', '0620'],
      ['gid', '5'],
    ],
  },
  { type: 'sysfs', target: '/sys', flags: ['nosuid', 'noexec', 'nodev', 'ro'], data: [] },
  { type: 'mqueue', target: '/dev/mqueue', flags: ['nosuid', 'noexec', 'nodev'], data: [] },
  {
    type: 'tmpfs',
    target: '/dev/shm',
    flags: ['nosuid', 'noexec', 'nodev'],
    data: [
      ['mode', '1777'],
      ['size', '65536k'],
    ],
  },
]

export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/timer_list',
  '/proc/scsi',
  '/sys/firmware',
]
export const READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
]

/** A directory on tmpfs with a busybox tree, removed at the end of the scope. */
export class Sandbox {
  readonly dir: string = mkdtempSync('/dev/shm/tdocker-shim-test-')
  readonly lower: string = join(this.dir, 'lower')
  #next = 0

  constructor() {
    for (const path of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev'])
      mkdirSync(join(this.lower, path), { recursive: true })
    copyFileSync('/bin/busybox', join(this.lower, 'bin/busybox'))
    for (const name of BUSYBOX_NAMES) symlinkSync('busybox', join(this.lower, 'bin', name))
    writeFileSync(join(this.lower, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n')
  }

  path(name: string): string {
    return join(this.dir, name)
  }

  /** A container of its own on the shared lower directory. */
  async start(o: StartOptions = {}): Promise<TestContainer> {
    const id = `tdst${process.pid}-${this.#next++}`
    const upper = this.path(`${id}.upper`)
    const work = this.path(`${id}.work`)
    mkdirSync(upper)
    mkdirSync(work)
    const rootFd = await native.overlayOpen({ lowers: [this.lower], upper, work })
    const plan = makePlan(this.path(id), id, o)
    try {
      const shim = await launcher.launch(plan, [rootFd, ...(o.fds ?? [])])
      return new TestContainer(plan, shim, upper)
    } finally {
      native.closeFd(rootFd)
    }
  }

  /** Runs a command to its end. */
  async run(argv: readonly string[], o: StartOptions = {}): Promise<Ended> {
    const container = await this.start({ ...o, process: { ...o.process, argv } })
    return container.ended()
  }

  /** Runs a shell script to its end and answers its standard output. */
  async sh(script: string, o: StartOptions = {}): Promise<string> {
    return (await this.run(['/bin/sh', '-c', script], o)).stdout
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}

const BUSYBOX_NAMES: readonly string[] = [
  'sh',
  'ls',
  'cat',
  'true',
  'false',
  'echo',
  'sleep',
  'head',
  'tail',
  'grep',
  'id',
  'hostname',
  'mount',
  'touch',
  'stat',
  'pwd',
  'mkdir',
  'tty',
  'stty',
  'seq',
  'dd',
  'yes',
  'wc',
  'kill',
  'ps',
  'readlink',
  'ip',
  'chmod',
  'env',
  'test',
  'tr',
  'od',
]

export interface StartOptions {
  process?: Partial<PlanProcess>
  stdio?: Partial<PlanStdio>
  target?: Partial<CreateTarget>
  mounts?: readonly PlanMount[]
  /** Passed behind the root's descriptor: their indexes start at 1. */
  fds?: readonly number[]
  plan?: Partial<LaunchPlan>
}

function makePlan(base: string, name: string, o: StartOptions): LaunchPlan {
  return {
    name,
    shim: { socket: `${base}.sock`, exitFile: `${base}.exit`, cgroupProcs: [] },
    stdio: { tty: false, stdin: 'null', stdinOnce: false, ...o.stdio },
    log: { driver: 'json-file', path: `${base}.log`, maxSize: -1, maxFile: 1, attrs: '' },
    clients: [],
    hold: [],
    target: {
      ...withoutHostname(o.target),
      mounts: [...DEFAULT_MOUNTS, ...(o.mounts ?? [])],
      ...o.target,
    },
    process: { ...defaultProcess(), ...o.process },
    ...o.plan,
  }
}

/** A host's name is not the container's to set. */
function withoutHostname(target: Partial<CreateTarget> | undefined): CreateTarget {
  const { hostname, ...rest } = defaultTarget()
  return target?.namespaces?.uts === 'host' || hostname === undefined ? rest : { ...rest, hostname }
}

function defaultTarget(): CreateTarget {
  const device = (name: string, major: number, minor: number): CreateTarget['devices'][number] => ({
    path: `/dev/${name}`,
    type: 'c',
    major,
    minor,
    mode: 0o666,
    uid: 0,
    gid: 0,
  })
  return {
    kind: 'create',
    namespaces: { pid: 'new', net: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
    cgroupProcs: [],
    rootFd: 0,
    readonlyRoot: false,
    rootPropagation: 'rprivate',
    hostname: 'box',
    mounts: DEFAULT_MOUNTS,
    devices: [device('null', 1, 3), device('zero', 1, 5), device('urandom', 1, 9)],
    symlinks: [
      ['/dev/fd', '/proc/self/fd'],
      ['/dev/stdout', '/proc/self/fd/1'],
      ['/dev/ptmx', 'pts/ptmx'],
    ],
    sysctls: [['net.ipv4.ip_unprivileged_port_start', '0']],
    maskedPaths: MASKED_PATHS,
    readonlyPaths: READONLY_PATHS,
  }
}

export function defaultProcess(): PlanProcess {
  return {
    argv: ['/bin/true'],
    env: ['PATH=/usr/bin:/bin', 'HOME=/root'],
    cwd: '/',
    uid: 0,
    gid: 0,
    groups: [0],
    capabilities: {
      bounding: DEFAULT_CAPABILITIES,
      effective: DEFAULT_CAPABILITIES,
      permitted: DEFAULT_CAPABILITIES,
      ambient: [],
    },
    noNewPrivileges: false,
    rlimits: [],
    oomScoreAdj: 0,
    keyring: true,
  }
}

export interface LogEntry {
  log: string
  stream: string
  time: string
  attrs?: Record<string, string>
}

export interface Ended {
  exit: ExitRecord
  stdout: string
  stderr: string
  entries: LogEntry[]
}

export class TestContainer {
  readonly plan: LaunchPlan
  readonly shim: ShimProcess
  readonly upper: string

  constructor(plan: LaunchPlan, shim: ShimProcess, upper: string) {
    this.plan = plan
    this.shim = shim
    this.upper = upper
  }

  async ended(): Promise<Ended> {
    const exit = await alive(this.shim.exited)
    if (exit === undefined) throw new Error('the shim died')
    const { log } = this.plan
    const entries = log.driver === 'none' ? [] : await readLog(log.path)
    const stream = (name: string): string =>
      entries
        .filter((entry) => entry.stream === name)
        .map((entry) => entry.log)
        .join('')
    return { exit, stdout: stream('stdout'), stderr: stream('stderr'), entries }
  }

  /** Runs a process in this container. */
  async exec(o: StartOptions = {}): Promise<TestContainer> {
    const pidfd = native.pidfdOpen(this.shim.pid)
    const base = `${this.plan.shim.socket}.exec${execs++}`
    const plan: LaunchPlan = {
      ...makePlan(base, this.plan.name, o),
      target: o.plan?.target ?? { kind: 'enter', pidfd: 0, cgroupProcs: [] },
    }
    try {
      const shim = await launcher.launch(plan, [pidfd, ...(o.fds ?? [])])
      return new TestContainer(plan, shim, this.upper)
    } finally {
      native.closeFd(pidfd)
    }
  }

  kill(signal: number = 9): void {
    const pidfd = native.pidfdOpen(this.shim.pid)
    try {
      native.pidfdSendSignal(pidfd, signal)
    } finally {
      native.closeFd(pidfd)
    }
  }
}

let execs = 0

export async function readLog(path: string): Promise<LogEntry[]> {
  const text = await readFile(path, 'utf8')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogEntry)
}

/** The addon's waits do not keep Node alive by themselves. */
export async function alive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000)
  try {
    return await promise
  } finally {
    clearInterval(timer)
  }
}
