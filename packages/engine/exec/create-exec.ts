import type { ExecCreateRequest } from '@tdocker/api'
import { EngineError, invalidParameter, system } from '../base/errors.ts'
import type { Container, LiveContainer } from '../container/container.ts'
import { type Context, inBackground } from '../container/context.ts'
import { parseDetachKeys } from '../container/detach-keys.ts'
import { containerEvent } from '../container/events.ts'
import { newId } from '../container/id.ts'
import { ofLiving } from '../container/living.ts'
import { execPaused, isRestarting, notRunning } from '../container/messages.ts'
import type { ResolvedUser } from '../container/plan/plan-input.ts'
import { resolveUser } from '../container/plan/user.ts'
import { sql, type Statement } from '../store/store.ts'
import type { Exec, ExecSpec } from './exec-registry.ts'

/** `POST /containers/{id}/exec`. */
export async function createExec(
  ctx: Context,
  reference: string,
  body: ExecCreateRequest,
): Promise<{ Id: string }> {
  if (!body.Cmd?.length) throw invalidParameter('No exec command specified')
  const container = ctx.registry.get(reference)
  await container.reconciled
  const live = requireActive(container, reference)
  const spec = makeSpec(container, body)
  if (body.User) await checkUser(ctx, container, live, body.User)
  const exec = newExec(newId(), container, spec)
  ctx.execs.add(exec)
  ctx.cgroups.anticipateJoin()
  // An exec id lost in a crash harms nobody, so the answer does not wait for the disk.
  const recorded = ctx.events.commit(
    [insertExec(exec, ctx.clock.nowNs())],
    [execEvent(exec, `exec_create: ${commandText(exec)}`)],
  )
  inBackground(ctx, container.id, 'record exec', recorded)
  return { Id: exec.id }
}

/** The running container behind an exec. Throws conflict in Docker's words. */
export function requireActive(c: Container, reference: string): LiveContainer {
  if (c.state === 'restarting') throw isRestarting(c.id)
  if (c.state === 'paused') throw execPaused(reference)
  if (c.state !== 'running' || !c.live) throw notRunning(c.id)
  return c.live
}

function makeSpec(container: Container, body: ExecCreateRequest): ExecSpec {
  const [rows = 0, columns = 0] = body.ConsoleSize ?? []
  return {
    cmd: body.Cmd ?? [],
    env: body.Env ?? [],
    tty: body.Tty ?? false,
    openStdin: body.AttachStdin ?? false,
    openStdout: body.AttachStdout ?? false,
    openStderr: body.AttachStderr ?? false,
    privileged: body.Privileged ?? false,
    user: body.User || container.config.User || '',
    workingDir: body.WorkingDir || container.config.WorkingDir || '',
    detachKeys: body.DetachKeys ? [...parseDetachKeys(body.DetachKeys, badEscapeKeys)] : [],
    ...(rows > 0 && columns > 0 ? { consoleSize: [rows, columns] as const } : {}),
  }
}

/** moby gives this error no kind, so clients know it as a 500. */
const badEscapeKeys = (keys: string): EngineError =>
  system(`Invalid escape keys (${keys}) provided`)

/** A wrong user is the request's error now, not the start's later. */
async function checkUser(
  ctx: Context,
  c: Container,
  live: LiveContainer,
  user: string,
): Promise<void> {
  try {
    await lookUp(ctx, c, live, user)
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'conflict') throw error
    throw invalidParameter((error as Error).message, error)
  }
}

/** Looks a user up in the running container's own tree. Throws conflict when it has just ended. */
export async function lookUp(
  ctx: Context,
  c: Container,
  live: LiveContainer,
  user: string,
): Promise<ResolvedUser> {
  const root = openLiveRoot(ctx, c, live)
  try {
    return await resolveUser({
      native: ctx.native,
      root,
      spec: user,
      groupAdd: c.hostConfig.GroupAdd ?? [],
    })
  } finally {
    ctx.native.closeFd(root)
  }
}

/** init may be gone before its end is known here. */
function openLiveRoot(ctx: Context, c: Container, live: LiveContainer): number {
  try {
    return ofLiving(ctx, c, live, ctx.native.openRoot(`/proc/${live.shim.pid}/root`))
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOENT' || code === 'ESRCH') throw notRunning(c.id)
    throw error
  }
}

export function newExec(id: string, container: Container, spec: ExecSpec): Exec {
  const started = Promise.withResolvers<void>()
  return {
    id,
    container,
    spec,
    state: 'created',
    pid: 0,
    exitCode: undefined,
    shim: undefined,
    started,
    canRemove: false,
    probe: false,
  }
}

/** As events spell it: there is a blank behind a program without arguments, too. */
export function commandText({ spec: { cmd } }: Exec): string {
  return `${cmd[0]} ${cmd.slice(1).join(' ')}`
}

export function execEvent(
  exec: Exec,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): ReturnType<typeof containerEvent> {
  return containerEvent(exec.container, action, { execID: exec.id, ...attributes })
}

function insertExec(exec: Exec, nowNs: bigint): Statement {
  return sql`INSERT INTO exec(id, container_id, created_at, config_json, state)
    VALUES (${exec.id}, ${exec.container.id}, ${nowNs}, ${JSON.stringify(exec.spec)}, 'created')`
}

export function updateExec(exec: Exec): Statement {
  return sql`UPDATE exec SET state = ${exec.state}, pid = ${exec.pid},
    exit_code = ${exec.exitCode ?? null} WHERE id = ${exec.id}`
}

export function deleteExec(id: string): Statement {
  return sql`DELETE FROM exec WHERE id = ${id}`
}
