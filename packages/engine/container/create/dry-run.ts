import { statSync } from 'node:fs'
import type { ContainerDryRun, HostConfig } from '@tdocker/api'
import { v1Limits } from '@tdocker/kernel/cgroup/v1-limits.ts'
import { v2Limits } from '@tdocker/kernel/cgroup/v2-limits.ts'
import type { DeviceRule } from '@tdocker/kernel/native.ts'
import type { CreateTarget, PlanMount, PlanNamespace } from '@tdocker/kernel/shim/plan.ts'
import type { CreateOptions } from '../../backend-types.ts'
import { type Container, joinedContainer } from '../container.ts'
import { type Context, rollback } from '../context.ts'
import { shownConfig, shownHostConfig } from '../inspect/host-config.ts'
import { buildCreatePlan } from '../plan/create-plan.ts'
import { refuseDeviceRequests } from '../plan/device-requests.ts'
import { deviceRules, resolveDevices } from '../plan/devices.ts'
import { hasOwnNetwork } from '../plan/namespaces.ts'
import type { ContainerPlanInput, ResolvedMount, ResolvedUser } from '../plan/plan-input.ts'
import { cgroupResources } from '../plan/resources.ts'
import { parseSecurityOptions } from '../plan/security-options.ts'
import { resolveUser } from '../plan/user.ts'
import { checkRuntime } from '../start/check-runtime.ts'
import { sharedWithHost } from '../start/joined-namespaces.ts'
import { cgroupPath, planCgroup, withUlimits } from '../start/start.ts'
import { planContainer, resolveRequest } from './create.ts'
import type { MountRecord } from './mount-record.ts'
import { openLayers } from './resolve-mounts.ts'

/**
 * `POST /containers/dry-run`: the request goes the way of create and start as far as nothing is
 * made, and the plan is shown instead of carried out. Refusals are theirs. The name is held
 * meanwhile, as a create would.
 */
export async function dryRun(ctx: Context, o: CreateOptions): Promise<ContainerDryRun> {
  const request = await resolveRequest(ctx, o)
  using _hold = ctx.registry.holdImage(request.id, request.image.id)
  // Never released: whatever was registered is undone.
  await using scope = rollback(ctx, o.name ?? '')
  const c = await planContainer(ctx, o, request, scope)
  checkRuntime(ctx, c.hostConfig.Runtime ?? ctx.config.defaultRuntime)
  refuseDeviceRequests(c.hostConfig)
  const devices = await resolveDevices(c.hostConfig)
  const input = await planInput(ctx, c, devices.devices)
  const { plan } = buildCreatePlan(input)
  const target = plan.target as CreateTarget
  const { process } = plan
  return {
    Name: c.name,
    Image: c.imageId,
    Warnings: request.wish.warnings,
    Config: shownConfig(c.config),
    HostConfig: shownHostConfig(c.hostConfig),
    Process: {
      Args: [...process.argv],
      Env: [...process.env],
      Cwd: process.cwd,
      Uid: process.uid,
      Gid: process.gid,
      Groups: [...process.groups],
      Capabilities: [...process.capabilities.bounding],
      NoNewPrivileges: process.noNewPrivileges,
      Seccomp: seccompOf(c.hostConfig),
      AppArmor: ctx.appArmor.profileOf(c.hostConfig),
      OomScoreAdj: process.oomScoreAdj ?? 0,
      Rlimits: process.rlimits.map(({ name, soft, hard }) => ({
        Name: name,
        Soft: String(soft),
        Hard: String(hard),
      })),
    },
    Namespaces: namespacesOf(c.hostConfig, target),
    Mounts: target.mounts.map((mount) => shownMount(ctx, c, mount)),
    ReadonlyRootfs: target.readonlyRoot,
    MaskedPaths: [...target.maskedPaths],
    ReadonlyPaths: [...target.readonlyPaths],
    Devices: target.devices.map(
      ({ path, type, major, minor }) => `${path} ${type} ${major}:${minor}`,
    ),
    Sysctls: Object.fromEntries(target.sysctls),
    Cgroup: {
      Version: ctx.cgroups.version,
      Path: cgroupPath(ctx, c),
      Values: cgroupValues(ctx, c.hostConfig),
      DeviceRules: deviceRules(c.hostConfig, devices).map(ruleText),
    },
    Network: { Mode: c.hostConfig.NetworkMode ?? '', PortRules: portRules(c) },
  }
}

/** Stands where a descriptor will be: plans name descriptors by index and never use them. */
const noFd = 0

async function planInput(
  ctx: Context,
  c: Container,
  devices: ContainerPlanInput['devices'],
): Promise<ContainerPlanInput> {
  const { hostConfig } = c
  const joined = (mode: string | undefined): boolean => joinedContainer(mode) !== undefined
  return {
    id: c.id,
    name: c.name,
    config: c.config,
    hostConfig: withUlimits(ctx, c),
    paths: {
      socket: '',
      exitFile: '',
      ...((hostConfig.Init ?? ctx.config.init) ? { init: '', ownInit: true } : {}),
    },
    rootFd: noFd,
    join: {
      ...(joined(hostConfig.PidMode) ? { pid: noFd } : {}),
      ...(joined(hostConfig.IpcMode) ? { ipc: noFd, shm: noFd } : {}),
      ...(joined(hostConfig.NetworkMode) ? { net: noFd } : {}),
    },
    shared: sharedWithHost(ctx, c),
    netnsFd: hasOwnNetwork(hostConfig) ? noFd : undefined,
    user: await userOf(ctx, c),
    mounts: c.detail.mounts.map(resolvedMount),
    devices,
    cgroup: planCgroup(ctx, cgroupPath(ctx, c)),
    seccomp: undefined,
    host: ctx.host,
    noNewPrivileges: ctx.config.noNewPrivileges,
    clients: [],
    hold: [],
    log: { driver: 'none' },
  }
}

