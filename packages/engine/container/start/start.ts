import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { HostConfig } from '@tdocker/api'
import type { EngineError } from '../../base/errors.ts'
import type { RollbackScope } from '../../base/scope.ts'
import { settleAll } from '../../base/settle-all.ts'
import { LaunchError, type ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import { loggedContainer } from '../container-log.ts'
import { type Container, isRunning, type LiveContainer } from '../container.ts'
import { type Context, inBackground, rollback } from '../context.ts'
import { validateMount } from '../create/mount-spec.ts'
import { makeDirectories } from '../create/create.ts'
import { containerEvent, volumeEvents } from '../events.ts'
import { closeInit, watchExit } from '../exit/exit.ts'
import { beginHealth, updateMonitor } from '../../health/monitor.ts'
import { saveHealth } from '../../health/health-rows.ts'
import { withLinkVariables } from '../links/environment.ts'
import { linkLines, liveLinks, tellParents } from '../links/hosts.ts'
import { alreadyRunning, startPaused, startRemoved } from '../messages.ts'
import { type ContainerDirs, containerDirs } from '../paths.ts'
import { buildCreatePlan } from '../plan/create-plan.ts'
import { refuseDeviceRequests } from '../plan/device-requests.ts'
import { deviceRules, type ResolvedDevices, resolveDevices } from '../plan/devices.ts'
import type { BuiltPlan, ContainerPaths, PlanCgroup, ResolvedUser } from '../plan/plan-input.ts'
import { cgroupResources } from '../plan/resources.ts'
import { resolveUser } from '../plan/user.ts'
import { removeContainer } from '../remove.ts'
import { updateConfigRow, updateRow } from '../rows.ts'
import { checkRuntime } from './check-runtime.ts'
import { FdScope } from './fd-scope.ts'
import { initProgram } from './init-program.ts'
import { openJoinedNamespaces, sharedWithHost } from './joined-namespaces.ts'
import { startFailure } from './launch-error.ts'
import { refuseConflicts, resolveMounts } from './mount-sources.ts'
import { type NetworkSetup, setUpNetwork } from './sandbox.ts'
import { extraMounts, noExtras, type StepExtras, withExtraVariables } from './step-extras.ts'

/** `POST /containers/{id}/start`. */
export async function startContainer(
  ctx: Context,
  reference: string,
  extras: StepExtras = noExtras,
): Promise<void> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  assertStartable(ctx, c)
  // The host may have changed since create: that is told before anything is tried.
  for (const mount of c.hostConfig.Mounts ?? []) validateMount(mount)
  ctx.cgroups.anticipateJoin()
  await ctx.locks.run(c.id, () => {
    assertStartable(ctx, c)
    return startLocked(ctx, c, { automatic: false, extras })
  })
}

/** Also for one that was removed while its start waited for the lock. */
export function assertStartable(ctx: Context, c: Container): void {
  if (c.state === 'paused') throw startPaused()
  if (isRunning(c)) throw alreadyRunning()
  if (c.removing || c.state === 'dead' || !ctx.registry.has(c)) throw startRemoved()
}

/**
 * Starts under the container's lock. `automatic` for restart policies, which keep the restart
 * count. A failure leaves exit code and error on the container, as Docker does.
 */
export async function startLocked(
  ctx: Context,
  c: Container,
  o: { automatic: boolean; extras?: StepExtras },
): Promise<void> {
  try {
    await launch(ctx, c, o)
  } catch (error) {
    const failure = startFailure(error, {
      verb: 'create',
      command: c.detail.path,
      cwd: c.config.WorkingDir || '/',
      sources: new Map(c.detail.mounts.map(({ destination, source }) => [destination, source])),
    })
    // What is not the runtime's failure leaves the code of the run before, as in Docker.
    if (!(error instanceof LaunchError) && c.exitCode !== 0) failure.exitCode = c.exitCode
    await recordFailure(ctx, c, failure)
    throw failure.error
  }
}

