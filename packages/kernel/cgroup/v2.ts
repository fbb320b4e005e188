import { KernelError, type Native } from '../native.ts'
import { change } from './change.ts'
import type {
  CgroupDriver,
  CgroupFeatures,
  CgroupMountPoint,
  CgroupResources,
  CgroupSpec,
} from './driver.ts'
import { type CgroupFs, isErrno, setLimit } from './fs.ts'
import { JoinWarmth } from './join-warmth.ts'
import { watchOomV2 } from './oom-watch.ts'
import type { CgroupStats } from './stats.ts'
import {
  ancestors,
  checkGroupPath,
  readIfThere,
  readKey,
  readPids,
  removeTrees,
  retry,
  retrySoon,
} from './tree.ts'
import { isForAll } from './v1-limits.ts'
import { v2Limits } from './v2-limits.ts'
import { readV2Stats } from './v2-stats.ts'

/** The unified hierarchy. */
export class V2Driver implements CgroupDriver {
  readonly version = 2
  readonly controllers: ReadonlySet<string>
  readonly features: CgroupFeatures
  readonly cpusAvailable: string
  readonly memsAvailable: string

  readonly #fs: CgroupFs
  readonly #native: Pick<Native, 'bpfDeviceAttach'>
  readonly #root: string
  readonly #parent: string
  readonly #daemonGroup: string
  /** Parents in which the controllers are switched on. */
  readonly #open = new Set<string>()
  readonly #made = new Set<string>()
  readonly #warmth: JoinWarmth

