import type { HostConfig } from '@tdocker/api'
import type { CreateTarget, PlanNamespace } from '@tdocker/kernel/shim/plan.ts'
import { invalidParameter, system } from '../../base/errors.ts'
import type { FdTable, NamespaceFds } from './plan-input.ts'

/** `container:ID` → ID; undefined for every other mode. */
export function containerOfMode(mode: string | undefined): string | undefined {
  return mode?.startsWith('container:') ? mode.slice('container:'.length) : undefined
}

/** A container of its own network namespace, in which sysctls may be set. */
export function hasOwnNetwork(hostConfig: HostConfig): boolean {
  const mode = hostConfig.NetworkMode ?? ''
  return mode !== 'host' && containerOfMode(mode) === undefined
}

/** These throw invalidParameter with Docker's sentence. */
export function validateIpcPidModes({ IpcMode = '', PidMode = '' }: HostConfig): void {
  const words = ['', 'none', 'private', 'host', 'shareable']
  if (!words.includes(IpcMode) && containerOfMode(IpcMode) === undefined) {
    throw invalidParameter(`invalid IPC mode: ${IpcMode}`)
  }
  if (!['', 'host'].includes(PidMode) && !containerOfMode(PidMode)) {
    throw invalidParameter(`invalid PID mode: ${PidMode}`)
  }
}

export function validateUtsMode({ UTSMode = '' }: HostConfig): void {
  if (!['', 'host'].includes(UTSMode)) throw invalidParameter(`invalid UTS mode: ${UTSMode}`)
}

export function validateCgroupnsMode({ CgroupnsMode = '' }: HostConfig): void {
  if (!['', 'private', 'host'].includes(CgroupnsMode)) {
    throw invalidParameter(`invalid cgroup namespace mode: ${CgroupnsMode}`)
  }
}

export function planNamespaces(
  hostConfig: HostConfig,
  join: NamespaceFds,
  netnsFd: number | undefined,
  fds: FdTable,
): CreateTarget['namespaces'] {
  const choose = (mode: string | undefined, fd: number | undefined): PlanNamespace => {
    if (mode === 'host') return 'host'
    if (containerOfMode(mode) === undefined) return 'new'
    if (fd === undefined) throw system(`namespace of ${mode} is missing`)
    return { fd: fds.add(fd) }
  }
  const own = netnsFd === undefined ? undefined : { fd: fds.add(netnsFd) }
  return {
    pid: choose(hostConfig.PidMode, join.pid),
    ipc: choose(hostConfig.IpcMode, join.ipc),
    net: hasOwnNetwork(hostConfig) ? (own ?? 'new') : choose(hostConfig.NetworkMode, join.net),
    uts: choose(hostConfig.UTSMode, join.uts),
    cgroup: hostConfig.CgroupnsMode === 'private' ? 'new' : 'host',
  }
}
