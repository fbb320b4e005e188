import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import type { ExitRecord } from '@tdocker/kernel/shim/plan.ts'
import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import { loggedContainer } from '../container-log.ts'
import { type Container, isRunning } from '../container.ts'
import { type Context, inBackground } from '../context.ts'
import { makeDirectories } from '../create/create.ts'
import { containerEvent } from '../events.ts'
import { enterStopped, EXIT_UNKNOWN_END, watchExit } from '../exit/exit.ts'
import { beginHealth, resumeMonitor } from '../../health/monitor.ts'
import { saveHealth } from '../../health/health-rows.ts'
import { containerDirs, runDir } from '../paths.ts'
import { destroy, removeContainer, removeDirectories } from '../remove.ts'
import { deleteRow, loadRows, type StoredContainer, updateRow } from '../rows.ts'
import { volumesOf } from '../start/mount-sources.ts'
import { cgroupPath } from '../start/start.ts'
import { stopAndWait } from '../stop.ts'
import { collectGarbage } from './garbage.ts'
import { applyPolicies } from './policies.ts'
import { restoreExecs } from './restore-execs.ts'

/** How many containers are looked at side by side. */
const PARALLEL = 16

export interface Loaded {
  rows: StoredContainer[]
  /** Lets verbs pass once a container's fate is known. */
  gates: Map<string, PromiseWithResolvers<void>>
}

/** Puts what the rows say into memory. Half-made containers never become visible. */
export function loadContainers(ctx: Context): Loaded {
  const rows = loadRows(ctx.store)
  const gates = new Map<string, PromiseWithResolvers<void>>()
  for (const { container: c, state } of rows) {
    if (state === 'creating') continue
    if (c.name !== '') ctx.registry.reserve(c.name, c.id)
    if (state === 'removing') {
      c.state = 'exited'
      c.removing = true
    }
    ctx.registry.add(c)
    const gate = Promise.withResolvers<void>()
    c.reconciled = gate.promise
    gates.set(c.id, gate)
  }
  return { rows, gates }
}

/** What was found of a container. */
interface Finding {
  stored: StoredContainer
  shim: ShimProcess | undefined
  record: ExitRecord | undefined
}

type Alive =
  Parameters<Context['networks']['restore']>[0] extends ReadonlyMap<string, infer V>
    ? Map<string, V>
    : never

/**
 * Adopts running containers first, for the network must know who lives before it frees anything;
 * then ends, restarts, removals and garbage, object by object.
 */
export async function restoreContainers(ctx: Context, loaded: Loaded): Promise<void> {
  const runDirs = listRunDirs(ctx)
  const findings = await eachOf(loaded.rows, (stored) => look(ctx, stored, runDirs))
  const alive: Alive = new Map()
  for (const { stored, shim } of findings) {
    const { id, detail, hostConfig } = stored.container
    if (shim === undefined) continue
    const { Dns: dns, DnsSearch: dnsSearch, DnsOptions: dnsOptions } = hostConfig
    alive.set(id, {
      pid: shim.pid,
      networks: Object.keys(detail.endpoints),
      resolver: { dns: dns ?? [], dnsSearch: dnsSearch ?? [], dnsOptions: dnsOptions ?? [] },
    })
  }
  // A failure is told to starts that need a network; stop and removal must not wait for it for ever.
  await ctx.networks
    .restore(alive)
    .catch((err: unknown) => ctx.log.error({ err }, 'networks not restored'))
  await eachOf(findings, async (finding) => {
    const c = finding.stored.container
    await reconcile(ctx, finding).catch((err: unknown) =>
      ctx.log.error({ container: c.id, err }, 'container not reconciled'),
    )
    c.reconciled = undefined
    loaded.gates.get(c.id)?.resolve()
  })
  await restoreExecs(ctx)
  await collectGarbage(ctx)
  await applyPolicies(
    ctx,
    findings.map(({ stored }) => stored.container),
  )
}