async function launch(
  ctx: Context,
  c: Container,
  o: { automatic: boolean; extras?: StepExtras },
): Promise<void> {
  const { extras = noExtras } = o
  await using scope = rollback(ctx, c.id)
  using fds = new FdScope((fd) => ctx.native.closeFd(fd))
  // Clients that attached before are served by the shim from here on, or closed with a failure.
  const clients = c.pendingClients.splice(0)
  for (const client of clients) fds.add(client.fd)

  checkRuntime(ctx, c.hostConfig.Runtime ?? ctx.config.defaultRuntime)
  refuseDeviceRequests(c.hostConfig)
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  makeDirectories(ctx, c.id)
  // An earlier run's exit record must not be taken for this one's.
  rmSync(dirs.run, { recursive: true, force: true })
  mkdirSync(dirs.run, { recursive: true, mode: 0o700 })
  scope.undo('remove runtime directory', () => ctx.native.removeTree(dirs.run))
  const cgroup = cgroupPath(ctx, c)
  const devices = await resolveDevices(c.hostConfig)

  const [root, network, , seccomp, appArmorProfile] = await settleAll([
    openRoot(ctx, c, dirs, fds),
    openNetwork(ctx, c, fds, scope),
    makeCgroup(ctx, c, cgroup, devices, scope),
    ctx.seccomp.forContainer(c.hostConfig),
    ctx.appArmor.forContainer(c.hostConfig),
  ])
  const links = liveLinks(ctx, c)
  writeNetworkFiles(c, dirs, network, linkLines(links))
  const log = await ctx.logs.prepare(loggedContainer(ctx, c))
  scope.undo('close log connection', () => ctx.logs.abandon(c.id))

  for (const mount of c.hostConfig.Mounts ?? []) refuseConflicts(mount)
  const mounted = await resolveMounts(ctx, c, { user: c.id, ids: root.user, fds, scope })
  const init = (c.hostConfig.Init ?? ctx.config.init) ? await initProgram(ctx.config) : undefined
  const built = buildCreatePlan({
    id: c.id,
    name: c.name,
    config: withExtraVariables(withLinkVariables(c, links), extras),
    hostConfig: withUlimits(ctx, c),
    paths: planPaths(c, dirs, network, init),
    rootFd: root.rootFd,
    join: {
      ...(await openJoinedNamespaces(ctx, c, fds)),
      ...(network.joinFd === undefined ? {} : { net: network.joinFd }),
    },
    shared: sharedWithHost(ctx, c),
    netnsFd: network.netnsFd,
    user: root.user,
    mounts: [...mounted.mounts, ...extraMounts(extras)],
    devices: devices.devices,
    cgroup: planCgroup(ctx, cgroup),
    seccomp,
    appArmorProfile,
    host: ctx.host,
    noNewPrivileges: ctx.config.noNewPrivileges,
    clients,
    // Volumes stay mounted without a daemon; `adoptVolumes` finds the keepers again.
    hold: [...network.hold, ...mounted.keepers],
    heldPorts: network.heldPorts,
    log,
    ...consoleSize(c),
  })
  const shim = await launchShim(ctx, built, cgroup, scope)
  const live = enterRunning(ctx, c, shim, cgroup, network, o)
  scope.undo('leave running', () => leaveRunning(ctx, c, live.live))
  beginHealth(c)
  // Who joins a network takes the name over that is known there.
  const renamed = network.joinFd === undefined ? [] : [updateConfigRow(c)]
  const rows = [updateRow(c, ctx.config.bootId), ...saveHealth(c), ...renamed]
  await ctx.events.commit(rows, [...volumeEvents(c, 'mount'), containerEvent(c, 'start')])
  scope.release()
  tellParents(ctx, c)
  updateMonitor(ctx, c)
  live.watch()
}

interface Root {
  rootFd: number
  user: ResolvedUser
}

/** So long may an archive be unpacked into a container that is to be started. */
const WRITERS_GRACE_MS = 10_000

/** Overlay root and, looked up in it, the user. */
async function openRoot(
  ctx: Context,
  c: Container,
  dirs: ContainerDirs,
  fds: FdScope,
): Promise<Root> {
  c.lowers ??= (await ctx.images.resolve(c.imageId)).lowers
  ctx.images.used(c.imageId)
  // Containers that go away with their process need no durable upper directory. overlayfs marks
  // such a work directory and refuses it the next time, so a fresh one is made for a restart.
  await ctx.treeWriters.settle(c.id, WRITERS_GRACE_MS)
  const volatile = (c.hostConfig.AutoRemove ?? false) || c.detail.buildStep === true
  if (volatile && c.detail.startedBefore) {
    await ctx.native.removeTree(dirs.work)
    makeDirectories(ctx, c.id)
  }
  const rootFd = fds.add(
    await ctx.native.overlayOpen({
      lowers: c.lowers,
      upper: dirs.diff,
      work: dirs.work,
      volatile,
    }),
  )
  const user = await resolveUser({
    native: ctx.native,
    root: rootFd,
    spec: c.config.User ?? '',
    groupAdd: c.hostConfig.GroupAdd ?? [],
  })
  return { rootFd, user }
}

async function openNetwork(
  ctx: Context,
  c: Container,
  fds: FdScope,
  scope: RollbackScope,
): Promise<NetworkSetup> {
  const network = await setUpNetwork(ctx, c, fds)
  if (network.joinFd === undefined) scope.undo('release network', () => ctx.networks.release(c.id))
  return network
}

async function makeCgroup(
  ctx: Context,
  c: Container,
  path: string,
  devices: ResolvedDevices,
  scope: RollbackScope,
): Promise<void> {
  await ctx.cgroups.create({
    path,
    resources: cgroupResources(c.hostConfig),
    devices: deviceRules(c.hostConfig, devices),
  })
  scope.undo('remove cgroup', () => ctx.cgroups.remove(path))
}

