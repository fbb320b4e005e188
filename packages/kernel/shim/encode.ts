import type {
  CreateTarget,
  HeldPort,
  LaunchPlan,
  MountFlag,
  PlanClient,
  PlanMount,
  PlanNamespace,
  PlanProcess,
} from './plan.ts'
import {
  MOUNT_ATTR,
  MOUNT_ATTR_ATIME_FIELD,
  capabilityMask,
  rlimitNumber,
} from './linux-numbers.ts'
import { RecordWriter } from './record.ts'
import type { Field } from './record.ts'

/**
 * Flattens a plan to the records that `addon/shim` executes one by one, in this order. All order
 * and every default is decided here; `addon/shim/README.md` lists the records.
 * Throws RangeError for what cannot be said in a plan: NUL bytes, unknown names, ids out of range.
 */
export function encodePlan(plan: LaunchPlan): Buffer {
  const out = new RecordWriter()
  addMonitor(out, plan)
  if (plan.target.kind === 'create') addCreate(out, plan, plan.target)
  else addEnter(out, plan.target)
  addProcess(out, plan)
  return out.finish()
}

/** What the shim does for itself, before there is a process. */
function addMonitor(out: RecordWriter, plan: LaunchPlan): void {
  out.add('name', [plan.name])
  for (const file of plan.shim.cgroupProcs) out.add('monitor-cgroup', [file])
  out.add('exit', [plan.shim.exitFile])
  out.add('log', logFields(plan))
  const { tty, stdin, stdinOnce, consoleSize = [0, 0] } = plan.stdio
  out.add('stdio', [tty, stdin, stdinOnce, ...consoleSize])
  for (const client of plan.clients)
    out.add('client', [client.fd, ...clientFields(client)], client.head)
  for (const fd of plan.hold) out.add('hold', [fd])
  for (const port of plan.ports ?? []) out.add('port', [port.fd, ...portFields(port)])
  out.add('socket', [plan.shim.socket])
}

/** Shared with the `port` request. */
export function portFields({ name, serve }: HeldPort): [string, string, string] {
  return [name, serve?.address ?? '', String(serve?.port ?? 0)]
}

function logFields(plan: LaunchPlan): Field[] {
  const { log } = plan
  if (log.driver === 'none') return ['none']
  const fields: Field[] = [log.driver, log.path, log.maxSize, log.maxFile, log.attrs]
  if (log.driver === 'json-file') return fields
  return [...fields, log.start, log.backlog?.limit ?? -1, log.backlog?.sent ?? 0]
}

/**
 * Streams as a subset of `ioe`, with `f` or `r` where the framing is said; then the detach keys in
 * hex. Shared with the `attach` request.
 */
export function clientFields(client: Omit<PlanClient, 'fd' | 'head'>): [string, string] {
  const streams = `${client.stdin ? 'i' : ''}${client.stdout ? 'o' : ''}${client.stderr ? 'e' : ''}`
  const framing = client.framed === undefined ? '' : client.framed ? 'f' : 'r'
  return [streams + framing, Buffer.from(client.detachKeys).toString('hex')]
}

/**
 * The root is entered before anything is mounted in it: from then on no path, however resolved,
 * leads to a file of the host. Sources of bind mounts are therefore cloned first, by the shim.
 */
function addCreate(out: RecordWriter, plan: LaunchPlan, target: CreateTarget): void {
  const binds = target.mounts.filter((mount) => mount.type === 'bind')
  for (const mount of binds) addTree(out, mount)
  const { pid, net, ipc, uts, cgroup, time } = target.namespaces
  for (const file of target.cgroupProcs) out.add('cgroup', [file])
  if (time === 'new') out.add('time-namespace')
  out.add('create', [...[pid, net, ipc, uts].map(namespaceField), target.rootFd])
  // After the cgroups are joined: the namespace's root is the cgroup its maker is in.
  if (cgroup === 'new') out.add('cgroup-namespace')
  if (target.maskedPaths.length > 0) out.add('mask-source')
  out.add('root')
  let slot = 0
  for (const mount of target.mounts) {
    if (mount.type === 'bind') out.add('attach', [mount.target, slot++, mount.directory])
    else addMount(out, mount)
  }
  for (const device of target.devices) {
    const { path, type, major, minor, mode, uid, gid } = device
    out.add('device', [path, type, major, minor, mode, uid, gid])
  }
  for (const [path, to] of target.symlinks) out.add('symlink', [path, to])
  for (const [path, mode] of target.files ?? []) out.add('file', [path, mode])
  if (plan.stdio.tty) out.add('tty', [true])
  if (target.hostname !== undefined) out.add('hostname', [target.hostname])
  if (target.domainname !== undefined) out.add('domainname', [target.domainname])
  for (const [key, value] of target.sysctls) out.add('sysctl', [sysctlPath(key), value])
  out.add('workdir', [plan.process.cwd])
  out.add('late-readonly')
  for (const path of target.readonlyPaths) out.add('readonly', [path])
  for (const path of target.maskedPaths) out.add('mask', [path])
  out.add('finish-root', [target.rootPropagation.replace(/^r/, ''), target.readonlyRoot])
}