function listRunDirs(ctx: Context): Set<string> {
  try {
    return new Set(readdirSync(runDir(ctx.config.execRoot)))
  } catch {
    return new Set()
  }
}

async function look(
  ctx: Context,
  stored: StoredContainer,
  runDirs: ReadonlySet<string>,
): Promise<Finding> {
  const { id } = stored.container
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, id)
  const nothing = { stored, shim: undefined, record: undefined }
  if (!runDirs.has(dirs.run.slice(runDir(ctx.config.execRoot).length + 1))) return nothing
  try {
    const files = { socket: dirs.socket, exitFile: dirs.exit }
    // Nothing lives through a reboot, whatever a runtime directory on disk still shows.
    const sameBoot = stored.bootId === ctx.config.bootId
    const shim = sameBoot ? await ctx.shims.adopt(files) : undefined
    if (shim) return { stored, shim, record: undefined }
    return { stored, shim, record: await ctx.shims.readExitRecord(dirs.exit) }
  } catch (err) {
    ctx.log.error({ container: id, err }, 'shim does not answer')
    return nothing
  }
}

async function reconcile(ctx: Context, finding: Finding): Promise<void> {
  const { stored, shim, record } = finding
  const c = stored.container
  if (stored.state === 'creating') {
    await removeDirectories(ctx, c.id)
    await ctx.events.commit([deleteRow(c.id)], [])
    return
  }
  if (stored.state === 'removing') return finishRemoval(ctx, c, shim)
  if (shim) return goOn(ctx, c, shim)
  await ctx.logs.resume(loggedContainer(ctx, c))
  await ctx.locks.run(c.id, async () => {
    await settle(ctx, c, record)
    await clearRun(ctx, c)
    // A create makes them after its commit; the last of them is the sign that all are there.
    if (!existsSync(containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id).work))
      makeDirectories(ctx, c.id)
  })
}

/**
 * What a start that never came to its process has made, and what the end of one has not yet taken
 * away. A shim that is only now on its way finds no place for its socket, or no cgroup, and gives up.
 */
async function clearRun(ctx: Context, c: Container): Promise<void> {
  const cgroup = cgroupPath(ctx, c)
  await ctx.native.removeTree(containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id).run)
  await ctx.cgroups.kill(cgroup).catch(() => {})
  await ctx.cgroups.remove(cgroup)
}

async function finishRemoval(
  ctx: Context,
  c: Container,
  shim: ShimProcess | undefined,
): Promise<void> {
  if (shim) {
    await ctx.cgroups.kill(cgroupPath(ctx, c))
    await shim.exited
    shim.close()
    await ctx.networks.release(c.id)
  }
  await ctx.cgroups.remove(cgroupPath(ctx, c))
  await ctx.locks.run(c.id, () =>
    destroy(ctx, c, { volumes: c.hostConfig.AutoRemove ?? false, marked: true }),
  )
  c.removing = false
}

/** The shim lives: the container went on without a daemon. */
async function goOn(ctx: Context, c: Container, shim: ShimProcess): Promise<void> {
  const known = isRunning(c) && c.pid === shim.pid
  adoptVolumes(ctx, c, shim.shimPid)
  const { watch } = watchExit(ctx, c, shim, cgroupPath(ctx, c))
  if (!known) {
    // The daemon died between the launch and its commit.
    c.state = 'running'
    c.pid = shim.pid
    c.startedNs = ctx.clock.nowNs()
    c.exitCode = 0
    c.error = ''
    c.detail.startedBefore = true
    noteEndpoints(ctx, c)
    beginHealth(c)
    const rows = [updateRow(c, ctx.config.bootId), ...saveHealth(c)]
    await ctx.events.commit(rows, [containerEvent(c, 'start')])
  }
  await matchFreezer(ctx, c)
  resumeMonitor(ctx, c)
  watch()
  if (!ctx.config.liveRestore) await stopAndWait(ctx, c, { manual: false })
}

