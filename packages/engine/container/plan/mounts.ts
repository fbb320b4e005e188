import type { HostConfig } from '@tdocker/api'
import type { CreateTarget, MountFlag, PlanMount } from '@tdocker/kernel/shim/plan.ts'
import { system } from '../../base/errors.ts'
import { containerOfMode } from './namespaces.ts'
import type { ContainerPlanInput, FdTable, ResolvedMount } from './plan-input.ts'
import { parseSecurityOptions } from './security-options.ts'
import { parseTmpfsOptions, tmpfsText } from './tmpfs-options.ts'

type Bind = Extract<PlanMount, { type: 'bind' }>

const closed: readonly MountFlag[] = ['nosuid', 'noexec', 'nodev']

/** All mounts of a container, Docker's defaults first, then the user's by depth of their target. */
export function planMounts(input: ContainerPlanInput, fds: FdTable): PlanMount[] {
  const user = userMounts(input, fds)
  const taken = new Set(user.map((mount) => mount.target))
  const ownDev = taken.has('/dev')
  const defaults = defaultMounts(input, fds).filter(
    ({ target }) =>
      !taken.has(target) &&
      !(ownDev && target.startsWith('/dev/')) &&
      !(taken.has('/sys/fs/cgroup') && target.startsWith('/sys/fs/cgroup/')),
  )
  const { writableCgroups } = parseSecurityOptions(input.hostConfig)
  return [...defaults.map((mount) => lockDown(mount, input.hostConfig, writableCgroups)), ...user]
}

/** Whether the shim is to make /dev itself; not when the user mounts one. */
export function ownsDev(input: ContainerPlanInput): boolean {
  return !input.mounts.some((mount) => mount.target === '/dev')
}

function defaultMounts(input: ContainerPlanInput, fds: FdTable): PlanMount[] {
  return [
    plain('proc', '/proc', closed),
    plain(
      'tmpfs',
      '/dev',
      ['nosuid', 'strictatime'],
      [
        ['mode', '755'],
        ['size', '65536k'],
      ],
    ),
    // A devpts mount is an instance of its own since Linux 4.7, without an option.
    plain(
      'devpts',
      '/dev/pts',
      ['nosuid', 'noexec'],
      [
        ['ptmxmode', '0666'],
        ['mode', '0620'],
        ['gid', '5'],
      ],
    ),
    plain('sysfs', '/sys', [...closed, 'ro']),
    ...cgroupMounts(input),
    plain('mqueue', '/dev/mqueue', closed),
    ...shm(input, fds),
    ...initMount(input),
  ]
}

/**
 * Privileged containers write to /sys and cgroups. A read-only root makes what Docker mounts
 * read-only too, but for what programs cannot do without.
 */
function lockDown(
  mount: PlanMount,
  hostConfig: HostConfig,
  writableCgroups: boolean | undefined,
): PlanMount {
  const privileged = hostConfig.Privileged === true
  const isCgroup = mount.target.startsWith('/sys/fs/cgroup')
  if (isCgroup ? (writableCgroups ?? privileged) : privileged && mount.target === '/sys') {
    const flags = mount.flags.filter((flag) => flag !== 'ro')
    return mount.type === 'bind' ? { ...mount, flags, readonly: false } : { ...mount, flags }
  }
  const free = ['/proc', '/dev/pts', '/dev/shm', '/dev/mqueue', '/dev'].includes(mount.target)
  if (hostConfig.ReadonlyRootfs !== true || free || mount.flags.includes('ro')) return mount
  return { ...mount, flags: [...mount.flags, 'ro'] }
}

function cgroupMounts(input: ContainerPlanInput): PlanMount[] {
  const root = '/sys/fs/cgroup'
  const flags: MountFlag[] = ['ro', ...closed]
  if (input.cgroup.version === 2) return [plain('cgroup2', root, flags)]
  const own = input.hostConfig.CgroupnsMode === 'private'
  return [
    // Read-only as the last of all: the hierarchies are still to be mounted in it.
    plain('tmpfs', root, flags, [['mode', '755']]),
    ...input.cgroup.mounts.map(({ controllers, name, source }): PlanMount => {
      const target = `${root}/${name}`
      // In the host's namespace a new mount would show every group of the machine.
      return own ? { type: 'cgroup', target, flags, controllers } : groupBind(source, target, flags)
    }),
  ]
}

function groupBind(source: string, target: string, flags: readonly MountFlag[]): Bind {
  return {
    type: 'bind',
    source: { path: source },
    target,
    recursive: false,
    readonly: true,
    recursiveReadonly: false,
    propagation: 'rprivate',
    flags,
    directory: true,
  }
}