  constructor(o: {
    fs: CgroupFs
    native: Pick<Native, 'bpfDeviceAttach'>
    root: string
    parent: string
    /** Path of the daemon's own group. */
    daemonGroup: string
  }) {
    this.#fs = o.fs
    this.#native = o.native
    this.#root = o.root
    this.#parent = o.parent
    this.#daemonGroup = o.daemonGroup
    this.#warmth = new JoinWarmth(`${o.root}${o.daemonGroup}/cgroup.procs`)
    this.controllers = new Set(words(o.fs.read(`${o.root}/cgroup.controllers`)))
    this.features = { ...features(this.controllers), swapLimit: this.#hasSwap() }
    this.cpusAvailable = this.#readRoot('cpuset.cpus.effective')
    this.memsAvailable = this.#readRoot('cpuset.mems.effective')
  }

  async create(spec: CgroupSpec): Promise<void> {
    checkGroupPath(spec.path)
    const directory = this.#root + spec.path
    this.#openParents(spec.path)
    this.#fs.mkdir(directory)
    try {
      for (const [file, value] of this.#limits(spec.path, spec.resources))
        setLimit(this.#fs, `${directory}/${file}`, value)
      // The kernel has no files for this: a program decides, attached before anything runs.
      if (!spec.devices.every((rule) => rule.allow && isForAll(rule))) {
        await this.#native.bpfDeviceAttach({ cgroup: directory, rules: spec.devices })
      }
    } catch (error) {
      await removeTrees(this.#fs, [directory])
      throw error
    }
  }

  procsFiles(path: string): string[] {
    return [`${this.#root}${path}/cgroup.procs`]
  }

  mountPoints(path: string): CgroupMountPoint[] {
    return [{ controllers: '', name: '', source: this.#root + path }]
  }

  shimProcsFiles(): string[] {
    if (this.#daemonGroup === '/') return []
    // A leaf: groups with controllers for their children hold no processes themselves.
    const group = `${this.#parent}/shims`
    if (!this.#made.has(group)) {
      this.#openParents(group)
      this.#mkdir(group)
    }
    return this.procsFiles(group)
  }

  async update(path: string, resources: CgroupResources): Promise<() => Promise<void>> {
    checkGroupPath(path)
    const writes = this.#limits(path, resources)
    return change(
      this.#fs,
      writes.map(([file, value]) => ({ file: `${this.#root}${path}/${file}`, value })),
    )
  }

  async freeze(path: string, frozen: boolean): Promise<void> {
    checkGroupPath(path)
    const directory = this.#root + path
    this.#fs.write(`${directory}/cgroup.freeze`, frozen ? '1' : '0')
    const wanted = frozen ? 1 : 0
    const events = `${directory}/cgroup.events`
    if (!(await retrySoon(() => readKey(this.#fs.read(events), 'frozen') === wanted))) {
      throw new KernelError('ETIMEDOUT', 110, 'cgroup.freeze', directory)
    }
  }

  async isFrozen(path: string): Promise<boolean> {
    checkGroupPath(path)
    return readIfThere(this.#fs, `${this.#root}${path}/cgroup.freeze`)?.trim() === '1'
  }

  async kill(path: string): Promise<void> {
    checkGroupPath(path)
    const file = `${this.#root}${path}/cgroup.kill`
    if (this.#fs.exists(file)) {
      this.#fs.write(file, '1')
      return
    }
    // Kernels before 5.14.
    await retry(() => {
      const pids = readPids(this.#fs, this.#root + path)
      for (const pid of pids) signalKill(pid)
      return pids.length === 0
    })
  }

  async pids(path: string): Promise<number[]> {
    checkGroupPath(path)
    return readPids(this.#fs, this.#root + path)
  }

  stats(path: string): CgroupStats | undefined {
    checkGroupPath(path)
    return readV2Stats((file) => readIfThere(this.#fs, `${this.#root}${path}/${file}`))
  }

  async oomKills(path: string): Promise<number> {
    return this.#oomKillsNow(path) ?? 0
  }

  watchOom(path: string, told: number, onOom: (kills: number) => void): Disposable {
    const file = `${this.#root}${path}/memory.events`
    if (!this.#fs.exists(file)) return { [Symbol.dispose]: () => undefined }
    return watchOomV2({ file, kills: () => this.#oomKillsNow(path), told, onOom })
  }

  async remove(path: string): Promise<void> {
    checkGroupPath(path)
    await removeTrees(this.#fs, [this.#root + path])
  }

  anticipateJoin(): void {
    this.#warmth.keep()
  }

  close(): void {
    this.#warmth.close()
    // Those an earlier daemon made count as ours, too: it may have crashed.
    const own = [this.#parent, `${this.#parent}/shims`]
    for (const group of new Set([...own, ...this.#made].toReversed())) {
      try {
        this.#fs.rmdir(this.#root + group)
        this.#made.delete(group)
        this.#open.delete(group)
      } catch (error) {
        if (!isErrno(error, 'EBUSY', 'ENOTEMPTY', 'ENOENT')) throw error
      }
    }
  }

  /** The root has no such file; every other group has it where the kernel counts swap. */
  #hasSwap(): boolean {
    if (!this.controllers.has('memory')) return false
    if (this.#daemonGroup === '/') return true
    return this.#fs.exists(`${this.#root}${this.#daemonGroup}/memory.swap.max`)
  }

  #readRoot(file: string): string {
    const path = `${this.#root}/${file}`
    return this.#fs.exists(path) ? this.#fs.read(path).trim() : ''
  }

  /** A controller reaches a group only when each group above it hands it on. */
  #openParents(path: string): void {
    const groups = ['', ...ancestors(path)]
    for (const group of groups) {
      if (this.#open.has(group)) continue
      if (group !== '') this.#mkdir(group)
      this.#handOn(this.#root + group)
      this.#open.add(group)
    }
  }

  #mkdir(group: string): void {
    try {
      this.#fs.mkdir(this.#root + group)
      this.#made.add(group)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
  }

  #handOn(directory: string): void {
    const here = words(this.#fs.read(`${directory}/cgroup.controllers`))
    const on = new Set(words(this.#fs.read(`${directory}/cgroup.subtree_control`)))
    for (const controller of here) {
      if (on.has(controller) || !wanted.has(controller)) continue
      try {
        this.#fs.write(`${directory}/cgroup.subtree_control`, `+${controller}`)
      } catch (error) {
        // cpuset and cpu may be held back by their own rules; what is missing is not limited.
        if (!isErrno(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP')) throw error
      }
    }
  }

  #limits(path: string, resources: CgroupResources): Array<readonly [string, string]> {
    return v2Limits(resources, (file) => this.#fs.exists(`${this.#root}${path}/${file}`))
  }

  #oomKillsNow(path: string): number | undefined {
    checkGroupPath(path)
    try {
      return readKey(this.#fs.read(`${this.#root}${path}/memory.events`), 'oom_kill')
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENODEV')) return undefined
      throw error
    }
  }
}

const wanted: ReadonlySet<string> = new Set(['cpu', 'cpuset', 'io', 'memory', 'pids'])

function features(controllers: ReadonlySet<string>): CgroupFeatures {
  const memory = controllers.has('memory')
  const cpu = controllers.has('cpu')
  const io = controllers.has('io')
  return {
    memoryLimit: memory,
    swapLimit: memory,
    memoryReservation: memory,
    memorySwappiness: false,
    oomKillDisable: false,
    cpuShares: cpu,
    cpuCfs: cpu,
    cpuRealtime: false,
    cpuset: controllers.has('cpuset'),
    pidsLimit: controllers.has('pids'),
    blkioWeight: io,
    blkioWeightDevice: io,
    blkioThrottle: io,
  }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean)
}

function signalKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
