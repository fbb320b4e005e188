import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

interface Inspect {
  RestartCount: number
  State: { Status: string; Running: boolean; Restarting: boolean; ExitCode: number; Error: string }
}

const HostConfig = (Name: string, more: object = {}) => ({
  HostConfig: { NetworkMode: 'none', RestartPolicy: { Name, ...more } },
})

async function inspect(id: string): Promise<Inspect> {
  return (await daemon.api.get<Inspect>(`/containers/${id}/json`)).body
}

const statusIs = (id: string, status: string) =>
  until(`${status} of ${id}`, async () => (await inspect(id)).State.Status === status)

const remove = (id: string) => daemon.api.delete(`/containers/${id}?force=1&v=1`)

async function actionsOf(id: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [id] }))
  const now = (Date.now() / 1000).toFixed(3)
  const answer = await daemon.api.get(`/events?since=0&until=${now}&filters=${filters}`)
  return answer.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { Action: string }).Action)
}

const fails = ['sh', '-c', 'exit 3']

test('always: again and again, later and later, until it is stopped', async () => {
  const id = await daemon.run({ Cmd: fails, ...HostConfig('always') })
  await until('three restarts', async () => (await inspect(id)).RestartCount >= 3)
  // From 800 ms on the pause is long enough to be looked at.
  await until('a pause', async () => {
    const { State } = await inspect(id)
    return State.Status === 'restarting' && State.Restarting && State.Running
  })
  const [summary] = (
    await daemon.api.get<Array<{ State: string; Status: string }>>('/containers/json')
  ).body
  assert.equal(summary!.State, 'restarting')
  assert.match(summary!.Status, /^Restarting \(3\) .* ago$/)
  const conflict = await daemon.api.delete(`/containers/${id}`)
  assert.equal(conflict.status, 409)
  assert.match(
    conflict.text,
    /container is restarting: stop the container before removing or force remove/,
  )
  assert.equal((await daemon.api.post(`/containers/${id}/start`)).status, 304)
  assert.equal((await daemon.api.post(`/containers/${id}/stop`)).status, 204)
  const { State, RestartCount } = await inspect(id)
  assert.deepEqual([State.Status, State.ExitCode], ['exited', 3])
  const actions = await actionsOf(id)
  assert.equal(actions.at(-1), 'stop')
  assert.ok(!actions.includes('restart'))
  assert.equal(actions.filter((action) => action === 'start').length, RestartCount)
  await daemon.api.post(`/containers/${id}/start`)
  await until('a fresh count', async () => (await inspect(id)).RestartCount < RestartCount)
  await remove(id)
})

test('on-failure: as often as told, and only then', async () => {
  const twice = await daemon.run({
    Cmd: fails,
    ...HostConfig('on-failure', { MaximumRetryCount: 2 }),
  })
  const well = await daemon.run({ Cmd: ['true'], ...HostConfig('on-failure') })
  await statusIs(well, 'exited')
  await statusIs(twice, 'exited')
  assert.equal((await inspect(twice)).RestartCount, 2)
  assert.equal((await inspect(well)).RestartCount, 0)
  await Promise.all([remove(twice), remove(well)])
})

for (const verb of ['kill', 'restart'])
  test(`${verb} of one that waits for its restart`, async () => {
    const id = await daemon.run({ Cmd: fails, ...HostConfig('always') })
    await until('a pause', async () => {
      const { State, RestartCount } = await inspect(id)
      return State.Restarting && RestartCount >= 4
    })
    const answer = await daemon.api.post(`/containers/${id}/${verb}`)
    assert.equal(answer.status, 204, answer.text)
    if (verb === 'kill') assert.equal((await inspect(id)).State.Status, 'exited')
    else assert.ok((await inspect(id)).RestartCount < 4)
    assert.equal((await remove(id)).status, 204)
  })

test('each exit answers a wait, restarts or not; the end of a removal another', async () => {
  const id = await daemon.run({ Cmd: ['sh', '-c', 'sleep 0.2; exit 5'], ...HostConfig('always') })
  const wait = (condition: string) =>
    daemon.api.post<{ StatusCode: number }>(`/containers/${id}/wait?condition=${condition}`)
  assert.equal((await wait('next-exit')).body.StatusCode, 5)
  assert.equal((await wait('not-running')).body.StatusCode, 5)
  const gone = wait('removed')
  await remove(id)
  assert.equal((await gone).status, 200)
})

test('a start that fails in a restart is the last one', async () => {
  const source = mkdtempSync('/dev/shm/tdocker-restart-')
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'sleep 0.3; exit 4'],
    HostConfig: {
      NetworkMode: 'none',
      RestartPolicy: { Name: 'always' },
      Mounts: [{ Type: 'bind', Source: source, Target: '/data' }],
    },
  })
  rmSync(source, { recursive: true })
  await statusIs(id, 'exited')
  const { State } = await inspect(id)
  assert.equal(State.ExitCode, 4)
  assert.match(State.Error, /no such file or directory|does not exist/)
  await remove(id)
})

test('what contradicts itself is refused', async () => {
  const refused: Array<[object, string]> = [
    [
      { AutoRemove: true, RestartPolicy: { Name: 'always' } },
      "can't create 'AutoRemove' container with restart policy",
    ],
    [
      { RestartPolicy: { Name: 'always', MaximumRetryCount: 1 } },
      "invalid restart policy: maximum retry count can only be used with 'on-failure'",
    ],
    [
      { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } },
      'invalid restart policy: maximum retry count cannot be negative',
    ],
    [
      { RestartPolicy: { Name: 'sometimes' } },
      "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
    ],
  ]
  for (const [host, message] of refused) {
    const body = { Image: 'busybox', HostConfig: host }
    const answer = await daemon.api.post('/containers/create', body)
    assert.deepEqual([answer.status, answer.body], [400, { message }])
  }
})

test('real-time signals by their names', async () => {
  const trap = 'trap "echo got; exit 9" 37; while :; do sleep 0.05; done'
  const id = await daemon.run({ Cmd: ['sh', '-c', trap], ...HostConfig('no') })
  await until('the trap', async () => {
    await daemon.api.post(`/containers/${id}/kill?signal=SIGRTMIN%2B3`)
    return !(await inspect(id)).State.Running
  })
  assert.equal((await inspect(id)).State.ExitCode, 9)
  for (const [signal, message] of [
    ['RTMIN%2B99', 'invalid signal: RTMIN+99'],
    ['99', 'the linux daemon does not support signal 99'],
  ]) {
    const answer = await daemon.api.post(`/containers/${id}/kill?signal=${signal}`)
    const told = { message: `cannot kill container: ${id}: ${message}` }
    assert.deepEqual([answer.status, answer.body], [400, told])
  }
  await remove(id)
})
