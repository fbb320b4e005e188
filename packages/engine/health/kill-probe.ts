import { readFile } from 'node:fs/promises'
import type { Context } from '../container/context.ts'
import type { Exec } from '../exec/exec-registry.ts'

/** What /proc tells of a process: enough to know it again. */
export interface ProcessStat {
  parent: number
  /** Clock ticks since boot. */
  started: string
}

/**
 * Kills a probe with its children: its process group (an exec leads one of its own), and those of its
 * descendants that have left it. One whose parents have ended is init's child, like any daemon that
 * the container's own processes start, and stays.
 */
export async function killProbe(ctx: Context, exec: Exec): Promise<void> {
  if (exec.state !== 'running' || exec.pid <= 0) return
  const { pid } = exec
  try {
    const family = await descendantsOf(pid, await membersOf(ctx, exec))
    // Meanwhile it may have ended, and its number be another's.
    if (exec.state === 'running') process.kill(-pid, 'SIGKILL')
    for (const [child, stat] of family) await killSame(ctx, child, stat)
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH')
      ctx.log.warn({ container: exec.container.id, err }, 'probe not killed')
  }
}

/** The processes of its container; none when that is on its way out, which takes them along. */
async function membersOf(ctx: Context, exec: Exec): Promise<readonly number[]> {
  const { live } = exec.container
  return live ? await ctx.cgroups.pids(live.cgroup).catch(() => []) : []
}

async function descendantsOf(
  pid: number,
  members: readonly number[],
): Promise<Map<number, ProcessStat>> {
  const known = new Map<number, ProcessStat>()
  for (const member of members) {
    const stat = await statOf(member)
    if (stat) known.set(member, stat)
  }
  return familyOf(pid, known)
}

/** Children of `pid`, theirs and so on, among `known`. */
export function familyOf(
  pid: number,
  known: ReadonlyMap<number, ProcessStat>,
): Map<number, ProcessStat> {
  const children = new Map<number, number[]>()
  for (const [member, { parent }] of known)
    children.set(parent, [...(children.get(parent) ?? []), member])
  const family = new Map<number, ProcessStat>()
  const pending = [...(children.get(pid) ?? [])]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (family.has(next)) continue
    family.set(next, known.get(next)!)
    pending.push(...(children.get(next) ?? []))
  }
  return family
}

async function killSame(ctx: Context, pid: number, { started }: ProcessStat): Promise<void> {
  let pidfd: number | undefined
  try {
    pidfd = ctx.native.pidfdOpen(pid)
    if ((await statOf(pid))?.started === started) ctx.native.pidfdSendSignal(pidfd, SIGKILL)
  } catch {
    // It has ended.
  } finally {
    if (pidfd !== undefined) ctx.native.closeFd(pidfd)
  }
}

const SIGKILL = 9

async function statOf(pid: number): Promise<ProcessStat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}

/** proc_pid_stat(5). The name in brackets is the process's own choice, brackets and all. */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { parent: Number(fields[1]), started: fields[19] ?? '' }
}
