/** `pause` and `unpause` as a client sees them, and as the kernel's freezer does. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isFrozen, writeGroup } from '../../lib/cgroup-files.ts'
import { patience } from '../../lib/patience.ts'
import { hasProgram, TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const post = (path: string, body?: object) =>
  daemon.api.post<{ message: string; Id: string }>(`/containers/${path}`, body)

interface State {
  Status: string
  Running: boolean
  Paused: boolean
}

async function stateOf(id: string): Promise<State> {
  const { body } = await daemon.api.get<{ State: State }>(`/containers/${id}/json`)
  return body.State
}

const sleeper = (name: string, hostConfig: object = {}): Promise<string> =>
  daemon.run({ Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none', ...hostConfig } }, name)

/** Actions of a container so far, oldest first. */
async function actionsOf(id: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [id] }))
  const until = Math.floor(Date.now() / 1000) + 1
  const { text } = await daemon.api.get(`/events?since=1&until=${until}&filters=${filters}`)
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { Action: string }).Action)
}

test('freezes and thaws; inspect, ps and events tell it', async () => {
  const id = await sleeper('still')
  assert.equal((await post('still/pause')).status, 204)
  assert.ok(isFrozen(daemon, id))
  const paused = await stateOf(id)
  assert.deepEqual([paused.Status, paused.Running, paused.Paused], ['paused', true, true])
  const { body: list } =
    await daemon.api.get<Array<{ Id: string; State: string; Status: string }>>('/containers/json')
  const row = list.find(({ Id }) => Id === id)
  assert.equal(row?.State, 'paused')
  assert.match(row?.Status ?? '', /^Up .* \(Paused\)$/)
  const { body: info } = await daemon.api.get<{ ContainersPaused: number }>('/info')
  assert.equal(info.ContainersPaused, 1)

  const top = await daemon.api.get<{ Processes: string[][] }>(`/containers/${id}/top`)
  assert.match(top.body.Processes[0]?.at(-1) ?? '', /sleep 600/)

  assert.equal((await post('still/unpause')).status, 204)
  assert.ok(!isFrozen(daemon, id))
  assert.equal((await stateOf(id)).Status, 'running')
  assert.deepEqual(await actionsOf(id), ['create', 'start', 'pause', 'top', 'unpause'])
})

test('refuses what makes no sense in the state it is in', async () => {
  const id = await sleeper('refuser')
  const made = await daemon.api.post<{ Id: string }>('/containers/create?name=unstarted', {
    Image: 'busybox',
  })
  const told = async (path: string): Promise<[number, string]> => {
    const { status, body } = await post(path)
    return [status, body?.message]
  }
  assert.deepEqual(await told('nobody/pause'), [404, 'No such container: nobody'])
  assert.deepEqual(await told('unstarted/pause'), [409, `container ${made.body.Id} is not running`])
  assert.deepEqual(await told('refuser/unpause'), [500, `Container ${id} is not paused`])
  await post('refuser/pause')
  assert.deepEqual(await told('refuser/pause'), [409, `container ${id} is already paused`])
  assert.deepEqual(await told('refuser/start'), [
    409,
    'cannot start a paused container, try unpause instead',
  ])
  assert.deepEqual(await told('refuser/attach?stream=1'), [
    409,
    'container refuser is paused, unpause the container before attach',
  ])
  const removal = await daemon.api.delete<{ message: string }>('/containers/refuser')
  assert.equal(removal.status, 409)
  assert.match(removal.body.message, /container is paused and must be unpaused first$/)
})

test('an exec neither begins in a paused container nor hangs', async () => {
  const id = await sleeper('worker')
  const create = () => post('worker/exec', { Cmd: ['true'], AttachStdout: true })
  const before = (await create()).body.Id
  await post('worker/pause')
  const refused = await create()
  assert.equal(refused.status, 409)
  assert.equal(
    refused.body.message,
    'Container worker is paused, unpause the container before exec',
  )
  const start = await daemon.api.post<{ message: string }>(`/exec/${before}/start`, {
    Detach: true,
  })
  assert.equal(start.status, 409)
  assert.equal(start.body.message, `Container ${id} is paused, unpause the container before exec`)
  await post('worker/unpause')
  assert.equal((await daemon.api.post(`/exec/${before}/start`, { Detach: true })).status, 200)
})

