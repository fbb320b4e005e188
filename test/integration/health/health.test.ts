import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { busyboxTar } from '../../lib/busybox.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

const MS = 1e6

interface State {
  Status: string
  Pid: number
  Health?: {
    Status: string
    FailingStreak: number
    Log: Array<{ Start: string; End: string; ExitCode: number; Output: string }>
  }
}

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const CMD = ['sleep', '1000']

function run(check: object, more: object = {}): Promise<string> {
  return daemon.run({
    Cmd: CMD,
    Healthcheck: { Interval: 100 * MS, ...check },
    HostConfig: { NetworkMode: 'none' },
    ...more,
  })
}

async function stateOf(id: string): Promise<State> {
  return (await daemon.api.get<{ State: State }>(`/containers/${id}/json`)).body.State
}

const healthIs = (id: string, status: string) =>
  until(`${status} of ${id}`, async () => (await stateOf(id)).Health?.Status === status)

const remove = (id: string) => daemon.api.delete(`/containers/${id}?force=1&v=1`)

async function titlesOf(id: string): Promise<string> {
  const { body } = await daemon.api.get<{ Processes: string[][] }>(`/containers/${id}/top`)
  return body.Processes.map((row) => row.at(-1)).join('\n')
}

/** Actions of a container's events so far. */
async function actionsOf(id: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [id] }))
  const now = (Date.now() / 1000).toFixed(3)
  const answer = await daemon.api.get(`/events?since=0&until=${now}&filters=${filters}`)
  return answer.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { Action: string }).Action)
}

test('starting becomes healthy, and unhealthy after the retries; list, filter and events say so', async () => {
  const id = await run({
    Test: ['CMD-SHELL', 'echo out; echo err >&2; test -e /well'],
    Retries: 2,
  })
  const list = (filter: string) =>
    daemon.api.get<Array<{ Id: string; Status: string; Health: object }>>(
      `/v1.52/containers/json?filters=${encodeURIComponent(JSON.stringify({ health: [filter] }))}`,
    )
  await healthIs(id, 'unhealthy')
  assert.match((await list('unhealthy')).body[0]!.Status, /^Up .* \(unhealthy\)$/)
  const { Health: ill } = await stateOf(id)
  assert.ok(ill!.FailingStreak >= 2)
  assert.equal(ill!.Log.at(-1)!.ExitCode, 1)
  assert.match(ill!.Log.at(-1)!.Output, /out\n/)
  assert.match(ill!.Log.at(-1)!.Output, /err\n/)
  assert.match(ill!.Log.at(-1)!.Start, /^20\d\d-.*Z$/)

  const exec = await daemon.api.post<{ Id: string }>(`/containers/${id}/exec`, {
    Cmd: ['touch', '/well'],
  })
  await daemon.api.post(`/exec/${exec.body.Id}/start`, { Detach: true })
  await healthIs(id, 'healthy')
  const [summary] = (await list('healthy')).body
  assert.match(summary!.Status, /^Up .* \(healthy\)$/)
  assert.deepEqual(summary!.Health, { Status: 'healthy', FailingStreak: 0 })
  assert.deepEqual((await list('starting')).body, [])
  await until('five results', async () => (await stateOf(id)).Health!.Log.length === 5)
  await until('events', async () => (await actionsOf(id)).includes('health_status: healthy'))
  const actions = await actionsOf(id)
  assert.ok(actions.includes('health_status: unhealthy'))
  const probe = '/bin/sh -c echo out; echo err >&2; test -e /well'
  assert.ok(actions.includes(`exec_create: ${probe}`))
  assert.ok(actions.includes(`exec_start: ${probe}`))
  assert.ok(actions.includes('exec_die'))

  await daemon.api.post(`/containers/${id}/stop?t=0`)
  const stopped = await stateOf(id)
  assert.deepEqual([stopped.Health!.Status, stopped.Health!.Log.length], ['unhealthy', 5])
  await remove(id)
})