/** The keepers of its volumes are the mount namespaces that the shim holds, in order of name. */
function adoptVolumes(ctx: Context, c: Container, shimPid: number): void {
  const names = ctx.volumes.keptMounted(volumesOf(c.detail.mounts))
  if (names.length === 0) return
  try {
    const keepers = keepersOf(shimPid)
    names.forEach((name, index) => {
      const held = keepers[index]
      if (held === undefined) return
      const pidfd = ctx.native.pidfdOpen(shimPid)
      try {
        const keeper = ctx.native.pidfdGetFd(pidfd, held)
        ctx.volumes.adopt({ name, user: c.id, keeper })
      } finally {
        ctx.native.closeFd(pidfd)
      }
    })
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'volumes of a running container not taken over')
  }
}

function keepersOf(pid: number): number[] {
  const dir = `/proc/${pid}/fd`
  return readdirSync(dir)
    .map(Number)
    .sort((a, b) => a - b)
    .filter((fd) => readlinkSync(`${dir}/${fd}`).startsWith('mnt:['))
}

/** Its endpoints were made before its start was recorded: `inspect` shows what is there. */
function noteEndpoints(ctx: Context, c: Container): void {
  const live = ctx.networks.endpointsOf(c.id) ?? {}
  for (const [name, shown] of Object.entries(live)) {
    const { IPAMConfig, Links, Aliases, DriverOpts, GwPriority } = c.detail.endpoints[name] ?? {}
    const asked = { IPAMConfig, Links, Aliases, DriverOpts, GwPriority }
    c.detail.endpoints[name] = Object.assign(shown, withoutUndefined(asked))
  }
}

function withoutUndefined(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

/** The daemon died between a freeze or a thaw and its commit, or somebody else did it. */
async function matchFreezer(ctx: Context, c: Container): Promise<void> {
  // The commit that had it paused ended with the daemon.
  if (c.detail.pausedForCommit) await ctx.cgroups.freeze(cgroupPath(ctx, c), false)
  delete c.detail.pausedForCommit
  const state = (await ctx.cgroups.isFrozen(cgroupPath(ctx, c))) ? 'paused' : 'running'
  if (c.state === state) return
  c.state = state
  const action = state === 'paused' ? 'pause' : 'unpause'
  await ctx.events.commit([updateRow(c, ctx.config.bootId)], [containerEvent(c, action)])
}

/** No shim: its exit record is the last word; without one nobody knows. Under the lock. */
async function settle(ctx: Context, c: Container, record: ExitRecord | undefined): Promise<void> {
  const unheard = record !== undefined && record.finishedAtNs !== c.finishedNs
  // A restart that was waiting is made up for with the others'.
  if (c.state === 'restarting' && !unheard) return
  if (!isRunning(c) && !unheard) return
  c.startedNs ??= record?.finishedAtNs
  c.detail.startedBefore = true
  await ctx.cgroups.kill(cgroupPath(ctx, c)).catch(() => {})
  void ctx.volumes.unmount(c.id, volumesOf(c.detail.mounts))
  const oomKills = await ctx.cgroups.oomKills(cgroupPath(ctx, c)).catch(() => 0)
  const next = await enterStopped(ctx, c, {
    exitCode: record?.exitCode ?? EXIT_UNKNOWN_END,
    finishedNs: record?.finishedAtNs ?? ctx.clock.nowNs(),
    oomKilled: oomKills > 0,
    before: oomKills > 0 && !c.oomKilled ? [containerEvent(c, 'oom')] : [],
    restartLater: true,
  })
  if (next === 'remove')
    inBackground(
      ctx,
      c.id,
      'auto-remove',
      removeContainer(ctx, c, c.id, { force: true, volumes: true }),
    )
}

/** Runs `work` for all, a bounded number at a time, and keeps the order of answers. */
async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++)
      results[index] = await work(items[index]!)
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker))
  return results
}
