/** kill -9 of the daemon under running containers: nothing of theirs is lost. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { TestDaemon, until } from '../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

interface Inspect {
  State: { Status: string; Pid: number; ExitCode: number; FinishedAt: string }
}
const inspect = async (id: string): Promise<Inspect['State']> =>
  (await daemon.api.get<Inspect>(`/containers/${id}/json`)).body.State

test('20 writing containers go on with the same pids and whole logs', async () => {
  const ids = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      daemon.run(
        { Cmd: ['sh', '-c', 'i=0; while true; do echo line $i; i=$((i+1)); usleep 2000; done'] },
        `writer${n}`,
      ),
    ),
  )
  const before_ = await Promise.all(ids.map(inspect))
  await daemon.crash()
  for (const { Pid } of before_)
    assert.match(readFileSync(`/proc/${Pid}/stat`, 'utf8'), /^\d+ \(sh\)/)
  await daemon.boot()
  await until('all to be seen running', async () => {
    const states = await Promise.all(ids.map(inspect))
    return states.every(
      ({ Status }, n) => Status === 'running' && states[n]!.Pid === before_[n]!.Pid,
    )
  })
  await daemon.crash()
  await daemon.boot()
  for (const id of ids) {
    assert.equal((await daemon.api.post(`/containers/${id}/kill`)).status, 204)
    assert.equal(await daemon.wait(id), 137)
    const lines = (await daemon.logs(id)).trimEnd().split('\n')
    assert.ok(lines.length > 10)
    lines.forEach((line, n) => assert.equal(line, `line ${n}`))
    await daemon.api.delete(`/containers/${id}`)
  }
})

test('exit codes of those that ended meanwhile are right, waiters come back to them', async () => {
  const codes = [0, 1, 3, 77, 126, 255]
  const ids = await Promise.all(
    codes.map((code) =>
      daemon.run({
        Cmd: ['sh', '-c', `while [ ! -e /go ]; do usleep 5000; done; echo bye; exit ${code}`],
      }),
    ),
  )
  const states = await Promise.all(ids.map(inspect))
  const late = await daemon.run({
    Cmd: ['sh', '-c', 'while [ ! -e /go ]; do usleep 5000; done; exit 9'],
  })
  const killed = await daemon.run({ Cmd: ['sleep', '1000'] })
  const killedPid = (await inspect(killed)).Pid
  const latePid = (await inspect(late)).Pid
  await daemon.crash()
  const { writeFileSync } = await import('node:fs')
  for (const { Pid } of states) writeFileSync(`/proc/${Pid}/root/go`, '')
  process.kill(killedPid, 'SIGKILL')
  await until('the processes to end', () =>
    [...states.map(({ Pid }) => Pid), killedPid].every((pid) => !isAlive(pid)),
  )
  await daemon.boot()
  for (const [n, id] of ids.entries()) {
    assert.equal(await daemon.wait(id), codes[n])
    assert.equal(await daemon.logs(id), 'bye\n')
  }
  assert.equal(await daemon.wait(killed), 137)
  const waiting = daemon.wait(late)
  writeFileSync(`/proc/${latePid}/root/go`, '')
  assert.equal(await waiting, 9)
  const events = await daemon.api.get(
    `/events?since=0&until=${Math.ceil(Date.now() / 1000) + 1}&filters={"event":["die"]}`,
  )
  for (const id of [...ids, killed]) assert.ok(events.text.includes(id), 'a die event for each')
})

test('an attached client goes on over the crash', async () => {
  const created = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: 'busybox',
    Cmd: ['sh', '-c', 'while read line; do echo "got $line"; done'],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: { NetworkMode: 'none' },
  })
  const { Id } = created.body
  const { socket } = await daemon.api.upgrade(
    `/containers/${Id}/attach?stream=1&stdin=1&stdout=1&stderr=1`,
  )
  let seen = ''
  socket.on('data', (part: Buffer) => (seen += part.toString()))
  await daemon.api.post(`/containers/${Id}/start`)
  socket.write('one\n')
  await until('the first answer', () => seen.includes('got one'))
  await daemon.crash()
  socket.write('two\n')
  await until('an answer while no daemon is there', () => seen.includes('got two'))
  await daemon.boot()
  socket.end('three\n')
  await until('the last answer', () => seen.includes('got three'))
  assert.equal(await daemon.wait(Id), 0)
})

test('SIGTERM leaves containers running too, and the next daemon stops them when told', async () => {
  const id = await daemon.run({ Cmd: ['sleep', '1000'] })
  const { Pid } = await inspect(id)
  assert.equal(await daemon.end('SIGTERM'), 0)
  assert.ok(isAlive(Pid))
  await daemon.boot()
  await until('it to be seen running', async () => (await inspect(id)).Status === 'running')
  assert.equal((await daemon.api.post(`/containers/${id}/stop?t=0`)).status, 204)
  assert.equal((await inspect(id)).Status, 'exited')
})

test('the monitor killed: the container is ended and told so', async () => {
  const id = await daemon.run({ Cmd: ['sleep', '1000'] })
  const { Pid } = await inspect(id)
  const shim = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${Pid}/status`, 'utf8'))![1])
  process.kill(shim, 'SIGKILL')
  assert.equal(await daemon.wait(id), 137)
  assert.ok(!isAlive(Pid))
})

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
