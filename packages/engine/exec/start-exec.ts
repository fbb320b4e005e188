import { mkdirSync } from 'node:fs'
import type { ExecStartRequest } from '@tdocker/api'
import type { Hijack } from '../backend-types.ts'
import { conflict } from '../base/errors.ts'
import { stdoutFrame, writeToClient } from '../container/client-stream.ts'
import type { Container, LiveContainer } from '../container/container.ts'
import { type Context, inBackground } from '../container/context.ts'
import { parseDetachKeys } from '../container/detach-keys.ts'
import { noSuchContainer, notRunning } from '../container/messages.ts'
import { execPaths } from '../container/paths.ts'
import { buildExecPlan } from '../container/plan/exec-plan.ts'
import type { ClientConnection } from '../container/plan/plan-input.ts'
import { EXIT_CANNOT_INVOKE, startFailure } from '../container/start/launch-error.ts'
import { planCgroup, withUlimits } from '../container/start/start.ts'
import { LaunchError, type ShimProcess } from '@tdocker/kernel/shim/shim.ts'
import { commandText, execEvent, lookUp, requireActive, updateExec } from './create-exec.ts'
import type { Exec } from './exec-registry.ts'
import { watchExecExit } from './exec-exit.ts'

/**
 * `POST /exec/{id}/start`. Detached, a failure is the answer; attached, it is printed into the
 * stream, as the connection is no longer HTTP's.
 */
export async function startExec(
  ctx: Context,
  id: string,
  body: ExecStartRequest,
  hijack: Hijack | undefined,
): Promise<void> {
  const exec = ctx.execs.get(id)
  const live = requireStartable(ctx, exec)
  exec.state = 'running'
  const client = await takeClient(exec, body, hijack).catch((error: unknown) => {
    exec.state = 'created'
    throw error
  })
  try {
    await launchExec(ctx, exec, live, client, consoleSize(exec, body))
  } catch (error) {
    const ended = nobodyToJoin(error) || hasEnded(ctx, exec.container, live)
    const cause = ended ? notRunning(exec.container.id) : error
    const failure = await recordFailure(ctx, exec, cause)
    if (!client) throw failure
    await printFailure(ctx, client.fd, failure.message, isFramed(body))
  } finally {
    if (client) ctx.native.closeFd(client.fd)
  }
}

/**
 * Its end may not have been heard of yet; then a failure to enter it has no other reason. A process
 * loses its root before those in its namespace are killed.
 */
function hasEnded(ctx: Context, c: Container, live: LiveContainer): boolean {
  if (c.live !== live || live.pidfd === undefined) return true
  try {
    ctx.native.closeFd(ctx.native.openRoot(`/proc/${live.shim.pid}/root`))
    return false
  } catch {
    return true
  }
}

const ESRCH = 3

/** init has ended and waits to be reaped: its namespaces are gone. */
function nobodyToJoin(error: unknown): boolean {
  return error instanceof LaunchError && error.stage === 'namespaces' && error.errno === ESRCH
}

function requireStartable(ctx: Context, exec: Exec): LiveContainer {
  const c = exec.container
  if (!ctx.registry.has(c)) throw noSuchContainer(exec.id)
  const live = requireActive(c, c.id)
  if (exec.exitCode !== undefined) throw conflict(`exec command ${exec.id} has already run`)
  if (exec.state === 'running') throw conflict(`exec command ${exec.id} is already running`)
  return live
}

async function takeClient(
  exec: Exec,
  body: ExecStartRequest,
  hijack: Hijack | undefined,
): Promise<ClientConnection | undefined> {
  if (!hijack) return undefined
  const { spec } = exec
  const framed = isFramed(body)
  const { fd, head } = await hijack.take({ multiplexed: framed, headRead: true })
  return {
    fd,
    stdin: spec.openStdin,
    stdout: spec.openStdout,
    stderr: spec.openStderr,
    ...(framed === spec.tty && { framed }),
    detachKeys: spec.detachKeys.length > 0 ? spec.detachKeys : parseDetachKeys(undefined),
    head,
  }
}

