/** Out of memory: who is told, and when. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isV2 } from '../../lib/cgroup-files.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const MiB = 1 << 20
const limited = { NetworkMode: 'none', Memory: 16 * MiB, MemorySwap: 16 * MiB }
/** Reads all of a gigabyte into one buffer. */
const devour = 'dd if=/dev/zero of=/dev/null bs=1024M count=1'

const isFlagged = async (id: string): Promise<boolean> => {
  const { body } = await daemon.api.get<{ State: { OOMKilled: boolean } }>(`/containers/${id}/json`)
  return body.State.OOMKilled
}

async function actionsOf(id: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [id], type: ['container'] }))
  const end = Math.floor(Date.now() / 1000) + 1
  const { text } = await daemon.api.get(`/events?since=1&until=${end}&filters=${filters}`)
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { Action: string }).Action)
}

test('a child is killed: told at once, and the container runs on', async () => {
  const id = await daemon.run({
    Cmd: ['sh', '-c', `${devour}; echo $?; sleep 600`],
    HostConfig: limited,
  })
  await until('the event', async () => (await actionsOf(id)).includes('oom'))
  assert.equal(await isFlagged(id), true)
  await until('the code', async () => (await daemon.logs(id)).includes('137'))
  const { body } = await daemon.api.get<{ State: { Status: string } }>(`/containers/${id}/json`)
  assert.equal(body.State.Status, 'running')
  await daemon.api.post(`/containers/${id}/kill`)
  assert.equal((await actionsOf(id)).filter((action) => action === 'oom').length, 1)
})

test('init is killed: 137, the flag, and the event before the end', async () => {
  const id = await daemon.run({ Cmd: devour.split(' '), HostConfig: limited })
  assert.equal(await daemon.wait(id), 137)
  assert.equal(await isFlagged(id), true)
  const actions = await actionsOf(id)
  assert.ok(actions.indexOf('oom') > 0 && actions.indexOf('oom') < actions.indexOf('die'))
  await daemon.api.post(`/containers/${id}/start`)
  await daemon.wait(id)
})

test('killed while there was no daemon: the next one tells it', async () => {
  const id = await daemon.run({
    Cmd: ['sh', '-c', `while [ ! -e /go ]; do sleep 0.05; done; ${devour}; echo $?; sleep 600`],
    HostConfig: limited,
  })
  const pid = (await daemon.api.get<{ State: { Pid: number } }>(`/containers/${id}/json`)).body
    .State.Pid
  await daemon.crash()
  const { existsSync, readFileSync, writeFileSync } = await import('node:fs')
  writeFileSync(`/proc/${pid}/root/go`, '')
  const log = `${daemon.dataRoot}/containers/${id}/${id}-json.log`
  await until('the kill', () => existsSync(log) && readFileSync(log, 'utf8').includes('137'))
  await daemon.boot()
  await until('the event', async () => (await actionsOf(id)).includes('oom'))
  assert.equal(await isFlagged(id), true)
  await daemon.crash()
  await daemon.boot()
  await daemon.api.post(`/containers/${id}/kill`)
  assert.equal((await actionsOf(id)).filter((action) => action === 'oom').length, 1)
})

test('memory is out and the killer is off: told, and nobody dies', { skip: isV2 }, async () => {
  const id = await daemon.run({
    // A page fault of the program itself waits; within read(2) it would only fail.
    Cmd: ['awk', 'BEGIN { text = "x"; while (1) text = text text }'],
    HostConfig: { ...limited, OomKillDisable: true },
  })
  await until('the event', async () => (await actionsOf(id)).includes('oom'))
  assert.equal(await isFlagged(id), true)
  assert.equal((await daemon.api.delete(`/containers/${id}?force=1`)).status, 204)
})