test('a probe that takes too long is killed with its children', async () => {
  const id = await run({
    Test: ['CMD-SHELL', 'echo before; sleep 4242 & sleep 4343'],
    Timeout: 300 * MS,
    Retries: 1,
  })
  await healthIs(id, 'unhealthy')
  const [result] = (await stateOf(id)).Health!.Log
  assert.deepEqual(
    [result!.ExitCode, result!.Output],
    [-1, 'Health check exceeded timeout (300ms): before\n'],
  )
  await daemon.api.post(`/containers/${id}/stop?t=0`)
  const again = await run({
    Test: ['CMD-SHELL', 'sleep 4242 & sleep 4343'],
    Timeout: 100 * MS,
    Interval: 3600e9,
    StartPeriod: 3600e9,
    StartInterval: 100 * MS,
  })
  await until('a result', async () => ((await stateOf(again)).Health!.Log.length ?? 0) > 0)
  await until(
    'no more than one probe',
    async () => ((await titlesOf(again)).match(/4242/g) ?? []).length <= 2,
  )
  assert.equal((await stateOf(again)).Health!.Status, 'starting')
  await Promise.all([remove(id), remove(again)])
})

test('what a probe has put into sessions of their own goes with it', async () => {
  const id = await run({
    Test: ['CMD-SHELL', 'setsid sleep 4545 & setsid setsid sleep 4646 & sleep 4747'],
    Timeout: 500 * MS,
    Interval: 3600e9,
    StartPeriod: 3600e9,
    StartInterval: 100 * MS,
  })
  await until('the probe', async () => /4545[^]*4646|4646[^]*4545/.test(await titlesOf(id)))
  await until('a result', async () => ((await stateOf(id)).Health!.Log.length ?? 0) > 0)
  await daemon.api.post(`/containers/${id}/pause`)
  const titles = (await titlesOf(id)).match(/4545/g) ?? []
  // A next probe may be under way.
  assert.ok(titles.length <= 1, String(titles))
  await remove(id)
})

const RESTART = { 'tdocker.health-on-failure': 'restart' }

test('an annotation has it restarted when it is unhealthy', async () => {
  const id = await run(
    { Test: ['CMD-SHELL', 'test $(wc -l < /runs) -ge 3'], Retries: 2 },
    {
      Cmd: ['sh', '-c', 'echo >> /runs; sleep 1000'],
      StopTimeout: 0,
      HostConfig: { NetworkMode: 'none', Annotations: RESTART },
    },
  )
  await healthIs(id, 'healthy')
  const { body } = await daemon.api.get<{ RestartCount: number }>(`/containers/${id}/json`)
  assert.equal(body.RestartCount, 2)
  const actions = (await actionsOf(id)).filter((action) => !action.startsWith('exec_'))
  assert.equal(actions.filter((action) => action === 'restart').length, 2, actions.join())
  assert.equal(actions.filter((action) => action === 'health_status: unhealthy').length, 2)
  await remove(id)
})

test('a user who stops it meanwhile has the last word; other actions are refused', async () => {
  const id = await run(
    { Test: ['CMD', 'false'], Retries: 1 },
    {
      Cmd: ['sh', '-c', 'trap : TERM; while :; do sleep 0.1; done'],
      StopTimeout: 3600,
      HostConfig: { NetworkMode: 'none', Annotations: RESTART },
    },
  )
  await until('the stop of the restart', async () => (await actionsOf(id)).includes('kill'))
  await daemon.api.post(`/containers/${id}/stop?t=0`)
  assert.equal((await stateOf(id)).Status, 'exited')
  // Whoever starts it again finds it as it was.
  await daemon.api.post(`/containers/${id}/start`)
  assert.equal((await stateOf(id)).Status, 'running')
  await remove(id)
  const Annotations = { 'tdocker.health-on-failure': 'pray' }
  const answer = await daemon.api.post<{ message: string }>('/containers/create', {
    Image: 'busybox',
    HostConfig: { Annotations },
  })
  assert.equal(answer.status, 400)
  assert.match(answer.body.message, /unknown action 'pray'/)
})

test('a probe that cannot run has exit code -1 and the reason', async () => {
  const id = await run({ Test: ['CMD', 'nowhere'], Retries: 1 })
  await healthIs(id, 'unhealthy')
  const [result] = (await stateOf(id)).Health!.Log
  assert.equal(result!.ExitCode, -1)
  assert.match(
    result!.Output,
    /^OCI runtime exec failed: .*exec: "nowhere": executable file not found in \$PATH/,
  )
  await remove(id)
})

test('long output is cut at 4096 bytes', async () => {
  const id = await run({ Test: ['CMD-SHELL', 'head -c 200000 /dev/zero | tr "\\0" a'] })
  await healthIs(id, 'healthy')
  assert.equal((await stateOf(id)).Health!.Log[0]!.Output, `${'a'.repeat(4096)}...`)
  await remove(id)
})

