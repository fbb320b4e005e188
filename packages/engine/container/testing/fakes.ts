/** Stand-ins for everything containers are made with: no kernel, no root, no time. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ContainerCreateRequest } from '@tdocker/api'
import type { CgroupDriver } from '@tdocker/kernel/cgroup/driver.ts'
import type { CgroupStats } from '@tdocker/kernel/cgroup/stats.ts'
import { ALL_FEATURES } from '@tdocker/kernel/cgroup/testing/features.ts'
import type { ImageConfig } from '@tdocker/oci'
import { notFound } from '../../base/errors.ts'
import type { Hijack } from '../../backend-types.ts'
import type { NewEvent } from '../../event/event-log.ts'
import type { RunProbe } from '../../health/probe.ts'
import type { Statement, Store } from '../../store/store.ts'
import type { Clock } from '../clock.ts'
import { type Containers, containersConfig, createContainers } from '../containers.ts'
import type { ContainersConfig } from '../containers-config.ts'
import type { ContainerNative } from '../context.ts'
import type { HostUsage } from '../stats/host-usage.ts'
import type { VolumeHandle, Volumes, VolumeTree } from '../needs.ts'
import { FakeNetworks } from './fake-networks.ts'
import { FakeShims } from './fake-shims.ts'

/** Time stands still until it is told to pass. */
export class FakeClock implements Clock {
  #nowNs = 1_700_000_000_000_000_000n
  readonly #timers: Array<{ atNs: bigint; call: () => void }> = []

  nowNs(): bigint {
    return this.#nowNs
  }