function namespaceField(namespace: PlanNamespace): Field {
  return typeof namespace === 'string' ? namespace : namespace.fd
}

function addTree(out: RecordWriter, mount: PlanMount & { type: 'bind' }): void {
  const [kind, source] =
    'fd' in mount.source ? ['fd', mount.source.fd] : ['path', mount.source.path]
  const readonly = mount.readonly ? (mount.recursiveReadonly ? 'recursive' : 'top') : 'no'
  const [set, clear] = attributes(mount.flags)
  const propagation = mount.propagation === '' ? 'rprivate' : mount.propagation
  out.add('tree', [
    mount.target,
    kind as string,
    source as Field,
    mount.recursive,
    readonly,
    set,
    clear,
    propagation,
  ])
  if (mount.idmap === undefined) return
  out.add('idmap', [mount.target, mount.idmap.uids, mount.idmap.gids, mount.recursive])
}

function addMount(out: RecordWriter, mount: Exclude<PlanMount, { type: 'bind' }>): void {
  const [attrs] = attributes(mount.flags)
  const copyUp = 'tmpcopyup' in mount && mount.tmpcopyup === true
  out.add('mount', [mount.target, mount.type, attrs, copyUp, ...mountData(mount)])
}

/** Keys and values by turns; a key with an empty value is a flag. */
function mountData(mount: Exclude<PlanMount, { type: 'bind' }>): string[] {
  if (mount.type !== 'cgroup') return mount.data.flat()
  return mount.controllers.split(',').flatMap((controller) => {
    const [key = '', value = ''] = controller.split('=')
    return [key, value]
  })
}

/** [attributes to set, attributes to clear first]. */
function attributes(flags: readonly MountFlag[]): [number, number] {
  const set = flags.reduce((bits, flag) => bits | MOUNT_ATTR[flag], 0)
  const atime = flags.some((flag) => flag.endsWith('atime'))
  return [set, atime ? MOUNT_ATTR_ATIME_FIELD : 0]
}

/** sysctl.conf(5): where the first separator is a slash, dots are part of a name. */
function sysctlPath(key: string): string {
  const slash = key.indexOf('/')
  const dot = key.indexOf('.')
  if (slash >= 0 && (dot < 0 || slash < dot)) return key
  return key.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'))
}

function addEnter(out: RecordWriter, target: LaunchPlan['target'] & { kind: 'enter' }): void {
  for (const file of target.cgroupProcs) out.add('cgroup', [file])
  out.add('enter', [target.pidfd])
  out.add('join')
}

function addProcess(out: RecordWriter, plan: LaunchPlan): void {
  const { process } = plan
  if (plan.target.kind === 'enter' && plan.stdio.tty) out.add('tty', [false])
  if (process.oomScoreAdj !== undefined) out.add('oom-score-adj', [process.oomScoreAdj])
  for (const { name, soft, hard } of process.rlimits)
    out.add('rlimit', [name, rlimitNumber(name), soft, hard])
  if (process.keyring) out.add('keyring', [plan.name])
  out.add('umask', [process.umask ?? 0o022])
  out.add('cwd', [process.cwd])
  for (const variable of process.env) out.add('env', [variable])
  if (process.holdSignals) out.add('hold-signals')
  addIdentity(out, process)
  out.add('exec', process.argv)
}

/**
 * Identity, capabilities and filter. Without no_new_privs only CAP_SYS_ADMIN may load a filter, so
 * the process keeps that one until the filter is loaded; with it, the filter comes last of all.
 */
function addIdentity(out: RecordWriter, process: PlanProcess): void {
  const bounding = capabilityMask(process.capabilities.bounding)
  const effective = capabilityMask(process.capabilities.effective)
  const permitted = capabilityMask(process.capabilities.permitted)
  const ambient = capabilityMask(process.capabilities.ambient)
  const { seccomp, noNewPrivileges } = process
  const load = seccomp !== undefined && !noNewPrivileges ? capabilityMask(['SYS_ADMIN']) : 0n
  if (process.appArmorProfile !== undefined) out.add('apparmor', [process.appArmorProfile])
  out.add('bounding', [hex(bounding)])
  out.add('user', [
    userId(process.uid),
    userId(process.gid),
    ...process.groups.map((group) => userId(group)),
  ])
  // The kernel raises an ambient capability only when it is inheritable too.
  out.add('capabilities', [hex(effective | load), hex(permitted | load), hex(ambient)])
  if (ambient !== 0n) out.add('ambient', [hex(ambient)])
  // As the user, and before a filter can forbid the look-up.
  out.add('find', process.argv.slice(0, 1))
  if (noNewPrivileges) out.add('no-new-privileges')
  if (seccomp !== undefined) out.add('seccomp', [], seccomp)
  if (load !== 0n) out.add('capabilities', [hex(effective), hex(permitted), hex(ambient)])
}

function hex(mask: bigint): string {
  return mask.toString(16)
}

/** 2^32-1 would mean "leave unchanged" to the kernel, that is: root. */
function userId(id: number): number {
  if (!Number.isInteger(id) || id < 0 || id > 0xfffffffe)
    throw new RangeError(`user or group id out of range: ${id}`)
  return id
}