/** It is the start's `Tty` that says how the client reads, whatever the process has: as in moby. */
function isFramed(body: ExecStartRequest): boolean {
  return !(body.Tty ?? false)
}

function consoleSize(
  exec: Exec,
  body: ExecStartRequest,
): { consoleSize?: readonly [number, number] } {
  const [rows = 0, columns = 0] = body.Tty ? (body.ConsoleSize ?? []) : []
  if (rows > 0 && columns > 0) return { consoleSize: [rows, columns] }
  return exec.spec.consoleSize ? { consoleSize: exec.spec.consoleSize } : {}
}

/** Starts the process, or throws `LaunchError`; `client` is still the caller's. */
export async function launchExec(
  ctx: Context,
  exec: Exec,
  live: LiveContainer,
  client: ClientConnection | undefined,
  size: { consoleSize?: readonly [number, number] },
): Promise<ShimProcess> {
  const { container: c, spec } = exec
  const paths = execPaths(ctx.config.execRoot, exec.id)
  const recorded = ctx.events.commit(exec.probe ? [] : [updateExec(exec)], [
    execEvent(exec, `exec_start: ${commandText(exec)}`),
  ])
  inBackground(ctx, c.id, 'record exec start', recorded)
  mkdirSync(paths.run, { recursive: true, mode: 0o700 })
  const [user, seccomp, appArmorProfile] = await Promise.all([
    lookUp(ctx, c, live, spec.user),
    ctx.seccomp.forContainer(c.hostConfig),
    // A privileged exec keeps its container's profile, as with Docker.
    ctx.appArmor.forContainer(c.hostConfig),
  ])
  // Looking users up took time: it may have been paused or gone meanwhile.
  requireActive(c, c.id)
  const { pidfd } = live
  if (pidfd === undefined) throw notRunning(c.id)
  const built = buildExecPlan({
    id: exec.id,
    exec: spec,
    config: c.config,
    hostConfig: withUlimits(ctx, c),
    paths: { socket: paths.socket, exitFile: paths.exit },
    pidfd,
    user,
    cgroup: planCgroup(ctx, live.cgroup),
    seccomp,
    appArmorProfile,
    host: ctx.host,
    noNewPrivileges: ctx.config.noNewPrivileges,
    clients: client ? [client] : [],
    ...size,
  })
  const shim = await enter(c, ctx.shims.launch(built.plan, built.fds))
  watchExecExit(ctx, exec, shim)
  return shim
}

/** Known to the container while it is on its way, so that a pause waits for it. */
async function enter<T>(c: Container, launch: Promise<T>): Promise<T> {
  c.launches.add(launch)
  try {
    return await launch
  } finally {
    c.launches.delete(launch)
  }
}

/** Exit code and sentence of an exec that never ran. */
async function recordFailure(ctx: Context, exec: Exec, error: unknown): Promise<Error> {
  const failure = startFailure(error, {
    verb: 'exec',
    command: exec.spec.cmd[0] ?? '',
    cwd: exec.spec.workingDir || '/',
  })
  exec.state = 'exited'
  exec.exitCode = error instanceof LaunchError ? failure.exitCode : EXIT_CANNOT_INVOKE
  exec.container.execs.delete(exec.id)
  exec.started.resolve()
  ctx.log.error({ container: exec.container.id, exec: exec.id, err: error }, 'exec not started')
  inBackground(ctx, exec.container.id, 'record exec failure', ctx.store.write([updateExec(exec)]))
  await ctx.native.removeTree(execPaths(ctx.config.execRoot, exec.id).run)
  return failure.error
}

async function printFailure(
  ctx: Context,
  fd: number,
  message: string,
  framed: boolean,
): Promise<void> {
  const text = Buffer.from(`${message}\r\n`)
  await writeToClient(ctx, fd, [framed ? stdoutFrame(text) : text]).catch(() => {})
}