  monotonicMs(): number {
    return Number(this.#nowNs / 1_000_000n)
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atNs: this.#nowNs + BigInt(ms) * 1_000_000n, call }
    this.#timers.push(timer)
    return () => {
      const index = this.#timers.indexOf(timer)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }

  get waiting(): number {
    return this.#timers.length
  }

  async pass(ms: number): Promise<void> {
    this.#nowNs += BigInt(ms) * 1_000_000n
    for (const timer of this.#timers.filter(({ atNs }) => atNs <= this.#nowNs)) {
      this.#timers.splice(this.#timers.indexOf(timer), 1)
      timer.call()
    }
    await settled()
  }
}

/** Lets everything run that can run without time passing. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Descriptors are counted; signals and removed trees are noted. */
export class FakeKernel {
  readonly open: Set<number> = new Set()
  readonly signals: Array<[pid: number, signal: number]> = []
  readonly removed: string[] = []
  /** What a signal does to the process, if it does. */
  onSignal: (pid: number, signal: number) => void = () => {}
  passwd = 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n'
  /** Paths that `statIn` finds, as directories. */
  readonly directories: Set<string> = new Set()
  #next = 100

  readonly native: ContainerNative = {
    closeFd: (fd) => {
      if (!this.open.delete(fd)) throw new Error(`descriptor ${fd} closed twice`)
    },
    dupFd: () => this.fd(),
    logFrames: ({ position }) =>
      Promise.resolve({ frames: Buffer.alloc(0), position, pastUntil: false }),
    mountClone: () => Promise.resolve(this.fd()),
    nsOpen: () => this.fd(),
    openRoot: () => this.fd(),
    overlayOpen: () => Promise.resolve(this.fd()),
    pidfdGetFd: () => 77,
    pidfdOpen: (pid) => {
      const fd = this.fd()
      this.#pids.set(fd, pid)
      return fd
    },
    pidfdSendSignal: (pidfd, signal) => {
      if (!this.open.has(pidfd)) throw new Error(`signal to descriptor ${pidfd}, which is closed`)
      const pid = this.#pids.get(pidfd) ?? 0
      this.signals.push([pid, signal])
      this.onSignal(pid, signal)
    },
    readFileIn: (o) =>
      Promise.resolve(Buffer.from(o.path === '/etc/passwd' ? this.passwd : 'root:x:0:\n')),
    pathOpen: () => Promise.resolve({ fd: this.fd(), stat: { type: 'directory' } as never }),
    resolveIn: (o) => Promise.resolve(o.path),
    tarPacker: () => ({
      read: async () => undefined,
      readInto: async () => 0,
      send: async () => 'done' as const,
      close: async () => {},
    }),
    tarUnpacker: () => ({
      feed: async () => {},
      feedFrom: async () => 'done' as const,
      end: async () => {},
      abort: async () => {},
    }),
    decompressor: () => ({ push() {}, pull: async () => undefined, whole: () => true }),
    socketBody: () => ({
      read: async () => ({ data: Buffer.alloc(0), progress: 'done' as const }),
      readInto: async () => ({ size: 0, progress: 'done' as const }),
      close: async () => {},
    }),
    waitReadable: () => ({ readable: Promise.resolve(true), cancel: () => {} }),
    treeAssemble: () => Promise.resolve({ fd: this.fd(), directory: true, missing: [] }),
    treeChanges: () => Promise.resolve([]),
    removeTree: (dir) => {
      this.removed.push(dir)
      rmSync(dir, { recursive: true, force: true })
      return Promise.resolve()
    },
    socketPair: () => [this.fd(), this.fd()],
    statIn: (o) =>
      Promise.resolve(this.directories.has(o.path) ? ({ type: 'directory' } as never) : undefined),
    treeSize: () => Promise.resolve({ bytes: 5, entries: 1 }),
    unixDatagram: () => this.fd(),
    sendDatagram: () => true,
  }
  readonly #pids = new Map<number, number>()

  fd(): number {
    const fd = this.#next++
    this.open.add(fd)
    return fd
  }
}

export class FakeEvents {
  readonly events: NewEvent[] = []
  readonly statements: Statement[] = []
  failure: Error | undefined

  commit(statements: readonly Statement[], events: readonly NewEvent[]): Promise<void> {
    if (this.failure) return Promise.reject(this.failure)
    this.statements.push(...statements)
    this.events.push(...events)
    return Promise.resolve()
  }

  async *stream(): AsyncIterable<never> {}

  async *batches(): AsyncIterable<never> {}

  /** `action name` of all so far. */
  get actions(): string[] {
    return this.events.map((event) => event.action)
  }
}

/** Groups by path; what is frozen, and how many were OOM-killed, is the test's to say. */
export type FakeCgroups = CgroupDriver & {
  ooms: number
  readonly frozen: Set<string>
  readonly oomWatches: Map<string, { told: number; onOom: (kills: number) => void }>
  used: CgroupStats
}

const NO_CPU: CgroupStats['cpu'] = {
  totalNs: 0,
  userNs: 0,
  kernelNs: 0,
  periods: 0,
  throttledPeriods: 0,
  throttledNs: 0,
}

export function fakeCgroups(groups: Set<string>): FakeCgroups {
  return {
    ooms: 0,
    used: { cpu: { ...NO_CPU }, pids: { current: 1, limit: 0 } },
    frozen: new Set(),
    oomWatches: new Map(),
    version: 1,
    controllers: new Set(['memory']),
    features: ALL_FEATURES,
    cpusAvailable: '0-1',
    memsAvailable: '0',
    create(spec) {
      groups.add(spec.path)
      return Promise.resolve()
    },
    procsFiles: (path) => [`/cg${path}/cgroup.procs`],
    mountPoints: () => [],
    shimProcsFiles: () => [],
    update: () => Promise.resolve(() => Promise.resolve()),
    freeze(path, frozen) {
      if (frozen) this.frozen.add(path)
      else this.frozen.delete(path)
      return Promise.resolve()
    },
    isFrozen(path) {
      return Promise.resolve(this.frozen.has(path))
    },
    kill: () => Promise.resolve(),
    pids: () => Promise.resolve([]),
    stats(path) {
      return groups.has(path) ? this.used : undefined
    },
    oomKills() {
      return Promise.resolve(this.ooms)
    },
    watchOom(path, told, onOom) {
      this.oomWatches.set(path, { told, onOom })
      return { [Symbol.dispose]: () => void this.oomWatches.delete(path) }
    },
    remove(path) {
      groups.delete(path)
      return Promise.resolve()
    },
    anticipateJoin() {},
    close() {},
  } as FakeCgroups
}

export class FakeVolumes implements Volumes {
  readonly made: string[] = []
  readonly discarded: string[] = []
  readonly populated: string[] = []
  readonly removed: string[] = []

  acquire(o: { name: string; driver: string }): Promise<VolumeHandle> {
    const anonymous = o.name === ''
    const name = anonymous ? `anon${this.made.length}` : o.name
    const created = !this.made.includes(name)
    if (created) this.made.push(name)
    return Promise.resolve({
      name,
      driver: 'local',
      mountpoint: `/volumes/${name}/_data`,
      anonymous,
      created,
      release: () => {},
      discard: () => Promise.resolve(void this.discarded.push(name)),
    })
  }

  use(name: string, containerId: string): Statement {
    return { sql: 'use', parameters: [name, containerId] }
  }

  populate(volume: VolumeHandle, from: { path: string }): Promise<void> {
    this.populated.push(`${volume.name}:${from.path}`)
    return Promise.resolve()
  }

  mountpoint(name: string): string {
    return `/volumes/${name}/_data`
  }

  mount(o: { name: string }): Promise<VolumeTree> {
    return Promise.resolve({ source: { path: this.mountpoint(o.name) }, directory: true })
  }

  unmount(): Promise<void> {
    return Promise.resolve()
  }

  keptMounted(): string[] {
    return []
  }

  adopt(): void {}

  removeAnonymousOf(_id: string, names: readonly string[]): Promise<void> {
    this.removed.push(...names)
    return Promise.resolve()
  }
}

const QUIET = {
  rxBytes: 11,
  rxPackets: 1,
  rxErrors: 0,
  rxDropped: 0,
  txBytes: 0,
  txPackets: 0,
  txErrors: 0,
  txDropped: 0,
}

const HOST_USAGE: HostUsage = {
  memoryBytes: 1_000_000,
  cpu: () => ({ usageNs: 5000, online: 2 }),
  interfaces: () =>
    new Map([
      ['lo', QUIET],
      ['tunl0', QUIET],
      ['eth0', QUIET],
    ]),
}

const EMPTY_STORE: Store = {
  all: () => [],
  get: () => undefined,
  write: () => Promise.resolve(),
  changes: () => 0,
  compact: () => Promise.resolve(),
  close: () => Promise.resolve(),
}

export interface World extends AsyncDisposable {
  dir: string
  clock: FakeClock
  kernel: FakeKernel
  shims: FakeShims
  events: FakeEvents
  volumes: FakeVolumes
  networks: FakeNetworks
  cgroups: ReturnType<typeof fakeCgroups>
  groups: Set<string>
  image: ImageConfig
  containers: Containers
  /** Names of the log's records at level error. */
  errors: string[]
  create(body?: ContainerCreateRequest, name?: string): Promise<string>
}

/** A directory of its own and fakes around the real container room. */
export function makeWorld(
  o: { store?: Store; config?: Partial<ContainersConfig>; runProbe?: RunProbe } = {},
): World {
  const dir = mkdtempSync(join(tmpdir(), 'containers-'))
  const clock = new FakeClock()
  const kernel = new FakeKernel()
  const shims = new FakeShims()
  const events = new FakeEvents()
  const volumes = new FakeVolumes()
  const networks = new FakeNetworks(kernel)
  const groups = new Set<string>()
  const cgroups = fakeCgroups(groups)
  const errors: string[] = []
  const image: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: [] },
  }
  const containers = createContainers({
    native: kernel.native,
    shims,
    cgroups,
    store: o.store ?? EMPTY_STORE,
    events,
    images: {
      used: () => {},
      resolve: (name) =>
        name === 'busybox' || name === 'sha256:1'
          ? Promise.resolve({ id: 'sha256:1', config: image, lowers: ['/layers/1'] })
          : Promise.reject(notFound(`No such image: ${name}:latest`)),
    },
    commits: {
      target: (repo, tag) => (repo === '' ? undefined : { name: `${repo}:${tag || 'latest'}` }),
      applyChanges: (config) => config,
      commit: async () => 'sha256:2',
    },
    networks,
    volumes,
    sizes: {
      get: async (dir) => (await kernel.native.treeSize(dir)).bytes,
      within: async (dirs) => new Map(dirs.map((dir) => [dir, 0])),
    },
    host: {
      thermalThrottleCpus: [],
      kernelVersion: '6.18.0',
      machine: 'x86_64',
      apparmor: false,
      selinux: false,
      capabilities: ['CHOWN', 'KILL', 'SYS_ADMIN'],
    },
    appArmor: { forContainer: () => Promise.resolve(undefined), profileOf: () => '' },
    seccomp: { forContainer: () => Promise.resolve(undefined) },
    readLog: () => Readable.from(['past\n']),
    hostUsage: HOST_USAGE,
    config: containersConfig({
      dataRoot: join(dir, 'data'),
      execRoot: join(dir, 'run'),
      bootId: 'boot',
      machineName: 'machine',
      ...o.config,
    }),
    log: { info() {}, warn() {}, error: (_fields, message) => void errors.push(message) },
    clock,
    ...(o.runProbe ? { runProbe: o.runProbe } : {}),
  })
  return {
    dir,
    clock,
    kernel,
    shims,
    events,
    volumes,
    networks,
    cgroups,
    groups,
    image,
    containers,
    errors,
    async create(body = {}, name) {
      const request = { body: { Image: 'busybox', ...body } }
      const answer = await containers.backend.create(name ? { ...request, name } : request)
      return answer.Id
    },
    [Symbol.asyncDispose]: async () => {
      rmSync(dir, { recursive: true, force: true })
      return Promise.resolve()
    },
  }
}

export function fakeHijack(kernel: FakeKernel): Hijack & { fd: number | undefined } {
  return {
    fd: undefined,
    signal: new AbortController().signal,
    take() {
      this.fd = kernel.fd()
      return Promise.resolve({ fd: this.fd, head: Buffer.alloc(0) })
    },
  }
}

/** `kind: message` of a promise that must fail. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    const { kind, message } = error as { kind?: string; message: string }
    return `${kind ?? 'Error'}: ${message}`
  }
  throw new Error('it did not fail')
}
