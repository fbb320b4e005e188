import { setTimeout as delay } from 'node:timers/promises'
import type { ExitRecord } from '@tdocker/kernel/shim/plan.ts'
import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import type { NewEvent } from '../../event/event-log.ts'
import { saveHealth } from '../../health/health-rows.ts'
import { closeMonitor } from '../../health/monitor.ts'
import { loggedContainer } from '../container-log.ts'
import type { Container, LiveContainer } from '../container.ts'
import { type Context, inBackground } from '../context.ts'
import { containerEvent, volumeEvents } from '../events.ts'
import { containerDirs } from '../paths.ts'
import { removeContainer } from '../remove.ts'
import { updateRow } from '../rows.ts'
import { volumesOf } from '../start/mount-sources.ts'
import { startLocked } from '../start/start.ts'
import { wakeStopWaiters } from '../wait.ts'
import { endOomWatch, watchOom } from './oom.ts'
import { decideRestart } from './restart-policy.ts'

/** Docker's code where nobody knows how the process ended. */
export const EXIT_UNKNOWN_END = 255
const EXIT_KILLED = 137

/**
 * Makes `c` live. `watch` begins to act on the exit: called when the start is committed, so that
 * `die` never comes before `start`.
 */
export function watchExit(
  ctx: Context,
  c: Container,
  shim: ShimProcess,
  cgroup: string,
): { live: LiveContainer; watch: () => void } {
  const ended = Promise.withResolvers<void>()
  const live: LiveContainer = {
    shim,
    pidfd: openInit(ctx, shim.pid),
    cgroup,
    oom: { told: 0, watch: undefined },
    ended: ended.promise,
  }
  c.live = live
  shim.onDetach(() => {
    inBackground(ctx, c.id, 'detach event', ctx.events.commit([], [containerEvent(c, 'detach')]))
  })
  ctx.logs.follow(loggedContainer(ctx, c), shim)
  const watch = (): void => {
    void watchOom(ctx, c, live)
    const handled = shim.exited.then((record) => handleExit(ctx, c, live, record))
    inBackground(ctx, c.id, 'exit handling', handled.finally(ended.resolve))
  }
  return { live, watch }
}

/** undefined when init is gone already: its exit is on the way. */
function openInit(ctx: Context, pid: number): number | undefined {
  try {
    return ctx.native.pidfdOpen(pid)
  } catch {
    return undefined
  }
}

/** Forgets the number with the descriptor: it will soon be another's. */
export function closeInit(ctx: Context, live: LiveContainer): void {
  const { pidfd } = live
  live.pidfd = undefined
  if (pidfd !== undefined) ctx.native.closeFd(pidfd)
}

async function handleExit(
  ctx: Context,
  c: Container,
  live: LiveContainer,
  record: ExitRecord | undefined,
): Promise<void> {
  const next = await ctx.locks.run(c.id, async () => {
    if (c.live !== live) return 'rest'
    closeMonitor(c)
    await reapCgroup(ctx, c, live, record)
    const { oomKilled, untold } = await endOomWatch(ctx, c, live)
    // Its rows are on their way, in the commit that also tells of the end.
    const released = ctx.networks.release(c.id).catch(logged(ctx, c, 'release network'))
    // A plugin that takes its time holds up the volume's next mount only.
    void ctx.volumes.unmount(c.id, volumesOf(c.detail.mounts))
    closeInit(ctx, live)
    live.shim.close()
    const end = {
      exitCode: record?.exitCode ?? EXIT_KILLED,
      finishedNs: record?.finishedAtNs ?? ctx.clock.nowNs(),
      oomKilled,
      before: untold,
    }
    const decision = await enterStopped(ctx, c, end)
    await released
    await ctx.cgroups.remove(live.cgroup).catch(logged(ctx, c, 'remove cgroup'))
    return decision
  })
  if (next === 'remove')
    await removeContainer(ctx, c, c.id, { force: true, volumes: true, marked: true }).catch(
      (error: unknown) => {
        // Somebody else's removal was quicker.
        if (ctx.registry.has(c) && !c.removing) throw error
      },
    )
}

/** Without the shim, or with a pid namespace of others, what is left in the group must die. */
async function reapCgroup(
  ctx: Context,
  c: Container,
  live: LiveContainer,
  record: ExitRecord | undefined,
): Promise<void> {
  if (record !== undefined && !c.hostConfig.PidMode) return
  if (record === undefined) ctx.log.error({ container: c.id }, 'shim died before its container')
  await ctx.cgroups.kill(live.cgroup).catch(logged(ctx, c, 'kill what is left'))
  // A killed process ends when it next runs; only then may its root be mounted again.
  for (const ms of AWAIT_KILLED_MS) {
    if ((await ctx.cgroups.pids(live.cgroup).catch(() => [])).length === 0) return
    await delay(ms)
  }
}

const AWAIT_KILLED_MS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]

export interface ProcessEnd {
  exitCode: number
  finishedNs: bigint
  oomKilled: boolean
  /** What is told before `die`. */
  before: readonly NewEvent[]
  /** The caller sees to a restart, which then is not one more of a row. */
  restartLater?: boolean
}

/**
 * Records the end of the process under the container's lock, wakes who waits, and says what comes
 * next. The restart is scheduled here; removal is the caller's, outside the lock.
 */
