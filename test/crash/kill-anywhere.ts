/**
 * kill -9 of the daemon at any moment of any verb: the next daemon finds each container as it was
 * before the verb or after it, never between, and nothing that belongs to nobody.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { assertConsistent } from '../lib/consistency.ts'
import { Random } from '../fuzz/random.ts'
import { type TestDaemon, until } from '../lib/test-daemon.ts'

/** Within so many milliseconds: some verbs have not begun, some are over, also on a busy machine. */
const KILL_WITHIN_MS: readonly number[] = [10, 50, 50, 200]

interface State {
  Status: string
  Name: string
}
type World = ReadonlyMap<string, State>

const BODY = { Image: 'busybox', Cmd: ['sleep', '1000'] }
const LONELY = { ...BODY, HostConfig: { NetworkMode: 'none' } }
const PUBLISHED = { ...BODY, HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '' }] } } }

type Request = [method: string, path: string, body?: unknown]

/**
 * What a verb asks, and in which states of the container it may leave it. `undefined` is a container
 * that is not there.
 */
interface Verb {
  request(name: string): Request
  after: readonly (string | undefined)[]
  /** Where the container has to be before. */
  from?: readonly string[]
}

const VERBS: readonly Verb[] = [
  {
    request: (name) => ['POST', `/containers/${name}/start`],
    after: ['running'],
    from: ['created', 'exited'],
  },
  {
    request: (name) => ['POST', `/containers/${name}/stop?t=0`],
    after: ['exited'],
    from: ['running'],
  },
  { request: (name) => ['POST', `/containers/${name}/kill`], after: ['exited'], from: ['running'] },
  // Between its two halves it is stopped, as it would be for whoever looked then.
  { request: (name) => ['POST', `/containers/${name}/restart?t=0`], after: ['running', 'exited'] },
  { request: (name) => ['DELETE', `/containers/${name}?force=1`], after: [undefined, 'exited'] },
  {
    request: (name) => ['POST', `/containers/${name}/pause`],
    after: ['paused'],
    from: ['running'],
  },
  {
    request: (name) => ['POST', `/containers/${name}/unpause`],
    after: ['running'],
    from: ['paused'],
  },
  {
    request: (name) => ['POST', `/containers/${name}/update`, { CpuShares: 77 }],
    after: ['running', 'exited', 'created'],
  },
]

export interface KillReport {
  rounds: number
  /** Rounds whose verb had been answered before the kill. */
  answered: number
}

export async function killAnywhere(
  daemon: TestDaemon,
  o: { rounds: number; seed: number },
): Promise<KillReport> {
  const random = new Random(o.seed)
  let answered = 0
  for (let round = 0; round < o.rounds; round++) {
    const before = await populate(daemon, random)
    const story: string[] = []
    const asked = [...before].map(([id, state]) => plan(id, state, random))
    const requests: Array<Promise<boolean>> = asked.map(async ({ request }) => {
      story.push(request.join(' '))
      return daemon.api.request(...request).then(
        () => true,
        () => false,
      )
    })
    const creation = create(daemon, `new-${round}`)
    await delay(random.next() * random.pick(KILL_WITHIN_MS))
    await daemon.crash()
    answered += (await Promise.all(requests)).filter(Boolean).length
    await creation
    await daemon.boot()
    await assertConsistent(daemon).catch((error: unknown) => {
      throw new Error(`round ${round} of seed ${o.seed}: ${story.join('; ')}\n${String(error)}`)
    })
    const after = await look(daemon)
    for (const { id, state, verb } of asked) {
      const wanted = [state.Status, ...verb.after]
      const found = after.get(id)?.Status
      assert.ok(wanted.includes(found), `round ${round}: ${story.join('; ')}: ${id} is ${found}`)
    }
    await usable(daemon, [...after.keys()])
  }
  return { rounds: o.rounds, answered }
}

interface Plan {
  id: string
  state: State
  verb: Verb
  request: Request
}

function plan(id: string, state: State, random: Random): Plan {
  const fitting = VERBS.filter(({ from }) => from === undefined || from.includes(state.Status))
  const verb = random.pick(fitting)
  return { id, state, verb, request: verb.request(id) }
}

/** Containers in all states. */
async function populate(daemon: TestDaemon, random: Random): Promise<World> {
  const world = await look(daemon)
  for (let missing = 4 - world.size; missing > 0; missing--) {
    const { status, body, text } = await daemon.api.post<{ Id: string }>(
      '/containers/create',
      random.pick([LONELY, PUBLISHED]),
    )
    assert.equal(status, 201, text)
    if (random.chance(0.8)) await daemon.api.post(`/containers/${body.Id}/start`)
    if (random.chance(0.2)) await daemon.api.post(`/containers/${body.Id}/pause`)
  }
  return look(daemon)
}

async function create(daemon: TestDaemon, name: string): Promise<void> {
  await daemon.api.post(`/containers/create?name=${name}`, LONELY).catch(() => {})
}

async function look(daemon: TestDaemon): Promise<World> {
  const { body } =
    await daemon.api.get<Array<{ Id: string; State: string; Names: string[] }>>(
      '/containers/json?all=1',
    )
  return new Map(body.map(({ Id, State, Names }) => [Id, { Status: State, Name: Names[0] ?? '' }]))
}

/** What the crash left can still be worked with; some of it goes, so that there are never many. */
async function usable(daemon: TestDaemon, ids: readonly string[]): Promise<void> {
  for (const id of ids.slice(3)) {
    const { status, text } = await daemon.api.delete(`/containers/${id}?force=1`)
    assert.equal(status, 204, text)
  }
  const [first] = ids
  if (first === undefined) return
  const exec = await daemon.api.post(`/containers/${first}/exec`, { Cmd: ['true'] })
  assert.ok([201, 409].includes(exec.status), exec.text)
}

export async function cleared(daemon: TestDaemon): Promise<void> {
  await until('all containers to be gone', async () => {
    const world = await look(daemon)
    for (const id of world.keys()) await daemon.api.delete(`/containers/${id}?force=1`)
    return world.size === 0
  })
  await assertConsistent(daemon)
}
