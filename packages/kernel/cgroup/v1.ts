import { KernelError } from '../native.ts'
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
import { type OomNative, watchOomV1 } from './oom-watch.ts'
import {
  ancestors,
  checkGroupPath,
  deepestFirst,
  readIfThere,
  readKey,
  readPids,
  removeTrees,
  retry,
  retrySoon,
} from './tree.ts'
import type { CgroupStats } from './stats.ts'
import { type LimitWrite, v1DeviceCommands, v1Limits } from './v1-limits.ts'
import { readV1Stats } from './v1-stats.ts'

/** What a machine's v1 mounts look like. */
export interface V1Layout {
  /** Directory of each controller's hierarchy; co-mounted controllers share one. */
  controllers: ReadonlyMap<string, string>
  /** The named hierarchy without controllers. */
  systemd?: string
  /** The cgroup2 hierarchy without controllers. */
  unified?: string
}

/**
 * cgroup v1 with, where the machine has it, the unified hierarchy beside it, whose `cgroup.kill` and
 * `cgroup.freeze` work without controllers and do what v1 cannot: v1-frozen processes do not die.
 */
export class V1Driver implements CgroupDriver {
  readonly version = 1
  readonly controllers: ReadonlySet<string>
  readonly features: CgroupFeatures
  readonly cpusAvailable: string
  readonly memsAvailable: string

  readonly #fs: CgroupFs
  readonly #native: OomNative
  readonly #parent: string
  readonly #directories: ReadonlyMap<string, string>
  readonly #unified: string | undefined
  readonly #roots: readonly string[]
  readonly #daemonGroups: ReadonlyMap<string, string>
  /** Parents known to exist, so that the usual create is one mkdir per hierarchy. */
  readonly #made = new Set<string>()
  /** Which files the hierarchies have; that does not change while a machine runs. */
  readonly #known = new Map<string, boolean>()
  #shimProcs: string[] | undefined
  readonly #warmth: JoinWarmth

