/**
 * Many clients, few names: whatever they do to the same container at the same time, each answer is
 * one that a lone client could have got at some moment, lists do not wait for any of it, and at the
 * end the daemon and the kernel agree.
 */
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { ApiAnswer } from '../lib/api-client.ts'
import { assertConsistent } from '../lib/consistency.ts'
import { Random } from '../fuzz/random.ts'
import { type TestDaemon, until } from '../lib/test-daemon.ts'

/** All act on the first most of the time; the second is what it is renamed to. */
const NAMES: readonly string[] = ['race', 'race-too']
const ANSWER_LIMIT_MS = 60_000

interface Verb {
  weight: number
  request(name: string, random: Random): [method: string, path: string, body?: unknown]
  /** Status and sentence, joined by a blank. */
  legal: readonly RegExp[]
}

const ID = '[0-9a-f]{64}'
const NAME = '(race|race-too)'
const GONE = new RegExp(`^404 No such container: ${NAME}$`)
const NOT_RUNNING = new RegExp(`^409 container ${ID} is not running$`)
const MARKED = /^409 container is marked for removal and cannot be started$/
const PAUSED = /^409 cannot start a paused container, try unpause instead$/

const VERBS: Readonly<Record<string, Verb>> = {
  create: {
    weight: 8,
    request: (name) => ['POST', `/containers/create?name=${name}`, BODY],
    legal: [/^201/, new RegExp(`^409 Conflict\\. The container name "/${NAME}" is already in use`)],
  },
  start: {
    weight: 12,
    request: (name) => ['POST', `/containers/${name}/start`],
    legal: [/^204/, /^304/, GONE, MARKED, PAUSED],
  },
  stop: {
    weight: 5,
    request: (name, random) => ['POST', `/containers/${name}/stop?t=${random.below(2)}`],
    legal: [/^204/, /^304/, GONE],
  },
  kill: {
    weight: 5,
    request: (name, random) => [
      'POST',
      `/containers/${name}/kill?signal=${random.pick(['KILL', 'TERM', 'USR1'])}`,
    ],
    legal: [
      /^204/,
      new RegExp(
        `^40[49] cannot kill container: ${NAME}: (No such container: ${NAME}|container ${ID} is not running)$`,
      ),
    ],
  },
  restart: {
    weight: 4,
    request: (name) => ['POST', `/containers/${name}/restart?t=0`],
    legal: [
      /^204/,
      GONE,
      new RegExp(
        `^500 Cannot restart container ${NAME}: (container is marked for removal and cannot be started|cannot start a paused container, try unpause instead)$`,
      ),
    ],
  },
  rename: {
    weight: 3,
    request: (name, random) => ['POST', `/containers/${name}/rename?name=${random.pick(NAMES)}`],
    legal: [
      /^204/,
      GONE,
      /^400 Renaming a container with the same name as its current name$/,
      new RegExp(
        `^409 Error when allocating new name: Conflict\\. The container name "/${NAME}" is already in use`,
      ),
    ],
  },
  remove: {
    weight: 3,
    request: (name, random) => ['DELETE', `/containers/${name}?force=${random.below(2)}`],
    legal: [
      /^204/,
      GONE,
      new RegExp(`^409 removal of container ${NAME} is already in progress$`),
      new RegExp(
        `^409 cannot remove container "${NAME}": container is (paused and must be unpaused first|(running|paused|restarting): stop the container before removing or force remove)$`,
      ),
    ],
  },
  pause: {
    weight: 3,
    request: (name) => ['POST', `/containers/${name}/pause`],
    legal: [/^204/, GONE, NOT_RUNNING, new RegExp(`^409 container ${ID} is already paused$`)],
  },
  unpause: {
    weight: 4,
    request: (name) => ['POST', `/containers/${name}/unpause`],
    legal: [/^204/, GONE, new RegExp(`^500 Container ${ID} is not paused$`)],
  },
  update: {
    weight: 3,
    request: (name, random) => [
      'POST',
      `/containers/${name}/update`,
      { CpuShares: 2 + random.below(1000) },
    ],
    legal: [
      /^200/,
      GONE,
      new RegExp(
        `^500 Cannot update container ${ID}: container is marked for removal and cannot be "update"$`,
      ),
    ],
  },
  exec: {
    weight: 6,
    request: (name) => ['POST', `/containers/${name}/exec`, { Cmd: ['true'] }],
    legal: [
      /^201/,
      GONE,
      NOT_RUNNING,
      new RegExp(`^409 Container ${NAME} is paused, unpause the container before exec$`),
    ],
  },
  inspect: {
    weight: 3,
    request: (name) => ['GET', `/containers/${name}/json`],
    legal: [/^200/, GONE],
  },
}

const EXEC_START: readonly RegExp[] = [
  /^200/,
  NOT_RUNNING,
  new RegExp(`^404 No such (container|exec instance): ${ID}$`),
  new RegExp(`^409 Container ${ID} is paused, unpause the container before exec$`),
  // The container ended under it.
  /^400 OCI runtime exec failed: /,
]