/** Found in the image: the container has no tree yet. */
async function userOf(ctx: Context, c: Container): Promise<ResolvedUser> {
  const lowers = c.lowers ?? []
  if (lowers.length === 0) return { uid: 0, gid: 0, groups: [0], home: '/' }
  const root = await openLayers(ctx, lowers)
  try {
    const spec = c.config.User ?? ''
    const groupAdd = c.hostConfig.GroupAdd ?? []
    return await resolveUser({ native: ctx.native, root, spec, groupAdd })
  } finally {
    ctx.native.closeFd(root)
  }
}

/** As at start, but a source that is missing stays so. */
function resolvedMount(record: MountRecord): ResolvedMount {
  const { type, source, name } = record
  return {
    type: type === 'image' ? 'bind' : type,
    target: record.destination,
    readonly: !record.readWrite,
    recursive: record.recursive,
    recursiveReadonly: record.recursiveReadonly,
    propagation: record.propagation,
    directory: type !== 'bind' || isDirectory(source),
    ...(type === 'tmpfs' ? {} : { source: { path: source || name } }),
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true
}

function shownMount(
  ctx: Context,
  c: Container,
  mount: PlanMount,
): ContainerDryRun['Mounts'][number] {
  const record = c.detail.mounts.find(({ destination }) => destination === mount.target)
  const flags = [...mount.flags]
  if (mount.type === 'cgroup') {
    return { Type: 'cgroup', Target: mount.target, Options: [...flags, mount.controllers] }
  }
  if (mount.type !== 'bind') {
    const data = mount.data.map(([key, value]) => (value === '' ? key : `${key}=${value}`))
    return { Type: mount.type, Target: mount.target, Options: [...flags, ...data] }
  }
  const options = [
    mount.readonly ? 'ro' : 'rw',
    ...(mount.recursive ? [] : ['non-recursive']),
    mount.propagation || 'rprivate',
    ...flags.filter((flag) => flag !== 'ro'),
  ]
  const path = 'path' in mount.source ? mount.source.path : ''
  if (!record) return { Type: 'bind', Target: mount.target, Source: path, Options: options }
  const made = isMissing(ctx, record) ? ({ Created: true } as const) : {}
  const source = record.type === 'bind' ? record.source : record.name
  return { Type: record.type, Target: mount.target, Source: source, ...made, Options: options }
}

function isMissing(ctx: Context, { type, name, source }: MountRecord): boolean {
  if (type === 'image') return false
  if (type === 'volume' && name === '') return true
  const path = type === 'volume' ? ctx.volumes.mountpoint(name) : source
  return statSync(path, { throwIfNoEntry: false }) === undefined
}

function namespacesOf(
  host: HostConfig,
  { namespaces }: CreateTarget,
): ContainerDryRun['Namespaces'] {
  const shown = (namespace: PlanNamespace, mode = ''): string =>
    typeof namespace === 'string' ? namespace : joinedContainer(mode) ? mode : 'new'
  return {
    pid: shown(namespaces.pid, host.PidMode),
    net: shown(namespaces.net, host.NetworkMode),
    ipc: shown(namespaces.ipc, host.IpcMode),
    uts: shown(namespaces.uts, host.UTSMode),
    cgroup: namespaces.cgroup,
  }
}

function seccompOf(host: HostConfig): string {
  const { seccomp } = parseSecurityOptions(host)
  if (seccomp === 'unconfined' || (seccomp === '' && host.Privileged)) return 'unconfined'
  return seccomp === '' || seccomp === 'builtin' ? 'builtin' : 'custom'
}

/** As the driver would write them where all files are there. */
function cgroupValues(ctx: Context, host: HostConfig): Record<string, string> {
  const wish = cgroupResources(host)
  if (ctx.cgroups.version === 2) {
    return Object.fromEntries(v2Limits(wish, (file) => file !== 'io.bfq.weight'))
  }
  const writes = v1Limits(wish, { has: () => true })
  return Object.fromEntries(writes.map(({ file, value }) => [file, value]))
}

function ruleText({ allow, type, major, minor, access }: DeviceRule): string {
  const number = (value: number): string => (value < 0 ? '*' : String(value))
  return `${allow ? 'allow' : 'deny'} ${type} ${number(major)}:${number(minor)} ${access}`
}

function portRules({ hostConfig, config }: Container): string[] {
  if (!hasOwnNetwork(hostConfig) || hostConfig.NetworkMode === 'none') return []
  const published = Object.entries(hostConfig.PortBindings ?? {}).flatMap(([port, bindings]) =>
    (bindings ?? []).map((binding) => rule(port, binding.HostIp, binding.HostPort)),
  )
  const exposed = Object.keys(config.ExposedPorts ?? {})
    .filter((port) => hostConfig.PublishAllPorts && !hostConfig.PortBindings?.[port])
    .map((port) => rule(port, '', ''))
  return [...published, ...exposed]
}

function rule(port: string, ip: string | undefined, hostPort: string | undefined): string {
  const [number, protocol = 'tcp'] = port.split('/')
  const address = ip?.includes(':') ? `[${ip}]` : ip || '*'
  return `${address}:${hostPort || '(any free)'}/${protocol} -> ${number}`
}
