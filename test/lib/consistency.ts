/** Whether what a daemon says of its containers is what the kernel and its directories hold. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestDaemon } from './test-daemon.ts'

interface Inspect {
  Id: string
  Name: string
  State: { Status: string; Running: boolean; Paused: boolean; Restarting: boolean; Pid: number }
}

const ALIVE: ReadonlySet<string> = new Set(['running', 'paused'])
const ATTEMPTS = 150
const PAUSE_MS = 100

/** Throws with what still differs after 15 s: some of it is done after the answer. */
export async function assertConsistent(daemon: TestDaemon): Promise<void> {
  let found: string[] = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    found = await inconsistencies(daemon)
    if (found.length === 0) return
    await delay(PAUSE_MS)
  }
  throw new Error(`the daemon and the kernel differ:\n${found.join('\n')}`)
}

async function inconsistencies(daemon: TestDaemon): Promise<string[]> {
  const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
  const found = await Promise.all(
    body.map(async ({ Id }) => (await daemon.api.get<Inspect>(`/containers/${Id}/json`)).body),
  )
  const known = found.filter((inspect) => inspect.State !== undefined)
  const alive = known.filter(({ State }) => ALIVE.has(State.Status))
  const cgroups = new Set(cgroupsOf(daemon.id))
  return [
    ...known.flatMap((inspect) => stateProblems(daemon, inspect)),
    ...difference('cgroup', cgroups, new Set(alive.map(({ Id }) => Id))),
    ...difference(
      'directory',
      new Set(entries(join(daemon.dataRoot, 'containers'))),
      new Set(known.map(({ Id }) => Id)),
    ),
    ...difference(
      'runtime directory',
      new Set(entries(join(daemon.execRoot, 'c'))),
      new Set(alive.map(({ Id }) => Id.slice(0, 24))),
    ),
    ...difference(
      'shim',
      new Set(containerShims(daemon.id, new Set([...known.map(({ Id }) => Id), ...cgroups]))),
      new Set(alive.map(({ Id }) => Id)),
    ),
  ]
}

function stateProblems(daemon: TestDaemon, { Id, State }: Inspect): string[] {
  const wanted = ALIVE.has(State.Status)
  const problems = [
    State.Running === (wanted || State.Status === 'restarting') ? '' : 'Running',
    State.Paused === (State.Status === 'paused') ? '' : 'Paused',
    wanted === State.Pid > 0 ? '' : 'Pid',
    !wanted || holds(daemon.id, Id, State.Pid) ? '' : `process ${State.Pid} is not in its cgroup`,
  ]
  return problems
    .filter((problem) => problem !== '')
    .map((problem) => `${Id} ${JSON.stringify(State)}: ${problem}`)
}

function holds(id: string, container: string, pid: number): boolean {
  return hierarchies().some((root) =>
    lines(join(root, id, container, 'cgroup.procs')).includes(String(pid)),
  )
}

function difference(what: string, there: Set<string>, wanted: Set<string>): string[] {
  return [
    ...[...there].filter((name) => !wanted.has(name)).map((name) => `${what} ${name} of nobody`),
    ...[...wanted].filter((name) => !there.has(name)).map((name) => `no ${what} for ${name}`),
  ]
}

/** Ids of containers that have a cgroup of their own in any hierarchy. */
function cgroupsOf(id: string): string[] {
  return hierarchies()
    .flatMap((root) => entries(join(root, id)))
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
}

/** Ids among `candidates` whose shim runs; execs have shims of their own names. */
function containerShims(id: string, candidates: ReadonlySet<string>): string[] {
  const pids = new Set(hierarchies().flatMap((root) => lines(join(root, id, 'shims/cgroup.procs'))))
  return [...pids]
    .filter((pid) => pid !== '')
    .map((pid) => lines(`/proc/${pid}/cmdline`).join('').split('\0')[1] ?? '')
    .filter((name) => candidates.has(name))
}

function hierarchies(): string[] {
  const base = '/sys/fs/cgroup'
  if (existsSync(join(base, 'cgroup.controllers'))) return [base]
  return entries(base).map((name) => join(base, name))
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}