export function cgroupPath(ctx: Context, c: Container): string {
  const clean = (path: string): string[] =>
    path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..')
  const own = clean(c.hostConfig.CgroupParent ?? '')
  const parent = own.length > 0 ? own : clean(ctx.config.cgroupParent)
  return `/${[...parent, c.id].join('/')}`
}

export function planCgroup(ctx: Context, path: string): PlanCgroup {
  return {
    version: ctx.cgroups.version,
    procsFiles: ctx.cgroups.procsFiles(path),
    shimProcsFiles: ctx.cgroups.shimProcsFiles(),
    mounts: ctx.cgroups.mountPoints(path),
  }
}

/** The daemon's default ulimits, where the container names none of that kind. */
export function withUlimits(ctx: Context, c: Container): HostConfig {
  const own = c.hostConfig.Ulimits ?? []
  const missing = ctx.config.ulimits.filter((limit) => !own.some(({ Name }) => Name === limit.Name))
  return missing.length === 0 ? c.hostConfig : { ...c.hostConfig, Ulimits: [...own, ...missing] }
}

/** The three files Docker binds over /etc. */
function writeNetworkFiles(
  c: Container,
  dirs: ContainerDirs,
  network: NetworkSetup,
  links: string,
): void {
  if (!network.contents) return
  const { Hostname: host = '', Domainname: domain } = c.config
  writeFileSync(dirs.hosts, `${network.contents.hosts}${links}`, { mode: 0o644 })
  writeFileSync(dirs.resolvConf, network.contents.resolvConf, { mode: 0o644 })
  writeFileSync(dirs.hostname, `${domain ? `${host}.${domain}` : host}\n`, { mode: 0o644 })
}

function planPaths(
  c: Container,
  dirs: ContainerDirs,
  network: NetworkSetup,
  init: Pick<ContainerPaths, 'init' | 'ownInit'> | undefined,
): ContainerPaths {
  const mounted = new Set(c.detail.mounts.map((record) => record.destination))
  const { hosts, hostname, resolvConf } = network.files
  return {
    socket: dirs.socket,
    exitFile: dirs.exit,
    ...(mounted.has('/etc/hosts') ? {} : { hosts }),
    ...(mounted.has('/etc/hostname') ? {} : { hostname }),
    ...(mounted.has('/etc/resolv.conf') ? {} : { resolvConf }),
    ...(init === undefined ? {} : init),
  }
}

function consoleSize(c: Container): { consoleSize?: readonly [number, number] } {
  const [rows = 0, columns = 0] = c.hostConfig.ConsoleSize ?? []
  return rows > 0 && columns > 0 ? { consoleSize: [rows, columns] } : {}
}

async function launchShim(
  ctx: Context,
  built: BuiltPlan,
  cgroup: string,
  scope: RollbackScope,
): Promise<ShimProcess> {
  const shim = await ctx.shims.launch(built.plan, built.fds)
  scope.undo('kill container', async () => {
    await ctx.cgroups.kill(cgroup)
    await shim.exited
    shim.close()
  })
  return shim
}

/** Memory first, so that reads see the pid while the row is on its way to disk. */
function enterRunning(
  ctx: Context,
  c: Container,
  shim: ShimProcess,
  cgroup: string,
  network: NetworkSetup,
  o: { automatic: boolean },
): { live: LiveContainer; watch: () => void } {
  c.state = 'running'
  c.pid = shim.pid
  c.exitCode = 0
  c.error = ''
  c.oomKilled = false
  c.startedNs = ctx.clock.nowNs()
  c.manualRestart = false
  c.stopAsked = false
  c.detail.startedBefore = true
  c.detail.endpoints = network.joinFd === undefined ? network.endpoints : {}
  c.detail.ports = network.ports
  if (!o.automatic) {
    c.restartCount = 0
    c.restart = { delayMs: 0, timer: undefined, cancelled: false }
    c.detail.manuallyStopped = false
  }
  return watchExit(ctx, c, shim, cgroup)
}

function leaveRunning(ctx: Context, c: Container, live: LiveContainer): void {
  closeInit(ctx, live)
  c.live = undefined
  c.state = c.finishedNs === undefined ? 'created' : 'exited'
  c.pid = 0
}

/** A container that did not start keeps the reason; with `--rm` it goes. */
async function recordFailure(
  ctx: Context,
  c: Container,
  failure: { exitCode: number; error: EngineError },
): Promise<void> {
  c.exitCode = failure.exitCode
  c.error = failure.error.message
  ctx.log.error({ container: c.id, err: failure.error }, 'start failed')
  try {
    await ctx.events.commit([updateRow(c, ctx.config.bootId)], [])
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'failed start not recorded')
  }
  if (!c.hostConfig.AutoRemove || c.removing) return
  // The lock is ours until the caller returns; removal waits for it.
  const removal = removeContainer(ctx, c, c.id, { force: true, volumes: true })
  inBackground(ctx, c.id, 'remove after failed start', removal)
}