  constructor(o: {
    fs: CgroupFs
    native: OomNative
    layout: V1Layout
    parent: string
    /** Path of the daemon's own group by hierarchy directory. */
    daemonGroups: ReadonlyMap<string, string>
  }) {
    this.#fs = o.fs
    this.#native = o.native
    this.#parent = o.parent
    this.#directories = o.layout.controllers
    this.#unified = o.layout.unified
    this.#daemonGroups = o.daemonGroups
    const { systemd, unified, controllers } = o.layout
    this.#roots = [...new Set([...controllers.values(), systemd, unified])].filter(
      (root) => root !== undefined,
    )
    // The lock is one for all hierarchies.
    const any = unified ?? this.#roots[0] ?? ''
    this.#warmth = new JoinWarmth(`${any}${o.daemonGroups.get(any) ?? ''}/cgroup.procs`)
    this.controllers = new Set(controllers.keys())
    this.features = this.#detectFeatures()
    const cpuset = controllers.get('cpuset')
    this.cpusAvailable = cpuset ? o.fs.read(`${cpuset}/cpuset.cpus`).trim() : ''
    this.memsAvailable = cpuset ? o.fs.read(`${cpuset}/cpuset.mems`).trim() : ''
  }

  async create(spec: CgroupSpec): Promise<void> {
    checkGroupPath(spec.path)
    const made: string[] = []
    try {
      for (const root of this.#roots) {
        this.#ensureParents(root, spec.path)
        this.#fs.mkdir(root + spec.path)
        made.push(root + spec.path)
      }
      this.#inheritCpuset(spec.path)
      // A new group is unlimited, so nothing needs to be asked.
      for (const write of this.#limits(spec.resources, {}))
        setLimit(this.#fs, this.#file(spec.path, write), write.value)
      this.#applyDevices(spec)
    } catch (error) {
      await removeTrees(this.#fs, made)
      throw error
    }
  }

  procsFiles(path: string): string[] {
    return this.#roots.map((root) => `${root}${path}/cgroup.procs`)
  }

  mountPoints(path: string): CgroupMountPoint[] {
    return this.#roots
      .filter((root) => root !== this.#unified)
      .map((root) => {
        const name = root.slice(root.lastIndexOf('/') + 1)
        const controllers = name === 'systemd' ? 'name=systemd' : name
        return { controllers, name, source: root + path }
      })
  }

  shimProcsFiles(): string[] {
    if (this.#shimProcs) return this.#shimProcs
    const group = `${this.#parent}/shims`
    const roots = this.#roots.filter((root) => (this.#daemonGroups.get(root) ?? '/') !== '/')
    for (const root of roots) {
      this.#ensureParents(root, `${group}/x`)
    }
    this.#shimProcs = roots.map((root) => `${root}${group}/cgroup.procs`)
    return this.#shimProcs
  }

  async update(path: string, resources: CgroupResources): Promise<() => Promise<void>> {
    checkGroupPath(path)
    const writes = this.#limits(resources, this.#currentMemsw(path, resources))
    return change(
      this.#fs,
      writes.map((write) => ({ file: this.#file(path, write), value: write.value })),
    )
  }

  async freeze(path: string, frozen: boolean): Promise<void> {
    checkGroupPath(path)
    const group = this.#dir('unified', path)
    if (group !== undefined && this.#fs.exists(`${group}/cgroup.freeze`)) {
      this.#fs.write(`${group}/cgroup.freeze`, frozen ? '1' : '0')
      const wanted = frozen ? 1 : 0
      const events = `${group}/cgroup.events`
      if (!(await retrySoon(() => readKey(this.#fs.read(events), 'frozen') === wanted))) {
        throw new KernelError('ETIMEDOUT', 110, 'cgroup.freeze', group)
      }
      return
    }
    await this.#freezeV1(path, frozen)
  }

  async isFrozen(path: string): Promise<boolean> {
    checkGroupPath(path)
    const unified = this.#dir('unified', path)
    if (unified !== undefined && readIfThere(this.#fs, `${unified}/cgroup.freeze`)?.trim() === '1')
      return true
    const state = readIfThere(this.#fs, `${this.#dir('freezer', path)}/freezer.state`)
    return state !== undefined && state.trim() !== 'THAWED'
  }

  async kill(path: string): Promise<void> {
    checkGroupPath(path)
    const group = this.#dir('unified', path)
    const file = `${group}/cgroup.kill`
    if (group !== undefined && this.#fs.exists(file)) {
      this.#fs.write(file, '1')
      return
    }
    // Frozen processes would take the signal only when thawed.
    if (this.#directories.has('freezer') && this.#exists(path)) await this.#freezeV1(path, false)
    await retry(() => {
      const pids = this.#pidsNow(path)
      for (const pid of pids) signalKill(pid)
      return pids.length === 0
    })
  }

  async pids(path: string): Promise<number[]> {
    return this.#pidsNow(path)
  }

  stats(path: string): CgroupStats | undefined {
    checkGroupPath(path)
    return readV1Stats((controller, file) => {
      const directory = this.#dir(controller, path)
      return directory === undefined ? undefined : readIfThere(this.#fs, `${directory}/${file}`)
    })
  }

  async oomKills(path: string): Promise<number> {
    return this.#oomKillsNow(path) ?? 0
  }

  watchOom(path: string, told: number, onOom: (kills: number) => void): Disposable {
    const directory = this.#dir('memory', path)
    if (directory === undefined) return { [Symbol.dispose]: () => undefined }
    const kills = (): number | undefined => this.#oomKillsNow(path)
    const isStuck = (): boolean => {
      const state = readIfThere(this.#fs, `${directory}/memory.oom_control`) ?? ''
      return readKey(state, 'oom_kill_disable') === 1 && readKey(state, 'under_oom') === 1
    }
    return watchOomV1({ native: this.#native, directory, kills, isStuck, told, onOom })
  }

  async remove(path: string): Promise<void> {
    checkGroupPath(path)
    await removeTrees(
      this.#fs,
      this.#roots.map((root) => root + path),
    )
  }

  anticipateJoin(): void {
    this.#warmth.keep()
  }

  close(): void {
    this.#warmth.close()
    // Those an earlier daemon made count as ours, too: it may have crashed.
    const own = this.#roots.flatMap((root) => [root + this.#parent, `${root}${this.#parent}/shims`])
    for (const directory of new Set([...own, ...this.#made].toReversed())) {
      try {
        this.#fs.rmdir(directory)
        this.#made.delete(directory)
      } catch (error) {
        if (!isErrno(error, 'EBUSY', 'ENOTEMPTY', 'ENOENT')) throw error
      }
    }
  }

  #detectFeatures(): CgroupFeatures {
    const has = (controller: string, file: string): boolean => this.#has(controller, file)
    return {
      memoryLimit: has('memory', 'memory.limit_in_bytes'),
      swapLimit: has('memory', 'memory.memsw.limit_in_bytes'),
      memoryReservation: has('memory', 'memory.soft_limit_in_bytes'),
      memorySwappiness: has('memory', 'memory.swappiness'),
      oomKillDisable: has('memory', 'memory.oom_control'),
      cpuShares: has('cpu', 'cpu.shares'),
      cpuCfs: has('cpu', 'cpu.cfs_quota_us'),
      cpuRealtime: has('cpu', 'cpu.rt_period_us'),
      cpuset: has('cpuset', 'cpuset.cpus'),
      pidsLimit: this.controllers.has('pids'),
      blkioWeight: has('blkio', 'blkio.weight') || has('blkio', 'blkio.bfq.weight'),
      blkioWeightDevice:
        has('blkio', 'blkio.weight_device') || has('blkio', 'blkio.bfq.weight_device'),
      blkioThrottle: has('blkio', 'blkio.throttle.read_bps_device'),
    }
  }

  /** pids.max is missing in the root, of which this asks; every group below has it. */
  #has(controller: string, file: string): boolean {
    const root = this.#directories.get(controller)
    if (root === undefined || file === 'pids.max') return root !== undefined
    const path = `${root}/${file}`
    const known = this.#known.get(path) ?? this.#fs.exists(path)
    this.#known.set(path, known)
    return known
  }

  #dir(hierarchy: string, path: string): string | undefined {
    const root = hierarchy === 'unified' ? this.#unified : this.#directories.get(hierarchy)
    return root === undefined ? undefined : root + path
  }

  #exists(path: string): boolean {
    return this.#roots.some((root) => this.#fs.exists(root + path))
  }

  #ensureParents(root: string, path: string): void {
    const groups = ancestors(path)
    if (this.#made.has(root + groups.at(-1))) return
    for (const group of groups) {
      try {
        this.#fs.mkdir(root + group)
        this.#made.add(root + group)
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error
      }
      if (root === this.#directories.get('cpuset')) this.#openCpuset(root, group)
    }
  }

  /** A parent of ours hands its CPUs on to children by clone_children. */
  #openCpuset(root: string, group: string): void {
    this.#copyCpuset(root, group)
    if (this.#made.has(root + group)) {
      this.#fs.write(`${root}${group}/cgroup.clone_children`, '1')
    }
  }

  /** Below somebody else's parent clone_children may be off: then the new group has no CPU. */
  #inheritCpuset(path: string): void {
    const root = this.#directories.get('cpuset')
    const parent = root + (ancestors(path).at(-1) ?? '')
    if (root !== undefined && !this.#made.has(parent)) this.#copyCpuset(root, path)
  }

  #copyCpuset(root: string, group: string): void {
    const above = group.slice(0, group.lastIndexOf('/'))
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (this.#fs.read(`${root}${group}/${file}`).trim() !== '') continue
      this.#fs.write(`${root}${group}/${file}`, this.#fs.read(`${root}${above}/${file}`).trim())
    }
  }

  #limits(resources: CgroupResources, now: { memswBytes?: number }): LimitWrite[] {
    return v1Limits(resources, { has: (controller, file) => this.#has(controller, file), ...now })
  }

  #file(path: string, write: LimitWrite): string {
    return `${this.#dir(write.controller, path)}/${write.file}`
  }

  #currentMemsw(path: string, resources: CgroupResources): { memswBytes?: number } {
    if (resources.memoryBytes === undefined && resources.memorySwapBytes === undefined) return {}
    const file = `${this.#dir('memory', path)}/memory.memsw.limit_in_bytes`
    return this.features.swapLimit ? { memswBytes: Number(this.#fs.read(file)) } : {}
  }

  #applyDevices(spec: CgroupSpec): void {
    const directory = this.#dir('devices', spec.path)
    if (directory === undefined) return
    for (const { file, values } of v1DeviceCommands(spec.devices)) {
      this.#fs.write(`${directory}/${file}`, ...values)
    }
  }

  async #freezeV1(path: string, frozen: boolean): Promise<void> {
    const directory = this.#dir('freezer', path)
    if (directory === undefined) throw new KernelError('ENOTSUP', 95, 'freeze', path)
    const wanted = frozen ? 'FROZEN' : 'THAWED'
    const reached = await retrySoon(() => {
      // Written again each time: a process that forked meanwhile holds the group in FREEZING.
      this.#fs.write(`${directory}/freezer.state`, wanted)
      return this.#fs.read(`${directory}/freezer.state`).trim() === wanted
    })
    if (!reached) throw new KernelError('ETIMEDOUT', 110, 'freezer.state', directory)
  }

  #pidsNow(path: string): number[] {
    checkGroupPath(path)
    const directory = this.#unified ?? this.#directories.get('freezer') ?? this.#roots[0]
    return directory === undefined ? [] : readPids(this.#fs, directory + path)
  }

  /** Summed over groups below: v1 counts a kill only in the victim's own. */
  #oomKillsNow(path: string): number | undefined {
    const directory = this.#dir('memory', path)
    const groups = directory === undefined ? [] : deepestFirst(this.#fs, directory)
    if (groups.length === 0) return undefined
    try {
      return groups
        .map((group) => readKey(this.#fs.read(`${group}/memory.oom_control`), 'oom_kill') ?? 0)
        .reduce((sum, kills) => sum + kills, 0)
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENODEV')) return undefined
      throw error
    }
  }
}

function signalKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
