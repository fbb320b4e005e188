/** One container as the kernel shows it: its process, namespaces, mounts, groups and files. */
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerInspectResponse } from '@tdocker/api'
import type { TestDaemon } from '../lib/test-daemon.ts'

export interface SeenMount {
  target: string
  options: string
  type: string
  source: string
  superOptions: string
}

type NamespaceKind = 'cgroup' | 'ipc' | 'mnt' | 'net' | 'pid' | 'time' | 'user' | 'uts'

export class Seen {
  readonly daemon: TestDaemon
  readonly inspect: ContainerInspectResponse
  /** Of a container with a script: its output, both streams. */
  readonly output: string

  private constructor(daemon: TestDaemon, inspect: ContainerInspectResponse, output: string) {
    this.daemon = daemon
    this.inspect = inspect
    this.output = output
  }

  static async of(daemon: TestDaemon, id: string, output = ''): Promise<Seen> {
    const { body } = await daemon.api.get<ContainerInspectResponse>(`/containers/${id}/json`)
    return new Seen(daemon, body, output)
  }

  get pid(): number {
    return this.inspect.State.Pid
  }

  get cgroupVersion(): 1 | 2 {
    return existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1
  }

  proc(file: string): string {
    return readFileSync(`/proc/${this.pid}/${file}`, 'utf8')
  }

  /** One line of /proc/PID/status. */
  status(key: string): string {
    return new RegExp(`^${key}:\\s*(.*?)\\s*$`, 'm').exec(this.proc('status'))?.[1] ?? ''
  }

  /** [soft, hard] of /proc/PID/limits. */
  limit(name: string): string[] {
    const line = this.proc('limits')
      .split('\n')
      .find((one) => one.startsWith(name))
    return (line ?? '').slice(26).trim().split(/\s+/).slice(0, 2)
  }

  arguments(): string[] {
    return this.proc('cmdline').split('\0').slice(0, -1)
  }

  environment(): string[] {
    return this.proc('environ').split('\0').slice(0, -1)
  }

  variable(name: string): string | undefined {
    return this.environment()
      .find((one) => one.startsWith(`${name}=`))
      ?.slice(name.length + 1)
  }

  namespace(kind: NamespaceKind, pid: number | 'self' = this.pid): string {
    return readlinkSync(`/proc/${pid}/ns/${kind}`)
  }

  /** Whose namespace it is in: `own`, `host`, or the name of the donor. */
  namespaceOf(kind: NamespaceKind, donor?: { pid: number; name: string }): string {
    const its = this.namespace(kind)
    if (its === this.namespace(kind, 'self')) return 'host'
    return donor && its === this.namespace(kind, donor.pid) ? donor.name : 'own'
  }

  mounts(): SeenMount[] {
    return this.proc('mountinfo')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [left = '', right = ''] = line.split(' - ')
        const [, , , root = '', target = '', options = ''] = left.split(' ')
        const [type = '', source = '', shown = ''] = right.split(' ')
        // How the kernel was built; nobody asked for it.
        const superOptions = shown.replace(/,inode64$/, '')
        return { target, options, type, source: `${source}${root}`, superOptions }
      })
  }

  /** The last mount on a path, which hides the others. */
  mount(target: string): SeenMount | undefined {
    return this.mounts().findLast((mount) => mount.target === target)
  }

  /** A file in the container's own tree. */
  file(path: string): string {
    return readFileSync(join(`/proc/${this.pid}/root`, path), 'utf8')
  }

  exists(path: string): boolean {
    return existsSync(join(`/proc/${this.pid}/root`, path))
  }

  mode(path: string): string {
    return (statSync(join(`/proc/${this.pid}/root`, path)).mode & 0o7777).toString(8)
  }

  /**
   * A file of the container's group: `memory/memory.limit_in_bytes` (controller and file) on v1,
   * `memory.max` on v2.
   */
  cgroup(v1: string, v2: string): string {
    return readFileSync(this.#cgroupFile(v1, v2), 'utf8').trim()
  }

  cgroupFileExists(v1: string, v2: string): boolean {
    try {
      return existsSync(this.#cgroupFile(v1, v2))
    } catch {
      return false
    }
  }

  /** Path of the group, as /proc/PID/cgroup has it. */
  cgroupPath(controller: string): string {
    const wanted = this.cgroupVersion === 2 ? '' : controller
    const line = this.proc('cgroup')
      .split('\n')
      .map((one) => one.split(':'))
      .find(([, controllers = '-']) => controllers.split(',').includes(wanted))
    if (!line) throw new Error(`no group of ${controller}`)
    return line.slice(2).join(':')
  }

  #cgroupFile(v1: string, v2: string): string {
    if (this.cgroupVersion === 2) return join('/sys/fs/cgroup', this.cgroupPath(''), v2)
    const [controller = '', file = ''] = v1.split('/')
    return join(hierarchyOf(controller), this.cgroupPath(controller), file)
  }
}

/** Where the machine has the v1 hierarchy of a controller. */
function hierarchyOf(controller: string): string {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const [type, , options = ''] = right.split(' ')
    if (type === 'cgroup' && options.split(',').includes(controller))
      return left.split(' ')[4] ?? ''
  }
  throw new Error(`no hierarchy of ${controller}`)
}