test('pauses in the middle of many execs: each ran or was refused', async () => {
  await sleeper('busy')
  const one = async (): Promise<number> => {
    const created = await post('busy/exec', { Cmd: ['true'] })
    if (created.status !== 201) return created.status
    return (await daemon.api.post(`/exec/${created.body.Id}/start`, { Detach: true })).status
  }
  const execs = Promise.all(Array.from({ length: 60 }, one))
  for (let i = 0; i < 8; i++) {
    assert.equal((await post('busy/pause')).status, 204)
    assert.equal((await post('busy/unpause')).status, 204)
  }
  for (const status of await execs) assert.ok(status === 200 || status === 409, String(status))
})

test('kill, stop, restart and forced removal of a paused container', async () => {
  for (const [verb, action] of [
    ['kill', 'kill'],
    ['kill?signal=KILL', 'kill'],
    [`stop?t=${10 * patience}`, 'stop'],
  ] as const) {
    const id = await daemon.run({
      // Ends by SIGTERM at once, as pid 1 must ask for it.
      Cmd: ['sh', '-c', 'trap "exit 3" TERM; echo up; while :; do sleep 0.05; done'],
      HostConfig: { NetworkMode: 'none' },
    })
    await until('the trap', async () => (await daemon.logs(id)).includes('up'))
    await post(`${id}/pause`)
    const began = Date.now()
    assert.equal((await post(`${id}/${verb}`)).status, 204, verb)
    assert.ok(Date.now() - began < 9000 * patience, 'waited for the stop timeout')
    assert.equal((await stateOf(id)).Status, 'exited')
    const actions = await actionsOf(id)
    assert.deepEqual(actions.slice(2, 4), ['pause', 'kill'], verb)
    // What SIGKILL ends is not told to have run again in between.
    assert.equal(actions.includes('unpause'), action === 'stop')
    assert.ok(actions.includes('die') && actions.includes(action))
  }
  const restarted = await sleeper('restarted')
  await post('restarted/pause')
  assert.equal((await post('restarted/restart?t=0')).status, 204)
  assert.deepEqual((await stateOf(restarted)).Status, 'running')
  await post('restarted/pause')
  assert.equal((await daemon.api.delete('/containers/restarted?force=1')).status, 204)
})

test('a signal that does not end it waits for the thaw', async () => {
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'trap "echo got" USR1; echo up; while :; do sleep 0.05; done'],
    StopSignal: 'SIGTERM',
    HostConfig: { NetworkMode: 'none' },
  })
  await until('the trap', async () => (await daemon.logs(id)).includes('up'))
  await post(`${id}/pause`)
  assert.equal((await post(`${id}/kill?signal=USR1`)).status, 204)
  assert.equal((await stateOf(id)).Status, 'paused')
  await post(`${id}/unpause`)
  await until('the signal', async () => (await daemon.logs(id)).includes('got'))
})

test('a new daemon finds paused containers paused, also those that only the kernel knows of', async () => {
  const known = await sleeper('known')
  const unknown = await sleeper('unknown')
  const thawed = await sleeper('thawed')
  await post('known/pause')
  await post('thawed/pause')
  await daemon.crash()
  // As if it had died between the freezer's answer and the commit.
  writeGroup(daemon, unknown, 'unified', 'cgroup.freeze', '1')
  writeGroup(daemon, thawed, 'unified', 'cgroup.freeze', '0')
  await daemon.boot()
  await until('the frozen one', async () => (await stateOf(unknown)).Status === 'paused')
  await until('the thawed one', async () => (await stateOf(thawed)).Status === 'running')
  assert.equal((await stateOf(known)).Status, 'paused')
  for (const id of [known, unknown]) {
    assert.equal((await post(`${id}/unpause`)).status, 204)
    assert.ok(!isFrozen(daemon, id))
  }
})

test('a daemon that stops its containers stops paused ones, too', async () => {
  await using own = await TestDaemon.start({ config: { 'live-restore': false } })
  const id = await own.run({ Cmd: ['sleep', '600'], StopSignal: 'SIGKILL' })
  assert.equal((await own.api.post(`/containers/${id}/pause`)).status, 204)
  assert.equal(await own.end('SIGTERM'), 0)
  await own.boot()
  const { body } = await own.api.get<{ State: State }>(`/containers/${id}/json`)
  assert.equal(body.State.Status, 'exited')
})

test('docker pause and unpause', { skip: !hasProgram('docker') }, async () => {
  const id = await sleeper('theirs')
  const paused = await daemon.docker('pause', 'theirs')
  assert.deepEqual([paused.status, paused.stdout], [0, 'theirs\n'], paused.stderr)
  assert.ok(isFrozen(daemon, id))
  assert.match((await daemon.docker('ps')).stdout, /\(Paused\)/)
  const thawed = await daemon.docker('unpause', 'theirs')
  assert.deepEqual([thawed.status, thawed.stdout], [0, 'theirs\n'], thawed.stderr)
})
