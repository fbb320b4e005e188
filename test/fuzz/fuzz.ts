/**
 * Sends mutated requests to a daemon and looks at what it makes of them: it stays up, answers every
 * one, knows a cause for each 5xx, keeps its memory, and serves the next valid request.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { footprintOf } from '../lib/footprint.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'
import { Random } from './random.ts'
import { makeRequest, type FuzzRequest, type Targets } from './requests.ts'
import { type FuzzAnswer, send } from './send.ts'

const ROUND = 250
const PARALLEL = 12

/** What a server error may say; everything else is one of ours. */
const CAUSES: readonly RegExp[] = [
  / is not supported by tdocker yet$/,
  /This node is not (a swarm manager|part of a swarm)/,
  // moby gives these no kind of their own.
  /^(no upgrade proto in request|protocol .* not supported)$/s,
  /^Invalid escape keys \(/s,
  /^specifying ".*" is not allowed$/s,
  /^ps: /s,
  /^Couldn't find PID field in ps output$/,
  /^timeout waiting for exec session ready$/,
  // No registry listens where the requests point to.
  /ECONNREFUSED|connection refused|no such host/,
  // Docker's own.
  /^Conflict, cannot remove the default link name of the container$/,
  // dockerd looks at the signal only when it stops.
  /^cannot (stop|restart) container: .*: invalid signal: /s,
  /^Cannot (restart|update) container /,
  /^volume update only valid for cluster volumes, but swarm is unavailable$/,
  /^Container [0-9a-f]{64} is not (paused|running)$/,
  // A body that is no archive.
  /^unexpected EOF$/,
  /^Get "https?:": http: no Host in request URL$/,
  /^the legacy image store does not support attestations$/,
  // The client went away first.
  /client closed the connection|context canceled/,
]

/** They may wait for a process as long as they were told to. */
const PATIENT: ReadonlySet<string> = new Set(['ContainerStop', 'ContainerRestart', 'ContainerWait'])

export interface FuzzReport {
  statuses: Map<number, number>
  /** MiB before and after. */
  memory: [number, number]
  /** Answers that should not have been, with what they answer. */
  problems: string[]
}

export async function fuzz(o: { seed: number; count: number }): Promise<FuzzReport> {
  await using daemon = await TestDaemon.start()
  const random = new Random(o.seed)
  const { pid } = daemon
  await serves(daemon)
  await clear(daemon)
  const atRest = held(daemon)
  const statuses = new Map<number, number>()
  const problems: string[] = []
  let first = 0
  for (let done = 0; done < o.count; done += ROUND) {
    const targets = await prepare(daemon)
    await round(daemon, targets, random, { statuses, problems })
    await lives(daemon)
    await serves(daemon)
    await clear(daemon)
    if (done <= o.count / 4) first = memory(pid)
  }
  await clearVolumes(daemon)
  await until('leftovers to go', () => held(daemon) === atRest).catch(() => {})
  assert.equal(held(daemon), atRest)
  const told = daemon.log.split('\n')
  problems.push(...told.filter((line) => /uncaught|unhandled|TypeError|RangeError/i.test(line)))
  return { statuses, problems, memory: [first, memory(pid)] }
}

async function round(
  daemon: TestDaemon,
  targets: Targets,
  random: Random,
  { statuses, problems }: Pick<FuzzReport, 'statuses' | 'problems'>,
): Promise<void> {
  const requests = Array.from({ length: ROUND }, () => makeRequest(targets, random))
  const worker = async (): Promise<void> => {
    for (let request = requests.pop(); request; request = requests.pop()) {
      const patience = PATIENT.has(request.operation) ? 300 : undefined
      const answer = await send(daemon.socket, request, patience)
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      const problem = problemOf(request, answer)
      if (problem) problems.push(describe(problem, request, answer))
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}

function problemOf(request: FuzzRequest, { status, text, silent }: FuzzAnswer): string | undefined {
  if (request.cutAt !== undefined || request.hangUp) return undefined
  if (silent) return PATIENT.has(request.operation) ? undefined : 'no answer'
  if (status === 0) return text === '' ? undefined : 'no HTTP'
  const isHead = request.bytes.subarray(0, 4).toString() === 'HEAD'
  if (status < 500 || isHead) return undefined
  const [head = '', body = ''] = text.split('\r\n\r\n')
  const length = Number(/Content-Length: (\d+)/.exec(head)?.[1] ?? body.length)
  return CAUSES.some((cause) => cause.test(messageIn(body.slice(0, length))))
    ? undefined
    : 'no cause'
}

function describe(
  problem: string,
  { operation, bytes }: FuzzRequest,
  { text }: FuzzAnswer,
): string {
  return `${problem}: ${operation}\n${bytes.toString('latin1').slice(0, 2000)}\n→ ${text.slice(0, 2000)}`
}

function messageIn(body: string): string {
  try {
    return (JSON.parse(body) as { message: string }).message
  } catch {
    return body
  }
}

/** A running, a stopped and a new container, with an exec each way. */
async function prepare(daemon: TestDaemon): Promise<Targets> {
  const HostConfig = { NetworkMode: 'none' }
  const forever = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done']
  const running = await daemon.run({ Cmd: forever, HostConfig, OpenStdin: true }, 'fuzz-running')
  const terminal = await daemon.run(
    { Cmd: forever, HostConfig, Tty: true, OpenStdin: true },
    'fuzz-tty',
  )
  const ended = await daemon.run({ Cmd: ['true'], HostConfig }, 'fuzz-ended')
  const made = await daemon.api.post<{ Id: string }>('/containers/create?name=fuzz-made', {
    ...{ Image: 'busybox', Cmd: ['true'], HostConfig },
  })
  const execs = await Promise.all(
    [['true'], ['sleep', '5'], ['none']].map(async (Cmd) => {
      const { body } = await daemon.api.post<{ Id: string }>(`/containers/${running}/exec`, { Cmd })
      return body.Id
    }),
  )
  const { body: image } = await daemon.api.get<{ Id: string }>('/images/busybox/json')
  return {
    containers: ['fuzz-running', terminal, ended, 'fuzz-made', made.body.Id, running.slice(0, 12)],
    execs,
    // One that may be removed, one that may not.
    images: ['busybox', 'none:latest', image.Id.slice(0, 20)],
    others: ['bridge', 'none', 'x', 'local'],
  }
}

async function lives(daemon: TestDaemon): Promise<void> {
  if (await daemon.answers()) return
  throw new Error(`the daemon is gone:\n${daemon.log.slice(-6000)}`)
}

/** The daemon serves who asks for nothing odd. */
async function serves(daemon: TestDaemon): Promise<void> {
  assert.equal((await daemon.api.get('/_ping')).text, 'OK')
  if ((await daemon.api.get('/images/busybox/json')).status === 404) await daemon.importBusybox()
  const id = await daemon.run({ Cmd: ['sh', '-c', 'exit 3'], HostConfig: { NetworkMode: 'none' } })
  assert.equal(await daemon.wait(id), 3)
}

async function clear(daemon: TestDaemon): Promise<void> {
  await until('all containers to be gone', async () => {
    const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
    for (const { Id } of body) {
      const { status, text } = await daemon.api.delete(`/containers/${Id}?force=1&v=1`)
      assert.ok([204, 404, 409].includes(status), text)
    }
    return body.length === 0
  })
}

async function clearVolumes(daemon: TestDaemon): Promise<void> {
  const { body, status } = await daemon.api.get<{ Volumes: Array<{ Name: string }> }>('/volumes')
  if (status !== 200) return
  for (const { Name } of body.Volumes)
    await daemon.api.delete(`/volumes/${encodeURIComponent(Name)}?force=1`)
}

/** What a daemon without containers holds; an image that was removed comes back with another date. */
function held(daemon: TestDaemon): string {
  return JSON.stringify({ ...footprintOf(daemon), image_tag: [] })
}

function memory(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}
