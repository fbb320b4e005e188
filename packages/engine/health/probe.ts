import type { HealthcheckResult } from '@tdocker/api'
import type { ExitRecord } from '@tdocker/kernel/shim/plan.ts'
import type { ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import type { Container, LiveContainer } from '../container/container.ts'
import { type Context, inBackground } from '../container/context.ts'
import { formatTime } from '../container/clock.ts'
import { newId } from '../container/id.ts'
import { execPaths } from '../container/paths.ts'
import { startFailure } from '../container/start/launch-error.ts'
import { commandText, execEvent, newExec } from '../exec/create-exec.ts'
import type { Exec } from '../exec/exec-registry.ts'
import { launchExec } from '../exec/start-exec.ts'
import { formatDuration } from './duration.ts'
import type { HealthCheck } from './health.ts'
import { killProbe } from './kill-probe.ts'
import { collectOutput, ProbeOutput } from './probe-output.ts'

/** Runs a probe once. Never throws: what goes wrong is a result with exit code -1. */
export type RunProbe = (
  ctx: Context,
  c: Container,
  check: HealthCheck,
  signal: AbortSignal,
) => Promise<Omit<HealthcheckResult, 'Start'>>

/** The time a start takes is not the probe's, but a start that hangs is no health either. */
const START_TIMEOUT_MS = 30_000
/** For output that is on its way when the process has ended, or that a child of it holds open. */
const DRAIN_MS = 2_000
const EXIT_KILLED = 137
/** The end of a container kills its probe first: that is not for the probe to judge. */
const KILLED_MS = 500

/**
 * The probe as an exec with a shim of its own, its output taken through a socket pair. It is not
 * in the store: what a crash of the daemon leaves of it is garbage to the next one.
 */
export const runProbe: RunProbe = async (ctx, c, check, signal) => {
  try {
    return await run(ctx, c, check, signal)
  } catch (error) {
    ctx.log.warn({ container: c.id, err: error }, 'health check failed to run')
    using stopped = abortOf(signal)
    await withTimeout(ctx, KILLED_MS, stopped.promise, () => undefined)
    return { End: now(ctx), ExitCode: -1, Output: (error as Error).message }
  }
}

async function run(
  ctx: Context,
  c: Container,
  check: HealthCheck,
  signal: AbortSignal,
): ReturnType<RunProbe> {
  if (check.command.length === 0)
    throw new Error(`healthcheck for container ${c.id} has no command`)
  const { live } = c
  if (!live) throw new Error(`container ${c.id} is not running`)
  const exec = probeExec(c, check)
  ctx.execs.add(exec)
  const created = `exec_create: ${commandText(exec)}`
  inBackground(ctx, c.id, 'record probe', ctx.events.commit([], [execEvent(exec, created)]))
  const output = new ProbeOutput()
  const [mine, shims] = ctx.native.socketPair()
  const reader = collectOutput(mine, output)
  try {
    const shim = await start(ctx, c, live, exec, shims, signal)
    return await finish(ctx, exec, check, shim.exited, {
      output,
      outputEnded: reader.ended,
      signal,
    })
  } finally {
    reader.close()
  }
}

function probeExec(c: Container, check: HealthCheck): Exec {
  const exec = newExec(newId(), c, {
    cmd: [...check.command],
    env: [],
    tty: false,
    openStdin: false,
    openStdout: true,
    openStderr: true,
    privileged: false,
    user: c.config.User ?? '',
    workingDir: c.config.WorkingDir ?? '',
    detachKeys: [],
  })
  exec.probe = true
  return exec
}

/** A few starts at a time, however many checks are due. Closes `shims`. */
async function start(
  ctx: Context,
  c: Container,
  live: LiveContainer,
  exec: Exec,
  shims: number,
  signal: AbortSignal,
): Promise<ShimProcess> {
  const client = {
    fd: shims,
    stdin: false,
    stdout: true,
    stderr: true,
    detachKeys: [],
    head: Buffer.alloc(0),
  }
  let launched: Promise<ShimProcess> | undefined
  try {
    return await ctx.probeStarts.run(signal, async () => {
      launched = launchExec(ctx, exec, live, client, {})
      return await withTimeout(ctx, START_TIMEOUT_MS, launched, (): never => {
        throw new Error(`timed out starting health check for container ${c.id}`)
      })
    })
  } catch (error) {
    ctx.execs.delete(exec)
    exec.started.resolve()
    // One that comes to life after all must not stay.
    inBackground(ctx, c.id, 'late probe', late(ctx, exec, launched))
    throw startFailure(error, {
      verb: 'exec',
      command: exec.spec.cmd[0] ?? '',
      cwd: exec.spec.workingDir || '/',
    }).error
  } finally {
    ctx.native.closeFd(shims)
  }
}

async function late(
  ctx: Context,
  exec: Exec,
  launched: Promise<ShimProcess> | undefined,
): Promise<void> {
  const started = await launched?.then(
    () => true,
    () => false,
  )
  if (started) await killProbe(ctx, exec)
  else await ctx.native.removeTree(execPaths(ctx.config.execRoot, exec.id).run)
}

async function finish(
  ctx: Context,
  exec: Exec,
  check: HealthCheck,
  ended: Promise<ExitRecord | undefined>,
  o: { output: ProbeOutput; outputEnded: Promise<void>; signal: AbortSignal },
): ReturnType<RunProbe> {
  using abort = abortOf(o.signal)
  const stopped = abort.promise
  const timeoutMs = check.timeoutNs / 1e6
  const outcome = await withTimeout(
    ctx,
    timeoutMs,
    Promise.race([ended, stopped]),
    () => 'timeout' as const,
  )
  if (outcome === 'timeout' || outcome === 'aborted') {
    await killProbe(ctx, exec)
    // Dying probes must not pile up; a container on its way out takes them along.
    if (outcome === 'timeout') await Promise.race([ended, stopped])
    const sentence = `Health check exceeded timeout (${formatDuration(check.timeoutNs)})`
    const said = o.output.toString()
    return { End: now(ctx), ExitCode: -1, Output: said === '' ? sentence : `${sentence}: ${said}` }
  }
  const ExitCode = outcome?.exitCode ?? EXIT_KILLED
  if (ExitCode === EXIT_KILLED) await withTimeout(ctx, KILLED_MS, stopped, () => undefined)
  await withTimeout(ctx, DRAIN_MS, o.outputEnded, () => undefined)
  return { End: now(ctx), ExitCode, Output: o.output.toString() }
}

/** The signal lives as long as the container runs: each probe takes its listener away again. */
function abortOf(signal: AbortSignal): Disposable & { promise: Promise<'aborted'> } {
  const { promise, resolve } = Promise.withResolvers<'aborted'>()
  const abort = (): void => resolve('aborted')
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  return { promise, [Symbol.dispose]: () => signal.removeEventListener('abort', abort) }
}

async function withTimeout<T, U>(
  ctx: Context,
  ms: number,
  work: Promise<T>,
  late: () => U,
): Promise<T | U> {
  const timeout = Promise.withResolvers<typeof LATE>()
  const cancel = ctx.clock.after(ms, () => timeout.resolve(LATE))
  try {
    const first = await Promise.race([work, timeout.promise])
    return first === LATE ? late() : first
  } finally {
    cancel()
  }
}

const LATE: unique symbol = Symbol('late')

function now(ctx: Context): string {
  return formatTime(ctx.clock.nowNs())
}