const BODY = {
  Image: 'busybox',
  Cmd: ['sh', '-c', 'trap "exit 0" TERM; trap : USR1; while :; do sleep 0.2; done'],
  HostConfig: { NetworkMode: 'none' },
}

export interface RaceReport {
  answers: number
  /** Those that no lone client could have got; each kind once. */
  illegal: string[]
  /** Of a list of all containers, in milliseconds. */
  list: { count: number; p50: number; p99: number; max: number }
  /** The worst lateness of a timer that did nothing else, in the same time. */
  machineLagMs: number
}

export async function race(
  daemon: TestDaemon,
  o: { clients: number; seconds: number; seed: number },
): Promise<RaceReport> {
  const end = Date.now() + o.seconds * 1000
  const illegal = new Map<string, string>()
  let answers = 0
  const client = async (number: number): Promise<void> => {
    const random = new Random(o.seed + number)
    while (Date.now() < end) {
      for (const [verb, answer] of await act(daemon, random)) {
        answers++
        if (isLegal(verb, answer)) continue
        illegal.set(`${verb} ${answer.status}`, `${verb}: ${answer.status} ${answer.text.trim()}`)
      }
    }
  }
  // What is measured is how long the daemon makes a list wait, not its clients and neighbours, who
  // want the same processors: its event loop and the thread that lists come before them.
  setPriority(daemon.pid, -15)
  const lists = watchLists(daemon.socket)
  await Promise.all(Array.from({ length: o.clients }, (_, number) => client(number)))
  const { latencies, machineLagMs } = await lists.stop()
  await assertConsistent(daemon)
  return { answers, illegal: [...illegal.values()], list: summary(latencies), machineLagMs }
}

const wheel = Object.entries(VERBS).flatMap(([name, { weight }]) =>
  Array.from({ length: weight }, () => name),
)

/** One verb; an exec is created and started. */
async function act(daemon: TestDaemon, random: Random): Promise<Array<[string, ApiAnswer]>> {
  const verb = random.pick(wheel)
  const name = random.chance(0.85) ? NAMES[0]! : NAMES[1]!
  const answer = await ask(daemon, verb, VERBS[verb]!.request(name, random))
  if (verb !== 'exec' || answer.status !== 201) return [[verb, answer]]
  const { Id } = answer.body as { Id: string }
  const start: [string, string, unknown] = ['POST', `/exec/${Id}/start`, { Detach: true }]
  return [
    [verb, answer],
    ['exec start', await ask(daemon, 'exec start', start)],
  ]
}

/** An answer that does not come is the deadlock this looks for. */
async function ask(
  daemon: TestDaemon,
  verb: string,
  request: [string, string, unknown?],
): Promise<ApiAnswer> {
  const late = new AbortController()
  try {
    return await Promise.race([
      daemon.api.request(...request),
      delay(ANSWER_LIMIT_MS, undefined, { signal: late.signal }).then(() => {
        throw new Error(`${verb}: no answer within ${ANSWER_LIMIT_MS} ms: ${request.join(' ')}`)
      }),
    ])
  } finally {
    late.abort()
  }
}

function isLegal(verb: string, { status, text, body }: ApiAnswer): boolean {
  const { message = '' } = (body as { message?: string } | undefined) ?? {}
  const told = `${status} ${message}`
  const legal = verb === 'exec start' ? EXEC_START : VERBS[verb]!.legal
  return legal.some((pattern) => pattern.test(told)) && !(status >= 400 && text === '')
}

/** Lists all containers without pause, from a thread that does nothing else. */
function watchLists(socketPath: string): {
  stop(): Promise<{ latencies: number[]; machineLagMs: number }>
} {
  const worker = new Worker(new URL('list-watch.ts', import.meta.url), { workerData: socketPath })
  const control = new Worker(new URL('lag-watch.ts', import.meta.url))
  const last = <T>(thread: Worker): Promise<T> =>
    new Promise((resolve, reject) => {
      thread.once('message', resolve)
      thread.once('error', reject)
      thread.postMessage('stop')
    })
  return {
    stop: async () => {
      const [latencies, machineLagMs] = await Promise.all([
        last<number[]>(worker),
        last<number>(control),
      ])
      return { latencies, machineLagMs }
    },
  }
}

function summary(latencies: readonly number[]): RaceReport['list'] {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** Removes what the clients left, and sees that there is nothing else. */
export async function cleared(daemon: TestDaemon): Promise<void> {
  const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
  await Promise.all(body.map(({ Id }) => daemon.api.delete(`/containers/${Id}?force=1`)))
  await until('all containers to be gone', async () => {
    const left = await daemon.api.get<unknown[]>('/containers/json?all=1')
    return left.body.length === 0
  })
  await assertConsistent(daemon)
}