/** Names of co-mounted controllers: /sys/fs/cgroup/cpu → cpu,cpuacct. */
export function cgroupSymlinks(input: ContainerPlanInput): CreateTarget['symlinks'] {
  return input.cgroup.mounts.flatMap(({ name }) => {
    const parts = name.split(',')
    return parts.length < 2 ? [] : parts.map((part) => [`/sys/fs/cgroup/${part}`, name] as const)
  })
}

function shm(input: ContainerPlanInput, fds: FdTable): PlanMount[] {
  const { IpcMode, ShmSize } = input.hostConfig
  if (IpcMode === 'none') return []
  const shared = { target: '/dev/shm', readonly: false, directory: true, propagation: '' }
  if (IpcMode === 'host') return [bind({ ...shared, source: { path: '/dev/shm' } }, fds)]
  if (containerOfMode(IpcMode) !== undefined && input.join.shm !== undefined) {
    return [bind({ ...shared, source: { fd: input.join.shm } }, fds)]
  }
  const size = String(ShmSize || 64 * 1024 * 1024)
  return [
    plain('tmpfs', '/dev/shm', closed, [
      ['source', 'shm'],
      ['mode', '1777'],
      ['size', size],
    ]),
  ]
}

/** Where `docker run --init` puts its pid 1. */
export const initPath = '/sbin/docker-init'

function initMount(input: ContainerPlanInput): PlanMount[] {
  const path = usesInit(input) ? input.paths.init : undefined
  if (path === undefined) return []
  return [
    {
      type: 'bind',
      source: { path },
      target: initPath,
      recursive: false,
      readonly: true,
      recursiveReadonly: false,
      propagation: 'rprivate',
      flags: [],
      directory: false,
    },
  ]
}

/** Only in a pid namespace of its own: elsewhere there is an init already. */
export function usesInit(input: ContainerPlanInput): boolean {
  return input.paths.init !== undefined && (input.hostConfig.PidMode ?? '') === ''
}

function userMounts(input: ContainerPlanInput, fds: FdTable): PlanMount[] {
  const { paths, hostConfig } = input
  const readonly = hostConfig.ReadonlyRootfs === true
  const named = new Set(input.mounts.map((mount) => mount.target))
  const files: Array<[string | undefined, string]> = [
    [paths.resolvConf, '/etc/resolv.conf'],
    [paths.hostname, '/etc/hostname'],
    [paths.hosts, '/etc/hosts'],
  ]
  const network = files.flatMap(([path, target]) =>
    path === undefined || named.has(target)
      ? []
      : [bind({ source: { path }, target, readonly, propagation: '', directory: false }, fds)],
  )
  const tmpfs = Object.entries(hostConfig.Tmpfs ?? {})
    .filter(([target]) => !named.has(clean(target)))
    .map(([target, options]) => tmpfsMount(clean(target), options))
  const mounts = input.mounts.map((mount) =>
    mount.type === 'tmpfs'
      ? tmpfsMount(mount.target, tmpfsText(mount), !mount.hides)
      : bind(mount, fds),
  )
  return [...network, ...tmpfs, ...mounts].toSorted((a, b) => depth(a.target) - depth(b.target))
}

function tmpfsMount(target: string, options: string, tmpcopyup = true): PlanMount {
  const { flags, data } = parseTmpfsOptions(options)
  return { ...plain('tmpfs', target, flags, data), tmpcopyup }
}

function bind(
  mount: Pick<ResolvedMount, 'target' | 'readonly' | 'propagation' | 'directory'> &
    Partial<ResolvedMount>,
  fds: FdTable,
): Bind {
  const { source } = mount
  if (source === undefined) throw system(`mount ${mount.target} has no source`)
  return {
    type: 'bind',
    source: 'fd' in source ? { fd: fds.add(source.fd) } : source,
    target: mount.target,
    recursive: mount.recursive ?? true,
    readonly: mount.readonly,
    recursiveReadonly: mount.readonly && (mount.recursiveReadonly ?? true),
    propagation: mount.propagation === '' ? 'rprivate' : mount.propagation,
    flags: [],
    directory: mount.directory,
    ...(mount.idmap === undefined ? {} : { idmap: mount.idmap }),
  }
}

type Plain = Exclude<PlanMount, { type: 'bind' | 'cgroup' }>

function plain(
  type: Plain['type'],
  target: string,
  flags: readonly MountFlag[],
  data: Plain['data'] = [],
): Plain {
  return { type, target, flags, data }
}

/** Shared and slave binds work only below a root that receives, or passes on, mounts itself. */
export function rootPropagation(mounts: readonly ResolvedMount[]): CreateTarget['rootPropagation'] {
  const kinds = new Set(mounts.map((mount) => mount.propagation.replace(/^r/, '')))
  if (kinds.has('shared')) return 'shared'
  return kinds.has('slave') ? 'rslave' : 'rprivate'
}

function depth(target: string): number {
  return target === '/' ? 0 : target.split('/').length
}

/** '/a//b/../c/' → '/a/c' */
export function clean(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}
