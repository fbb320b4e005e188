import { execFile } from 'node:child_process'
import type { ContainerTopResponse } from '@tdocker/api'
import { system } from '../base/errors.ts'
import type { Context } from './context.ts'
import { containerEvent } from './events.ts'
import { isRestarting, notRunning } from './messages.ts'

const MAX_OUTPUT = 16 * 1024 * 1024
/** One blank will do: more of them would be tried in every way. */
const PID_ALIAS = /\s([^\s]*)=\s*(PID[^\s]*)/g

/** `GET /containers/{id}/top`: the host's own `ps`, filtered by the container's pids. */
export async function topContainer(
  ctx: Context,
  reference: string,
  psArgs: string,
): Promise<ContainerTopResponse> {
  const text = psArgs === '' ? '-ef' : psArgs
  // moby gives its errors no kind: they are 500.
  for (const [, key, value] of text.matchAll(PID_ALIAS))
    if (key !== 'pid') throw system(`specifying "${key}=${value}" is not allowed`)
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (c.state === 'restarting') throw isRestarting(c.id)
  if (!c.live) throw notRunning(c.id)
  const pids = await ctx.cgroups.pids(c.live.cgroup)
  const output = await runPs(
    text.split(' ').filter((arg) => arg !== ''),
    pids,
  )
  const answer = parsePs(output, new Set(pids))
  await ctx.events.commit([], [containerEvent(c, 'top')])
  return answer
}

/** `-q` with the pids is quick, but some options (`f`) do not go with it. */
async function runPs(args: readonly string[], pids: readonly number[]): Promise<string> {
  try {
    return await ps([...args, `-q${pids.join(',')}`])
  } catch {
    return ps(args)
  }
}

function ps(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: MAX_OUTPUT, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }
    execFile('ps', [...args], options, (error, stdout, stderr) => {
      if (!error) resolve(stdout)
      else reject(system(`ps: ${stderr.split('\n')[0] || error.message}`, error))
    })
  })
}

/** Lines of the pids, and lines without a pid (threads) that follow one of them. */
export function parsePs(output: string, pids: ReadonlySet<number>): ContainerTopResponse {
  const [head = '', ...lines] = output.split('\n')
  const titles = fields(head)
  const column = titles.indexOf('PID')
  if (column < 0) throw system("Couldn't find PID field in ps output")
  const processes: string[][] = []
  let inContainer = false
  for (const line of lines) {
    const columns = fields(line)
    if (columns.length === 0) continue
    const pid = columns[column] ?? ''
    if (pid !== '-') {
      if (!/^\d+$/.test(pid)) throw system(`Unexpected pid '${pid}'`)
      inContainer = pids.has(Number(pid))
    }
    if (inContainer) processes.push(fold(columns, titles.length))
  }
  return { Titles: titles, Processes: processes }
}

function fields(line: string): string[] {
  return line.split(/[\t\n\f\r ]+/).filter((field) => field !== '')
}

/** The last column (the command) takes what is over. */
function fold(columns: readonly string[], count: number): string[] {
  return [...columns.slice(0, count - 1), columns.slice(count - 1).join(' ')]
}