test('the image says what is probed; a user changes part of it, or nothing is', async () => {
  const query = new URLSearchParams({
    fromSrc: '-',
    repo: 'checked',
    tag: 'latest',
    changes: 'HEALTHCHECK --interval=150ms --retries=7 CMD echo of-image',
  })
  const type = { 'Content-Type': 'application/x-tar' }
  await daemon.api.request('POST', `/images/create?${query}`, busyboxTar(), type)
  const plain = await daemon.run({ Image: 'checked', Cmd: CMD })
  await healthIs(plain, 'healthy')
  assert.equal((await stateOf(plain)).Health!.Log[0]!.Output, 'of-image\n')
  const changed = await run({ Retries: 1 }, { Image: 'checked' })
  const { body } = await daemon.api.get<{ Config: { Healthcheck: object } }>(
    `/containers/${changed}/json`,
  )
  assert.deepEqual(body.Config.Healthcheck, {
    Test: ['CMD-SHELL', 'echo of-image'],
    Interval: 100 * MS,
    Retries: 1,
  })
  const none = await daemon.tdocker('run', '-d', '--no-healthcheck', 'checked', ...CMD)
  assert.equal((await stateOf(none.stdout.trim())).Health, undefined)
  await Promise.all([plain, changed, none.stdout.trim()].map(remove))
})

for (const [how, end] of [
  ['an orderly stop', () => daemon.end()],
  ['a crash', () => daemon.crash()],
] as const)
  test(`state and probes outlive ${how} of the daemon`, async () => {
    const id = await run({ Test: ['CMD-SHELL', 'echo x >> /probes; false'], Retries: 3 })
    await healthIs(id, 'unhealthy')
    await end()
    const before = Date.now()
    await daemon.boot()
    const { Health: health } = await stateOf(id)
    assert.equal(health!.Status, 'unhealthy')
    assert.ok(health!.FailingStreak >= 3)
    assert.ok(health!.Log.length >= 3)
    await until('a new result', async () =>
      (await stateOf(id)).Health!.Log.some(({ Start }) => Date.parse(Start) >= before),
    )
    assert.ok((await stateOf(id)).Health!.FailingStreak > health!.FailingStreak)
    await remove(id)
  })

test('the end of the container ends a probe under way', async () => {
  const id = await run({ Test: ['CMD', 'sleep', '1234'], Retries: 1 })
  await until('the probe', async () => (await titlesOf(id)).includes('sleep 1234'))
  assert.equal((await daemon.api.post(`/containers/${id}/stop?t=0`)).status, 204)
  await until('its end', async () => (await actionsOf(id)).includes('exec_die'))
  assert.ok(!(await actionsOf(id)).some((action) => action.startsWith('health_status')))
  assert.deepEqual((await stateOf(id)).Health!.Log, [])
  await remove(id)
})

test('a paused container is not probed', async () => {
  const id = await run({ Test: ['CMD-SHELL', 'true'] })
  await healthIs(id, 'healthy')
  await daemon.api.post(`/containers/${id}/pause`)
  const paused = await stateOf(id)
  assert.equal(paused.Health!.Status, 'unhealthy')
  const [summary] = (await daemon.api.get<Array<{ Status: string }>>('/containers/json')).body
  assert.match(summary!.Status, /\(Paused\)$/)
  await daemon.api.post(`/containers/${id}/unpause`)
  await healthIs(id, 'healthy')
  const { Log } = (await stateOf(id)).Health!
  assert.ok(Log.every(({ ExitCode }) => ExitCode === 0))
  await remove(id)
})

test('NONE and no test are no health check', async () => {
  for (const Test of [['NONE'], []]) {
    const id = await daemon.run({ Cmd: CMD, Healthcheck: { Test } })
    assert.equal((await stateOf(id)).Health, undefined)
    await remove(id)
  }
})

test('what no check can mean is refused', async () => {
  const refused: Array<[object, string]> = [
    [{ Interval: 1 }, 'Interval in Healthcheck cannot be less than 1ms'],
    [{ Timeout: 999_999 }, 'Timeout in Healthcheck cannot be less than 1ms'],
    [{ Retries: -1, StartPeriod: 1 }, 'Retries in Healthcheck cannot be negative'],
    [{ StartPeriod: -1 }, 'StartPeriod in Healthcheck cannot be less than 1ms'],
    [{ StartInterval: 5 }, 'StartInterval in Healthcheck cannot be less than 1ms'],
  ]
  for (const [Healthcheck, message] of refused) {
    const answer = await daemon.api.post('/containers/create', { Image: 'busybox', Healthcheck })
    assert.deepEqual([answer.status, answer.body], [400, { message }])
  }
})