export async function enterStopped(
  ctx: Context,
  c: Container,
  end: ProcessEnd,
): Promise<'rest' | 'restart' | 'remove'> {
  const durationNs = end.finishedNs - (c.startedNs ?? end.finishedNs)
  const decision = decideRestart({
    policy: c.hostConfig.RestartPolicy ?? {},
    cancelled: c.restart.cancelled,
    manuallyStopped: c.detail.manuallyStopped || ctx.shuttingDown,
    exitCode: end.exitCode,
    restartCount: c.restartCount,
    delayMs: c.restart.delayMs,
    durationMs: Number(durationNs / 1_000_000n),
  })
  c.restart.delayMs = decision.delayMs
  c.state = decision.restart ? 'restarting' : 'exited'
  if (decision.restart && !end.restartLater) c.restartCount++
  c.live = undefined
  if (c.health) c.health = { ...c.health, status: 'unhealthy' }
  c.pid = 0
  c.exitCode = end.exitCode
  c.oomKilled = end.oomKilled
  c.finishedNs = end.finishedNs
  c.detail.ports = {}
  clearEndpoints(c)
  const removes = !decision.restart && (c.hostConfig.AutoRemove ?? false) && !c.manualRestart
  const recorded = await commitStopped(ctx, c, { durationNs, removes, before: end.before })
  wakeStopWaiters(c)
  if (decision.restart && !end.restartLater) scheduleRestart(ctx, c)
  // The removal takes it along.
  if (recorded && !removes) await removeRunDirectory(ctx, c)
  return decision.restart ? 'restart' : removes ? 'remove' : 'rest'
}

async function commitStopped(
  ctx: Context,
  c: Container,
  {
    durationNs,
    removes,
    before,
  }: { durationNs: bigint; removes: boolean; before: readonly NewEvent[] },
): Promise<boolean> {
  const events: NewEvent[] = [
    ...before,
    ...volumeEvents(c, 'unmount'),
    containerEvent(c, 'die', {
      exitCode: String(c.exitCode),
      execDuration: String(durationNs / 1_000_000_000n),
    }),
  ]
  try {
    // What is about to be removed is marked so in the same commit.
    const rows = [updateRow(c, ctx.config.bootId, { removing: removes }), ...saveHealth(c)]
    await ctx.events.commit(rows, events)
    return true
  } catch (err) {
    // A full disk. Memory is right, and the exit record stays for the next daemon to find.
    ctx.log.error({ container: c.id, err }, 'exit not recorded')
    return false
  }
}

/** Still under the lock: the next start makes it anew. */
async function removeRunDirectory(ctx: Context, c: Container): Promise<void> {
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  await ctx.native.removeTree(dirs.run).catch(logged(ctx, c, 'remove runtime directory'))
}

/** What `inspect` shows of a stopped container's networks: the wish without its results. */
function clearEndpoints(c: Container): void {
  for (const endpoint of Object.values(c.detail.endpoints))
    Object.assign(endpoint, {
      EndpointID: '',
      Gateway: '',
      IPAddress: '',
      IPPrefixLen: 0,
      IPv6Gateway: '',
      GlobalIPv6Address: '',
      GlobalIPv6PrefixLen: 0,
      MacAddress: '',
    })
}

function scheduleRestart(ctx: Context, c: Container): void {
  c.restart.timer = ctx.clock.after(c.restart.delayMs, () => {
    c.restart.timer = undefined
    inBackground(ctx, c.id, 'restart', restartNow(ctx, c))
  })
}

async function restartNow(ctx: Context, c: Container): Promise<void> {
  const removes = await ctx.locks.run(c.id, async () => {
    if (c.state !== 'restarting' || c.removing || ctx.shuttingDown) return false
    if (!ctx.registry.has(c)) return false
    const { exitCode } = c
    try {
      await startLocked(ctx, c, { automatic: true })
      return false
    } catch {
      // As in Docker: the code is that of the run before.
      c.exitCode = exitCode
      await giveUpRestart(ctx, c)
      return c.hostConfig.AutoRemove ?? false
    }
  })
  if (removes) await removeContainer(ctx, c, c.id, { force: true, volumes: true })
}

/** A start that failed is not tried again, as in Docker; the reason is on the container. */
export async function giveUpRestart(ctx: Context, c: Container): Promise<void> {
  await restOf(ctx, c)
}

/** Also on a full disk: who waits for it learns that it has stopped. */
async function restOf(ctx: Context, c: Container): Promise<void> {
  c.state = 'exited'
  try {
    await ctx.events.commit([updateRow(c, ctx.config.bootId)], [])
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'end of restarts not recorded')
  }
  wakeStopWaiters(c)
}

/** A user does not want it back: ends a waiting restart. Answers whether there was one. */
export async function cancelRestart(ctx: Context, c: Container): Promise<boolean> {
  c.restart.cancelled = true
  return ctx.locks.run(c.id, async () => {
    if (c.state !== 'restarting') return false
    c.restart.timer?.()
    c.restart.timer = undefined
    await restOf(ctx, c)
    return true
  })
}

function logged(ctx: Context, c: Container, what: string): (err: unknown) => void {
  return (err) => ctx.log.error({ container: c.id, err, what }, 'exit handling: step failed')
}
