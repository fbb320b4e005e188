import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

/** What becomes of containers when their daemon ends, is killed, or the machine boots again. */

const SLEEP = ['sleep', '1000']

interface Inspect {
  RestartCount: number
  State: { Status: string; ExitCode: number; Pid: number }
}

const policy = (Name: string, more: object = {}) => ({
  Cmd: SLEEP,
  HostConfig: { NetworkMode: 'none', RestartPolicy: { Name }, ...more },
})

async function inspect(daemon: TestDaemon, id: string): Promise<Inspect | undefined> {
  const { status, body } = await daemon.api.get<Inspect>(`/containers/${id}/json`)
  return status === 200 ? body : undefined
}

async function statusOf(daemon: TestDaemon, id: string): Promise<string> {
  return (await inspect(daemon, id))?.State.Status ?? 'gone'
}

const becomes = (daemon: TestDaemon, id: string, status: string) =>
  until(`${id} ${status}`, async () => (await statusOf(daemon, id)) === status)

/** As a power failure: nothing of a container runs any more, and the boot has another id. */
async function reboot(daemon: TestDaemon, ids: readonly string[]): Promise<void> {
  const pids: number[] = []
  for (const id of ids) {
    const pid = (await inspect(daemon, id))!.State.Pid
    const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]
    pids.push(Number(parent), pid)
  }
  await daemon.crash()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await until('their ends', () => pids.every(isGone))
  const db = new Database(join(daemon.dataRoot, 'state.db'))
  db.prepare("UPDATE container SET boot_id = 'the boot before'").run()
  db.close()
  await daemon.boot()
}

function isGone(pid: number): boolean {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}

test('a reboot ends all with 255; policies and --rm act, in the order of namespaces', async () => {
  await using daemon = await TestDaemon.start()
  const plain = await daemon.run(policy('no'))
  const always = await daemon.run(policy('always'))
  const stopped = await daemon.run(policy('unless-stopped'))
  const unless = await daemon.run(policy('unless-stopped'))
  const failed = await daemon.run(policy('on-failure'))
  const vanishing = await daemon.run(policy('no', { AutoRemove: true }))
  const join = await daemon.run(policy('always', { PidMode: `container:${always}` }))
  await daemon.api.post(`/containers/${stopped}/stop?t=0`)
  await reboot(daemon, [plain, always, unless, failed, vanishing, join])
  for (const id of [always, unless, failed, join]) {
    await becomes(daemon, id, 'running')
    assert.equal((await inspect(daemon, id))!.RestartCount, 0)
  }
  await becomes(daemon, vanishing, 'gone')
  const ended = (await inspect(daemon, plain))!.State
  assert.deepEqual([ended.Status, ended.ExitCode], ['exited', 255])
  assert.equal(await statusOf(daemon, stopped), 'exited')
})

test('an orderly end without live-restore stops them; a policy brings them back', async () => {
  await using daemon = await TestDaemon.start({ config: { 'live-restore': false } })
  const trap = ['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.05; done']
  const plain = await daemon.run({ ...policy('no'), Cmd: trap })
  const always = await daemon.run({ ...policy('always'), Cmd: trap })
  const unless = await daemon.run({ ...policy('unless-stopped'), Cmd: trap })
  const byUser = await daemon.run({ ...policy('always'), Cmd: trap })
  await daemon.api.post(`/containers/${byUser}/stop?t=0`)
  assert.equal(await daemon.end('SIGTERM'), 0)
  await daemon.boot()
  for (const id of [always, unless, byUser]) await becomes(daemon, id, 'running')
  const ended = (await inspect(daemon, plain))!.State
  assert.deepEqual([ended.Status, ended.ExitCode], ['exited', 7])
})

test('kill -9 without live-restore: the next daemon stops what runs, and policies act', async () => {
  await using daemon = await TestDaemon.start({ config: { 'live-restore': false } })
  const plain = await daemon.run({ ...policy('no'), StopTimeout: 0 })
  const unless = await daemon.run({ ...policy('unless-stopped'), StopTimeout: 0 })
  const { Pid } = (await inspect(daemon, unless))!.State
  await daemon.crash()
  await daemon.boot()
  await becomes(daemon, plain, 'exited')
  await until('another process', async () => {
    const { State } = (await inspect(daemon, unless))!
    return State.Status === 'running' && State.Pid !== Pid
  })
})

test('what ended while no daemon was there', async () => {
  await using daemon = await TestDaemon.start()
  const brief = ['sh', '-c', 'sleep 0.5; exit 6']
  const vanishing = await daemon.run({
    Cmd: brief,
    HostConfig: { NetworkMode: 'none', AutoRemove: true },
  })
  const kept = await daemon.run({ Cmd: brief, HostConfig: { NetworkMode: 'none' } })
  const again = await daemon.run({ ...policy('on-failure'), Cmd: brief })
  const { body } = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: 'busybox',
    HostConfig: { AutoRemove: true },
  })
  const pids = await Promise.all(
    [vanishing, kept, again].map(async (id) => (await inspect(daemon, id))!.State.Pid),
  )
  await daemon.crash()
  await until('their ends', () => pids.every(isGone))
  await daemon.boot()
  await becomes(daemon, vanishing, 'gone')
  await becomes(daemon, body.Id, 'gone')
  await becomes(daemon, kept, 'exited')
  assert.equal((await inspect(daemon, kept))!.State.ExitCode, 6)
  await until('it again', async () => (await inspect(daemon, again))!.State.Pid > 0)
})

test('a restart that was waiting when the daemon ended is made up for', async () => {
  await using daemon = await TestDaemon.start()
  const body = { ...policy('always'), Cmd: ['sh', '-c', 'exit 3'] }
  const id = await daemon.run(body)
  await until('a long pause', async () => {
    const { State, RestartCount } = (await inspect(daemon, id))!
    return State.Status === 'restarting' && RestartCount >= 4
  })
  await daemon.crash()
  await daemon.boot()
  await until('a new count', async () => {
    const { RestartCount } = (await inspect(daemon, id))!
    return RestartCount > 0 && RestartCount < 4
  })
})
